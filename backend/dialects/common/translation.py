"""A job's events become one client's bytes: the part of the translation that is the same in every protocol.

    started ─► (queued …) ─► token: thinking, text, tool calls ─► completed | failed | cancelled
                                │
                                └─ restarted: what was sent so far is void

A token that is plain text goes out without being parsed. A protocol that cannot take text back ends with an error where
an attempt is lost after some of its text went out: attempts are never mixed. Nothing follows the end. Events that no
hook is for, `rerouted` among them, send nothing.

A protocol's translator is a subclass that writes its bytes, and nothing else. Hooks get the entry, for its id, and the
event's fields.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from backend.dialects.common.fast_text import text_literal
from backend.dialects.common.sse import id_line
from backend.errors import ApiError, JobFailed, interrupted
from wire.events import EventId, LogEntry


class Translation(ABC):
    """The translator of one stream: what the relay calls, and the hooks that a protocol fills in.

    `flowing`: plain text may go out unparsed from the first token on; else from when a subclass sets it. `takes_back`:
    the protocol has words for an attempt that is void.
    """

    media_type = "text/event-stream"

    def __init__(self, *, flowing: bool = False, takes_back: bool = False) -> None:
        self.done = False
        self.end: dict[str, Any] = {}  # the `completed` event, {} until then
        self._flowing = flowing
        self._takes_back = takes_back
        self._begun = False  # something of the answer has gone out

    # -- what the relay calls ----------------------------------------------------------------------------------
    def opening(self) -> bytes:
        return b""

    def burst(self, entries: Sequence[LogEntry]) -> bytes:
        if self.done:
            return b""
        frames: list[bytes] = []
        for entry in entries:
            id, body = entry
            if self._flowing and id is not None and (literal := text_literal(body)) is not None:
                frames.append(self._plain(id, literal))
                continue
            frames.append(self._rare(entry))
            if self.done:
                break
        return b"".join(frames)

    @abstractmethod
    def keep_alive(self) -> bytes:
        """An event that adds nothing to the answer, where the protocol has one."""

    @abstractmethod
    def broken(self, error: ApiError) -> bytes:
        """The protocol's error in a stream. Sets `done`."""

    # -- what a protocol writes --------------------------------------------------------------------------------
    @abstractmethod
    def _plain(self, id: EventId, literal: bytes) -> bytes:
        """A token that is text and nothing else; `literal`: the text as a JSON string."""

    @abstractmethod
    def _token(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        """Any token."""

    @abstractmethod
    def _completed(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        """The end of an answer that is whole."""

    def _failed(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        """The end of a job that failed or was cancelled."""
        return self._id_line(entry) + self.broken(JobFailed.of(fields))

    def _started(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return b""

    def _queued(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        return b""

    def _restarted(self, entry: LogEntry, fields: dict[str, Any]) -> bytes:
        """In a protocol that can take text back: what was sent so far is void."""
        return b""

    def _id_line(self, entry: LogEntry) -> bytes:
        """How the protocol writes an event's id; it stands before the last frame of the event."""
        return id_line(entry)

    # -- the machine -------------------------------------------------------------------------------------------
    def _rare(self, entry: LogEntry) -> bytes:
        fields = entry.fields()
        kind = fields.get("type")
        if kind == "token":
            return self._token(entry, fields)
        if kind == "queued":
            return self._queued(entry, fields)
        if kind == "started":
            return self._started(entry, fields)
        if kind == "restarted":
            return self._restarted(entry, fields) if self._takes_back else self._lost(entry)
        if kind == "completed":
            self.done, self.end = True, fields
            return self._completed(entry, fields)
        return self._failed(entry, fields) if kind in ("failed", "cancelled") else b""

    def _lost(self, entry: LogEntry) -> bytes:
        """An attempt was lost, and its protocol cannot take text back."""
        return self._id_line(entry) + self.broken(interrupted()) if self._begun else b""
