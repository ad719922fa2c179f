"""OpenAI's streams of chunks, which chat and completions have in common: frames, and `data: [DONE]` at the end.

Where a request wants several choices, each choice has a translator of its own, and the cost and `[DONE]` come behind
all choices. An error is the last frame of its stream. This protocol has no word for an attempt that is void.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from backend.dialects.common.sse import DONE, queue_line
from backend.dialects.common.translation import Translation
from backend.dialects.openai.errors import error_frame
from backend.errors import ApiError
from wire.events import EventId, LogEntry
from wire.ids import JobId


class ChoicePlace(NamedTuple):
    """The place of a choice among those of its answer, whose id is made of the first choice's job."""

    number: int
    job: JobId


class Chunks(Translation):
    """The chunks of one choice. `text_format`: the frame of a plain text, see `common.sse.text_frame`. `among`: its
    place among several choices, None: it is the only one.
    """

    def __init__(self, text_format: bytes, among: ChoicePlace | None = None) -> None:
        super().__init__()
        self._alone = among is None
        self._text_format = text_format

    @abstractmethod
    def _chunk_of(self, fields: dict[str, Any]) -> bytes:
        """The frame of a `token` event."""

    @abstractmethod
    def _last(self, end: dict[str, Any]) -> bytes:
        """The chunk with the reason of a `completed` event."""

    @abstractmethod
    def _cost(self, ends: Sequence[dict[str, Any]]) -> bytes:
        """The chunk with the answer's cost, where the request wants it."""

    def _first(self) -> bytes:
        """What comes before the first chunk of an answer."""
        return b""

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = self._flowing = True
        return self._first()

    def _plain(self, id: EventId, literal: bytes) -> bytes:
        attempt, seq = id
        return self._text_format % (attempt, seq, literal)

    def _token(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return self._begin() + self._id_line(entry) + self._chunk_of(fields)

    def _queued(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return queue_line(fields)

    def _completed(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        last = self._begin() + self._last(fields)
        return last + self._cost([fields]) + self._id_line(entry) + DONE if self._alone else last

    def closing(self, ends: Sequence[dict[str, Any]]) -> bytes:
        """The end of the stream, behind all choices."""
        return self._cost(ends) + DONE

    def broken(self, error: ApiError) -> bytes:
        self.done = True
        return error_frame(error)
