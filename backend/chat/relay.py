"""The relay: it sends a job's events to one client, in the client's dialect, as they come.

For each burst of tokens: one list of entries in, one chunk of bytes out. No task, no model, no log line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.chat.party import Party, Ticket
from backend.entrance.context import SERVER_SEND
from backend.errors import ApiError, as_api_error
from wire.events import LogEntry

log = structlog.get_logger()

# No proxy may gather, compress or keep a stream.
STREAM_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
# Clients give up on a stream that brings nothing but comments for a while: LangChain after 120 s, Codex after 300 s.
QUIET_SECONDS = 10.0


class Dialect(Protocol):
    """A pure translation at the edge: events in, bytes out. Each stream has its own, which may remember what it sent.

    Where one event becomes several frames, the last frame carries the `id:`. `done` is set once the stream must end.
    The bytes depend on the entries alone, not on how they were cut into bursts: a resumed stream must be the same.
    """

    media_type: str
    done: bool

    def opening(self) -> bytes:
        """The bytes before the first event."""
        ...

    def burst(self, entries: Sequence[LogEntry]) -> bytes:
        """The bytes of these entries, at least one, in order."""
        ...

    def keep_alive(self) -> bytes:
        """An event that adds nothing to the answer, where the protocol has such an event, so that a client that waits
        for events waits on. Else a comment."""
        ...

    def broken(self, error: ApiError) -> bytes:
        """This protocol's error and the stream's end, for a stream that cannot go on."""
        ...


class ByteStream:
    """The bytes of one client: those of each burst, and a keep-alive where the bursts brought nothing of the answer.

    News of the queue may come every second, and a model may think for minutes without a word for the client.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._time = asyncio.get_running_loop().time
        self._heard = self._time()  # when an event was last sent

    def chunk(self, entries: Sequence[LogEntry]) -> bytes:
        """`entries`: none after a silence."""
        chunk = self._dialect.burst(entries) if entries else b""
        now = self._time()
        if chunk and entries[-1].id is not None:
            self._heard = now
        elif (not entries or now - self._heard >= QUIET_SECONDS) and not self._dialect.done:
            self._heard = now
            chunk += self._dialect.keep_alive()
        return chunk


class Streamed(Response):
    """A 200 that is written piece by piece for the caller of a party, until its end or until its caller has gone away.

    Subclasses `_write` it. `_broke_off`: the stream ended before its jobs did, although its caller is still there.
    """

    def __init__(self, party: Party, media_type: str) -> None:
        self._party = party
        self.background = None
        self.status_code = 200
        self.media_type = media_type
        self.init_headers({**STREAM_HEADERS, **party.headers})
        del self.headers["content-length"]

    def render(self, content: Any) -> bytes:
        return b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._party.watched(receive):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await self._write(scope.get(SERVER_SEND, send))
                if not self._party.gone:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            # A process that leaves cancels this task: then the caller has not gone, and its jobs live on.
            self._party.gone = self._party.gone or self._broke_off
            await self._party.leave()

    async def _write(self, send: Send) -> None:
        raise NotImplementedError

    @property
    def _broke_off(self) -> bool:
        raise NotImplementedError


class RelayResponse(Streamed):
    """Streams a ticket's job to its caller. Leaves the ticket whatever happens.

    `pace`: seconds for which tokens may be gathered after some were sent, for a caller who wants that.
    """

    def __init__(self, ticket: Ticket, dialect: Dialect, pace: float = 0) -> None:
        super().__init__(Party([ticket]), dialect.media_type)
        self._ticket = ticket
        self._dialect = dialect
        self._pace = pace

    async def _write(self, send: Send) -> None:
        # A task a stream: to wake a task is to walk down its coroutines, and frameworks stack twenty of them here.
        await asyncio.create_task(relay(self._ticket, self._dialect, self._pace, send))

    @property
    def _broke_off(self) -> bool:
        return self._dialect.done


async def relay(ticket: Ticket, dialect: Dialect, pace: float, send: Send) -> None:
    """Send everything up to the job's end, or to this protocol's error."""
    reader, byte_stream = ticket.reader, ByteStream(dialect)
    if opening := dialect.opening():
        await send({"type": "http.response.body", "body": opening, "more_body": True})
    try:
        while (entries := await reader.next_burst()) is not None:
            if chunk := byte_stream.chunk(entries):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if dialect.done:
                break
            if pace and entries and entries[-1].is_token:
                await asyncio.sleep(pace)
    except Exception as error:
        if not (foreseen := as_api_error(error)).code == "job_lost":
            log.exception("stream broke", action="stream.broken")
        await send({"type": "http.response.body", "body": dialect.broken(foreseen), "more_body": True})
