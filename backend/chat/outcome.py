"""The whole of a job's answer, for a caller who waits for it: what every dialect's plain JSON is made of."""

from __future__ import annotations

from typing import Any

from backend.errors import JobFailed
from wire.events import TERMINAL, LogEntry


class Outcome:
    """Everything a caller learns who waits for the whole answer: what all dialects' plain JSON is made of."""

    def __init__(self) -> None:
        self.end: dict[str, Any] = {}
        self.restarts = 0
        self._void()

    def _void(self) -> None:
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.tool_calls: list[dict[str, Any]] = []
        self.logprobs: list[dict[str, Any]] = []
        self.embeddings: list[str] = []

    def add(self, entry: LogEntry) -> None:
        fields = entry.fields()
        kind = fields.get("type")
        if kind == "token":
            self._add_token(fields)
        elif kind == "restarted":
            self.restarts += 1
            self._void()
        elif kind in TERMINAL:
            self.end = fields

    def _add_token(self, fields: dict[str, Any]) -> None:
        self.text.append(fields.get("text", ""))
        self.thinking.append(fields.get("thinking", ""))
        self.tool_calls.extend(fields.get("tool_calls", ()))
        self.logprobs.extend(fields.get("logprobs", ()))
        self.embeddings.extend(fields.get("embeddings", ()))

    def checked(self) -> Outcome:
        """Self, or the job's failure raised."""
        if self.end.get("type") in ("failed", "cancelled"):
            raise JobFailed.of(self.end)
        return self
