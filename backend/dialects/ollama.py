"""Ollama's `/api/chat`: NDJSON chunks, or one JSON object.

A chunk is `{"model", "created_at", "message": {"role", "content", …}, "done"}`; the last has `done: true`, a
`done_reason` and counts; durations are nanoseconds. An empty chunk is what its clients take for a keep-alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from backend.errors import ApiError
from backend.relay import Outcome
from wire.events import LogEntry

NS = 1_000_000  # nanoseconds a millisecond


def timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class OllamaChunks:
    """`restarted` after text was sent cannot be told in this protocol: it ends as an error, and nothing is mixed."""

    media_type = "application/x-ndjson"

    def __init__(self, model: str) -> None:
        self.done = False
        self._model = model
        self._said = False  # text has gone out

    def opening(self) -> bytes:
        return b""

    def burst(self, entries: Sequence[LogEntry]) -> bytes:
        lines = []
        for entry in entries:
            if not self.done and (chunk := self._chunk(entry)) is not None:
                lines.append(orjson.dumps(chunk, option=orjson.OPT_APPEND_NEWLINE))
        return b"".join(lines)

    def _chunk(self, entry: LogEntry) -> dict[str, Any] | None:
        fields = entry.fields()
        kind = fields.get("type")
        if kind == "token":
            self._said = True
            return self._partial(fields)
        if kind == "restarted" and self._said:
            return self._error("The answer was interrupted and begins anew; send the request again.")
        if kind == "completed":
            self.done = True
            return {**self._envelope("", True), **counts(fields)}
        if kind in ("failed", "cancelled"):
            return self._error(fields.get("message", "The job was cancelled."))
        return None

    def _partial(self, fields: dict[str, Any]) -> dict[str, Any]:
        chunk = self._envelope(fields.get("text", ""), False)
        for name in ("thinking", "tool_calls"):
            if name in fields:
                chunk["message"][name] = fields[name]
        if "logprobs" in fields:
            chunk["logprobs"] = fields["logprobs"]
        return chunk

    def _envelope(self, content: str, done: bool) -> dict[str, Any]:
        message = {"role": "assistant", "content": content}
        return {"model": self._model, "created_at": timestamp(), "message": message, "done": done}

    def _error(self, message: str) -> dict[str, Any]:
        self.done = True
        return {"error": message}

    def keep_alive(self) -> bytes:
        return orjson.dumps(self._envelope("", False), option=orjson.OPT_APPEND_NEWLINE)

    def broken(self, error: ApiError) -> bytes:
        return orjson.dumps(self._error(error.message), option=orjson.OPT_APPEND_NEWLINE)


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


def whole(model: str, outcome: Outcome) -> bytes:
    """The answer of a call with `stream: false`."""
    message: dict[str, Any] = {"role": "assistant", "content": "".join(outcome.text)}
    if thinking := "".join(outcome.thinking):
        message["thinking"] = thinking
    if outcome.tool_calls:
        message["tool_calls"] = outcome.tool_calls
    answer = {"model": model, "created_at": timestamp(), "message": message, "done": True, **counts(outcome.end)}
    if outcome.logprobs:
        answer["logprobs"] = outcome.logprobs
    return orjson.dumps(answer)
