"""Anthropic's `/v1/messages`: a message in blocks, whole or as its sequence of events.

event: message_start          with the first piece of the answer: only then is it known which model answers
event: content_block_start    a block of text, thinking or a tool's use …
event: content_block_delta    … grows …
event: content_block_stop     … and ends before the next begins
event: message_delta          why it stopped, and the usage
event: message_stop

`ping` keeps the connection alive, `error` ends it. The last frame of an event in our log carries its `id:`, which
`/api/jobs/{id}/events` takes as `Last-Event-ID`; Anthropic's clients pass over it and over comments.
"""

from __future__ import annotations

from typing import Any

import orjson

from backend.chat.outcome import Outcome
from backend.dialects.anthropic.errors import refusal
from backend.dialects.common.sse import queue_line
from backend.dialects.common.tools import call_id, hex_of
from backend.dialects.common.translation import Translation
from backend.entrance.context import request_id
from backend.errors import ApiError
from wire.events import EventId, LogEntry
from wire.ids import JobId

UNSTOPPED: dict[str, str | None] = {"stop_reason": None, "stop_sequence": None}
STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
EMPTY: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
SIGNATURE = {"type": "signature_delta", "signature": ""}  # thoughts are not signed here, and no client checks


class AnthropicEvents(Translation):
    """The events of one stream. `thoughts`: they are sent. This protocol has no word for an attempt that is void."""

    def __init__(self, job: JobId, model: str, thoughts: bool) -> None:
        super().__init__()
        self._job = job
        self._model = model
        self._thoughts = thoughts
        self._open = ""  # the kind of the block that grows
        self._index = -1  # its place
        self._calls = 0
        self._text_head = b""  # of a delta, while text grows

    def _plain(self, id: EventId, literal: bytes) -> bytes:
        attempt, seq = id
        return b"id: %d-%d\n%b%b}}\n\n" % (attempt, seq, self._text_head, literal)

    def _token(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        frames = []
        if self._thoughts and (thinking := fields.get("thinking")):
            frames += [*self._block("thinking"), self._delta({"type": "thinking_delta", "thinking": thinking})]
        if text := fields.get("text"):
            frames += [*self._block("text"), self._delta({"type": "text_delta", "text": text})]
        for call in fields.get("tool_calls", ()):
            frames += self._call(tool_use(self._job, self._calls, call))
        return self._numbered(entry, frames)

    def _started(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        self._model = fields.get("model") or self._model
        return b""

    def _queued(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return queue_line(fields)

    def _completed(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        reason = stopped(fields, self._calls)
        delta = frame({"type": "message_delta", "delta": reason, "usage": usage(fields)})
        return self._numbered(entry, [*self._begin(), *self._close(), delta, frame({"type": "message_stop"})])

    def _numbered(self, entry: LogEntry, frames: list[bytes]) -> bytes:
        return b"".join([*frames[:-1], self._id_line(entry), frames[-1]]) if frames else b""

    def _call(self, use: dict[str, Any]) -> list[bytes]:
        """A call comes whole: its block grows by one delta."""
        self._calls += 1
        arguments = {"type": "input_json_delta", "partial_json": orjson.dumps(use["input"]).decode()}
        return [*self._block("tool_use", {**use, "input": {}}), self._delta(arguments)]

    def _block(self, kind: str, block: dict[str, Any] | None = None) -> list[bytes]:
        """Frames up to the start of a block of this kind; none if it is the one that grows."""
        if self._open == kind and block is None:
            return []
        frames = [*self._begin(), *self._close()]
        self._open = kind
        self._flowing = kind == "text"
        self._index += 1
        self._text_head = TEXT_HEAD % self._index if kind == "text" else b""
        start = {"type": "content_block_start", "index": self._index, "content_block": block or EMPTY[kind]}
        return [*frames, frame(start)]

    def _begin(self) -> list[bytes]:
        if self._begun:
            return []
        self._begun = True
        return [frame({"type": "message_start", "message": message(self._job, self._model, [], UNSTOPPED, usage({}))})]

    def _close(self) -> list[bytes]:
        if not self._open:
            return []
        signature = [self._delta(SIGNATURE)] if self._open == "thinking" else []
        self._open = ""
        self._flowing = False
        return [*signature, frame({"type": "content_block_stop", "index": self._index})]

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return frame({"type": "content_block_delta", "index": self._index, "delta": delta})

    def keep_alive(self) -> bytes:
        return PING

    def broken(self, error: ApiError) -> bytes:
        self.done = True
        return frame(refusal(error, request_id()).body)


TEXT_HEAD = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":'
)


def frame(data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (data["type"].encode(), orjson.dumps(data))


def message(
    job: JobId, model: str, content: list[dict[str, Any]], stop: dict[str, str | None], used: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": f"msg_{hex_of(job)}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        **stop,
        "usage": used,
    }


def whole(job: JobId, model: str, thoughts: bool, outcome: Outcome) -> dict[str, Any]:
    """The answer of a call that does not stream."""
    thinking, text = "".join(outcome.thinking) if thoughts else "", "".join(outcome.text)
    content: list[dict[str, Any]] = [{**EMPTY["thinking"], "thinking": thinking}] if thinking else []
    content += [{**EMPTY["text"], "text": text}] if text else []
    content += [tool_use(job, place, call) for place, call in enumerate(outcome.tool_calls)]
    stop = stopped(outcome.end, len(outcome.tool_calls))
    return message(job, outcome.end.get("model") or model, content, stop, usage(outcome.end))


def tool_use(job: JobId, place: int, call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function", {})
    name, arguments = function.get("name", ""), function.get("arguments") or {}
    return {"type": "tool_use", "id": call.get("id") or call_id(job, place, "toolu"), "name": name, "input": arguments}


def stopped(end: dict[str, Any], calls: int) -> dict[str, str | None]:
    """Why an answer ended. Where an engine does not report its stop sequence, that end is `end_turn`, too."""
    reason = STOPS.get(end.get("finish_reason", "stop"), "end_turn")
    if calls and reason == "end_turn":
        return {**UNSTOPPED, "stop_reason": "tool_use"}
    if (stop := end.get("stop_sequence")) and reason == "end_turn":
        return {"stop_reason": "stop_sequence", "stop_sequence": stop}
    return {**UNSTOPPED, "stop_reason": reason}


def usage(end: dict[str, Any]) -> dict[str, Any]:
    """All zero before the end: engines count when they are done. Cached tokens are not counted as input, as there."""
    used = end.get("usage", {})
    cached = used.get("cached_tokens", 0)
    return {
        "input_tokens": max(0, used.get("prompt_tokens", 0) - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": used.get("completion_tokens", 0),
        "output_tokens_details": {"thinking_tokens": used.get("thinking_tokens", 0)},
    }
