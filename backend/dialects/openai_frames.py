"""OpenAI's streams of chunks, which chat and completions have in common: frames, and `data: [DONE]` at the end.

What fails on the way is told as an error and nothing after it. `restarted` after anything was told has no word in this
protocol: it ends as an error, and nothing is mixed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from backend.dialects.fast_text import text_literal
from backend.dialects.openai_errors import error_frame
from backend.dialects.sse import DONE, id_line, queue_line
from backend.errors import ApiError, JobFailed, interrupted
from wire.events import LogEntry


class Chunks(ABC):
    """`text_format`: the frame of a plain text, see `backend.dialects.sse.text_frame`."""

    media_type = "text/event-stream"

    def __init__(self, text_format: bytes) -> None:
        self.done = False
        self._text = text_format
        self._said = False  # something of this attempt has gone out

    @abstractmethod
    def _token(self, fields: dict[str, Any]) -> bytes:
        """The frame of a `token` event."""

    @abstractmethod
    def _closing(self, end: dict[str, Any]) -> bytes:
        """What is told of a `completed` event, but for its end mark."""

    @abstractmethod
    def keep_alive(self) -> bytes:
        """A chunk that adds nothing."""

    def _begin(self) -> bytes:
        """What comes before the first chunk of an answer."""
        return b""

    def opening(self) -> bytes:
        return b""

    def burst(self, entries: Sequence[LogEntry]) -> bytes:
        frames = []
        for entry in entries:
            if self.done:
                break
            id, body = entry
            if self._said and id is not None and (text := text_literal(body)) is not None:
                attempt, seq = id
                frames.append(self._text % (attempt, seq, text))
            else:
                frames.append(self._frames(entry))
        return b"".join(frames)

    def _frames(self, entry: LogEntry) -> bytes:
        fields = entry.fields()
        kind = fields.get("type")
        if kind == "token":
            return self._open() + id_line(entry) + self._token(fields)
        if kind == "queued":
            return queue_line(fields)
        if kind == "completed":
            self.done = True
            return self._open() + self._closing(fields) + id_line(entry) + DONE
        if kind in ("failed", "cancelled"):
            return id_line(entry) + self.broken(JobFailed.of(fields))
        if kind == "restarted" and self._said:
            return id_line(entry) + self.broken(interrupted())
        return b""

    def _open(self) -> bytes:
        if self._said:
            return b""
        self._said = True
        return self._begin()

    def broken(self, error: ApiError) -> bytes:
        self.done = True
        return error_frame(error)
