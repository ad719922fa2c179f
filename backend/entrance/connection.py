"""One client's connection, which is closed when the client stops in the middle of a request, or never begins one.

    connected ──15 s──► a head ──30 s between two pieces──► a body ──► the answer, for as long as it takes
        ▲                                                                 │
        └────────────── the first byte of the next request ◄──── 5 s ─────┘  (uvicorn's keep-alive)

Without these bounds a client could open as many connections as there are descriptors, at no cost of its own, and keep
all others out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from backend.entrance.descriptors import Descriptors
from backend.entrance.upgrades import OffersIgnored

HEAD_SECONDS = 15.0  # from the connection, or from the first byte of a later request, to the end of the head
BODY_SECONDS = 30.0  # between two pieces of a body
LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
FULL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
log = structlog.get_logger()


class Connection(OffersIgnored):
    """The protocol that uvicorn makes for each connection.

    `_limit`: the seconds that the client has for what it is to send next, None while it is to send nothing. One timer a
    connection checks the limit, late rather than often.
    """

    def __init__(self, *args: Any, room: Descriptors, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._room = room
        self._limit: float | None = None
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport, self._read_on)
        if self._room.is_full(len(self.connections)):
            self.transport.write(FULL)
            self.transport.close()
        else:
            self._expect(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._limit is None and self._is_idle():
            self._expect(HEAD_SECONDS)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.parser.should_upgrade() and self._should_upgrade():
            return  # this head is parsed again
        self._expect(BODY_SECONDS)
        if self.scope["http_version"] == "1.0":
            end_with_connection(self.cycle)

    def on_body(self, body: bytes) -> None:
        self._since = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._limit = None
        super().on_message_complete()

    def _read_on(self) -> None:
        """The app reads the body: the client's time begins now, however long the app took until then."""
        self._since = self.loop.time()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect(self, seconds: float) -> None:
        self._limit, self._since = seconds, self.loop.time()
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._limit is None or self.transport.is_closing():
            return
        if self._waits_for_us():
            self._since = self.loop.time()
        left = self._since + self._limit - self.loop.time()
        if left <= 0:
            return self._hang_up()
        self._timer = self.loop.call_later(left, self._look)

    def _waits_for_us(self) -> bool:
        """Whether the client would send, but the app does not read yet."""
        return self.flow.read_paused or (not self._is_idle() and self.cycle.waiting_for_100_continue)

    def _hang_up(self) -> None:
        """Close the connection. A client that has begun a request gets a 408 first, unless its answer has begun."""
        idle = self._is_idle() and not self._in_head
        log.debug("a client did not send on", action="request.late", idle=idle, in_head=self._in_head)
        if self._in_head or not (idle or self.cycle.response_started):
            self.transport.write(LATE)
        self.transport.close()


class Flow(FlowControl):
    """uvicorn's flow control of one connection, which reports each time that the app asks for more of a body."""

    def __init__(self, transport: asyncio.Transport, read_on: Callable[[], None]) -> None:
        super().__init__(transport)
        self._read_on = read_on

    def resume_reading(self) -> None:
        self._read_on()
        super().resume_reading()


def end_with_connection(cycle: RequestResponseCycle) -> None:
    """Let an answer of unknown length end with its connection, since HTTP/1.0 has no chunks (RFC 9112 §6.1)."""
    send, open_ended = cycle.send, False

    async def sending(message: ASGISendEvent) -> None:
        nonlocal open_ended
        if message["type"] == "http.response.start":
            open_ended = all(name.lower() != b"content-length" for name, _ in message.get("headers", ()))
            cycle.chunked_encoding = False if open_ended else None
        elif message["type"] == "http.response.body" and open_ended:
            cycle.expected_content_length = len(message.get("body", b""))
        await send(message)

    cycle.send = sending  # type: ignore[method-assign]
