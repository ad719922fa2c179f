"""OpenAI's streams of chunks, which chat and completions have in common: frames, and `data: [DONE]` at the end.

Where a request asks for several choices, each has a translator of its own, and the cost and `[DONE]` come behind all.

What fails on the way is told as an error and nothing after it. `restarted` after anything was told has no word in this
protocol: it ends as an error, and nothing is mixed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from backend.dialects.common.fast_text import text_literal
from backend.dialects.common.sse import DONE, id_line, queue_line
from backend.dialects.openai.errors import error_frame
from backend.errors import ApiError, JobFailed, interrupted
from wire.events import LogEntry
from wire.ids import JobId


class Place(NamedTuple):
    """Of a choice among those of its answer, whose id is made of the first one's job."""

    number: int
    job: JobId


class Chunks(ABC):
    """`text_format`: the frame of a plain text, see `common.sse.text_frame`. `among`: it is one of several
    choices, None: the only one."""

    media_type = "text/event-stream"

    def __init__(self, text_format: bytes, among: Place | None = None) -> None:
        self.done = False
        self.end: dict[str, Any] = {}
        self._alone = among is None
        self._text = text_format
        self._said = False  # something of this attempt has gone out

    @abstractmethod
    def _token(self, fields: dict[str, Any]) -> bytes:
        """The frame of a `token` event."""

    @abstractmethod
    def _last(self, end: dict[str, Any]) -> bytes:
        """The chunk with the reason of a `completed` event."""

    @abstractmethod
    def _cost(self, ends: Sequence[dict[str, Any]]) -> bytes:
        """The chunk with what the answer has cost, where it was asked for."""

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
            self.done, self.end = True, fields
            last = self._open() + self._last(fields)
            return last + self._cost([fields]) + id_line(entry) + DONE if self._alone else last
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

    def closing(self, ends: Sequence[dict[str, Any]]) -> bytes:
        """Of all choices together."""
        return self._cost(ends) + DONE

    def broken(self, error: ApiError) -> bytes:
        self.done = True
        return error_frame(error)
