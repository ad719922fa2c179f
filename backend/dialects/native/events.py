"""Our own events as SSE: every event of the log as it is, with its id, so a browser resumes by `Last-Event-ID`.

id: 1-7
event: token
data: {"type":"token","text":"Hello"}
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from backend.entrance.context import request_id
from backend.entrance.protocols import our_refusal
from backend.errors import ApiError
from wire.events import TERMINAL, LogEntry


class NativeEvents:
    media_type = "text/event-stream"

    def __init__(self) -> None:
        self.done = False

    def opening(self) -> bytes:
        return b": sluice\n\n"

    def burst(self, entries: Sequence[LogEntry]) -> bytes:
        return b"".join(map(self._frame, entries))

    def _frame(self, entry: LogEntry) -> bytes:
        if entry.is_token and entry.id is not None:
            attempt, seq = entry.id
            return b"id: %d-%d\nevent: token\ndata: %b\n\n" % (attempt, seq, entry.body)
        return self._rare_frame(entry)

    def _rare_frame(self, entry: LogEntry) -> bytes:
        kind = str(entry.fields().get("type", "unknown"))
        self.done = self.done or kind in TERMINAL
        name = b"" if entry.id is None else b"id: %d-%d\n" % entry.id
        return b"%bevent: %b\ndata: %b\n\n" % (name, kind.encode(), entry.body)

    def keep_alive(self) -> bytes:
        return b": keep-alive\n\n"

    def broken(self, error: ApiError) -> bytes:
        return b"event: error\ndata: %b\n\n" % error_body(error)


def error_body(error: ApiError) -> bytes:
    return orjson.dumps(our_refusal(error, request_id()).body)
