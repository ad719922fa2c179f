"""Ollama's answers of `/api/chat` and `/api/generate`: NDJSON chunks, or one JSON object.

A chat's chunk is `{"model", "created_at", "message": {"role", "content", …}, "done"}`, a text's has `"response"` in the
message's place; the last has `done: true`, a `done_reason` and counts; durations are nanoseconds. An empty chunk is
what its clients take for a keep-alive. An error is `{"error": "a sentence"}`; `code` and `request_id` are ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from backend.chat.outcome import Outcome
from backend.dialects.common.translation import Translation
from backend.errors import ApiError
from wire.events import EventId, LogEntry

NS = 1_000_000  # nanoseconds a millisecond


def stamp() -> bytes:
    """Now, in RFC 3339 with microseconds. Runs per chunk: isoformat would cost more than the chunk's JSON."""
    now = time.time_ns()
    return b"%b.%06dZ" % (_second(now // 1_000_000_000), now // 1_000 % 1_000_000)


@lru_cache(maxsize=2)
def _second(second: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()


def timestamp() -> str:
    return stamp().decode()


def envelope(model: str, content: str, done: bool) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {"model": model, "created_at": timestamp(), "message": message, "done": done}


def text_envelope(model: str, content: str, done: bool) -> dict[str, Any]:
    return {"model": model, "created_at": timestamp(), "response": content, "done": done}


class ChunkForm(NamedTuple):
    """How a route writes text. `head` and `tail` stand around the text in a chunk that has nothing else."""

    head: bytes
    tail: bytes
    envelope: Callable[[str, str, bool], dict[str, Any]]

    def beside(self, chunk: dict[str, Any]) -> dict[str, Any]:
        """Where, in one of its chunks, thoughts and tool calls stand."""
        place: dict[str, Any] = chunk.get("message", chunk)
        return place


CHAT = ChunkForm(b'"message":{"role":"assistant","content":', b'},"done":false}\n', envelope)
TEXT = ChunkForm(b'"response":', b',"done":false}\n', text_envelope)


class OllamaChunks(Translation):
    """A stream's chunks, a line each. This protocol has no word for an attempt that is void, and none for an id."""

    media_type = "application/x-ndjson"

    def __init__(self, model: str, form: ChunkForm = CHAT) -> None:
        super().__init__(flowing=True)
        self._model = model
        self._form = form
        name = orjson.dumps(model).replace(b"%", b"%%")
        self._text_format = b'{"model":%b,"created_at":"%%b",%b%%b%b' % (name, form.head, form.tail)

    def _plain(self, id: EventId, literal: bytes) -> bytes:
        self._begun = True
        return self._text_format % (stamp(), literal)

    def _token(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        self._begun = True
        return line(partial(self._model, fields, self._form))

    def _completed(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return line(final(self._model, fields, self._form))

    def _id_line(self, entry: LogEntry) -> bytes:
        return b""

    def keep_alive(self) -> bytes:
        return line(self._form.envelope(self._model, "", False))

    def broken(self, error: ApiError) -> bytes:
        self.done = True
        return line({"error": error.message, "code": error.code})


def line(chunk: dict[str, Any]) -> bytes:
    return orjson.dumps(chunk, option=orjson.OPT_APPEND_NEWLINE)


def partial(model: str, token: dict[str, Any], form: ChunkForm = CHAT) -> dict[str, Any]:
    """A `token` event as a chunk."""
    chunk = form.envelope(model, token.get("text", ""), False)
    for name in ("thinking", "tool_calls"):
        if name in token:
            form.beside(chunk)[name] = token[name]
    if "logprobs" in token:
        chunk["logprobs"] = token["logprobs"]
    return chunk


def final(model: str, end: dict[str, Any], form: ChunkForm = CHAT) -> dict[str, Any]:
    """The `completed` event as the last chunk."""
    return {**form.envelope(model, "", True), **counts(end)}


def counts(end: dict[str, Any]) -> dict[str, Any]:
    """The `completed` event as Ollama's closing fields."""
    usage, timings = end.get("usage", {}), end.get("timings", {})
    reason = end.get("finish_reason", "stop")
    return {
        "done_reason": "stop" if reason == "tool_calls" else reason,
        "total_duration": (timings.get("queued_ms", 0) + timings.get("total_ms", 0)) * NS,
        "load_duration": timings.get("load_ms", 0) * NS,
        "prompt_eval_count": usage.get("prompt_tokens", 0),
        "prompt_eval_duration": timings.get("prompt_ms", 0) * NS,
        "eval_count": usage.get("completion_tokens", 0),
        "eval_duration": timings.get("generate_ms", 0) * NS,
    }


def whole(model: str, outcome: Outcome, form: ChunkForm = CHAT) -> dict[str, Any]:
    """The answer of a call with `stream: false`."""
    answer = {**form.envelope(model, "".join(outcome.text), True), **counts(outcome.end)}
    if thinking := "".join(outcome.thinking):
        form.beside(answer)["thinking"] = thinking
    if outcome.tool_calls:
        form.beside(answer)["tool_calls"] = outcome.tool_calls
    if outcome.logprobs:
        answer["logprobs"] = outcome.logprobs
    return answer
