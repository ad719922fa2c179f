"""The relay: a job's events to one client, in its dialect, flushed as they come.

Per burst of tokens: one list of entries in, one chunk of bytes out. No task, no model, no log line.
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
# Clients give up on a stream in which nothing but comments came for a while: LangChain after 120 s, Codex after 300.
QUIET_SECONDS = 10.0


class Dialect(Protocol):
    """A pure translation at the edge: events in, bytes out. One instance a stream; it may remember what it sent.

    Where one event becomes several frames, the last carries the `id:`. `done` is set once the stream must end. What is
    told depends on the entries alone, not on how they were cut into bursts: a resumed stream must be the same.
    """

    media_type: str
    done: bool

    def opening(self) -> bytes:
        """What is sent before the first event."""
        ...

    def burst(self, entries: Sequence[LogEntry]) -> bytes:
        """Entries in order, at least one."""
        ...

    def keep_alive(self) -> bytes:
        """An event that adds nothing to the answer, where the protocol has one: clients that wait for events go on
        waiting. Else a comment."""
        ...

    def broken(self, error: ApiError) -> bytes:
        """The stream cannot go on: this protocol's error, and its end."""
        ...


class ByteStream:
    """One client's bytes: those of each burst, and a keep-alive where none of them told anything of the answer.

    News of the queue may come every second, and a model may think for minutes what nobody is to see.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._time = asyncio.get_running_loop().time
        self._heard = self._time()  # when the client last got an event

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

    `pace`: seconds that tokens may be gathered after some were sent, for a caller who asked for it.
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
    """Everything up to the job's end, or to this protocol's error."""
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
