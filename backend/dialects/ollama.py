"""Ollama's `/api/chat`: NDJSON chunks, or one JSON object.

A chunk is `{"model", "created_at", "message": {"role", "content", …}, "done"}`; the last has `done: true`, a
`done_reason` and counts; durations are nanoseconds. An empty chunk is what its clients take for a keep-alive.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from backend.dialects.fast_text import text_literal
from backend.errors import ApiError, interrupted
from backend.relay import Outcome
from wire.events import LogEntry

NS = 1_000_000  # nanoseconds a millisecond
TAIL = b'},"done":false}\n'


def timestamp() -> str:
    """Now, in RFC 3339 with microseconds. Runs per chunk: isoformat would cost more than the chunk's JSON."""
    now = time.time_ns()
    return f"{_second(now // 1_000_000_000)}.{now // 1_000 % 1_000_000:06d}Z"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


class OllamaChunks:
    """`restarted` after text was sent cannot be told in this protocol: it ends as an error, and nothing is mixed."""

    media_type = "application/x-ndjson"

    def __init__(self, model: str) -> None:
        self.done = False
        self._model = model
        self._said = False  # text has gone out
        name = orjson.dumps(model).replace(b"%", b"%%")
        self._head = b'{"model":%b,"created_at":"%%b","message":{"role":"assistant","content":' % name

    def opening(self) -> bytes:
        return b""

    def burst(self, entries: Sequence[LogEntry]) -> bytes:
        lines = []
        for entry in entries:
            if (text := text_literal(entry.body)) is not None and not self.done:
                self._said = True
                lines.append(self._head % timestamp().encode() + text + TAIL)
                continue
            if not self.done and (chunk := self._chunk(entry)) is not None:
                lines.append(orjson.dumps(chunk, option=orjson.OPT_APPEND_NEWLINE))
        return b"".join(lines)

    def _chunk(self, entry: LogEntry) -> dict[str, Any] | None:
        fields = entry.fields()
        kind = fields.get("type")
        if kind == "token":
            self._said = True
            return partial(self._model, fields)
        if kind == "restarted" and self._said:
            return self._error(interrupted().message)
        if kind == "completed":
            self.done = True
            return final(self._model, fields)
        if kind in ("failed", "cancelled"):
            return self._error(fields.get("message", "The job was cancelled."))
        return None

    def _error(self, message: str) -> dict[str, Any]:
        self.done = True
        return {"error": message}

    def keep_alive(self) -> bytes:
        return orjson.dumps(envelope(self._model, "", False), option=orjson.OPT_APPEND_NEWLINE)

    def broken(self, error: ApiError) -> bytes:
        return orjson.dumps(self._error(error.message), option=orjson.OPT_APPEND_NEWLINE)


def envelope(model: str, content: str, done: bool) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {"model": model, "created_at": timestamp(), "message": message, "done": done}


def partial(model: str, token: dict[str, Any]) -> dict[str, Any]:
    """A `token` event as a chunk."""
    chunk = envelope(model, token.get("text", ""), False)
    for name in ("thinking", "tool_calls"):
        if name in token:
            chunk["message"][name] = token[name]
    if "logprobs" in token:
        chunk["logprobs"] = token["logprobs"]
    return chunk


def final(model: str, end: dict[str, Any]) -> dict[str, Any]:
    """The `completed` event as the last chunk."""
    return {**envelope(model, "", True), **counts(end)}


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


def whole(model: str, outcome: Outcome) -> dict[str, Any]:
    """The answer of a call with `stream: false`."""
    answer = {**envelope(model, "".join(outcome.text), True), **counts(outcome.end)}
    if thinking := "".join(outcome.thinking):
        answer["message"]["thinking"] = thinking
    if outcome.tool_calls:
        answer["message"]["tool_calls"] = outcome.tool_calls
    if outcome.logprobs:
        answer["logprobs"] = outcome.logprobs
    return answer
