"""Bounds on the requests in flight in this process: more requests would only make all of them late, health checks too.

    arrived ──► its body is whole ──► its turn ──► let in, or refused ──► answered
    └─ in flight (max_requests) ──────────────────────────────────────────────────┘
    └─ its body is held (max_bytes, of all) ───────────────────────────┘
                └─ pending (max_pending): it costs the loop some 3 ms ─┘

A stream that waits for its job costs next to nothing, so that thousands may be open; the work until a job is let in is
what costs. A few requests begin that work in each turn of the loop, in the order in which they came: everything else
that is ready, a token or a health check, waits for these few and not for all that came at once. A request that waits
for Redis or SQL does not keep the next one from beginning.
"""

from __future__ import annotations

import asyncio
from collections import deque

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.entrance.context import HEALTH, has_body
from backend.entrance.protocols import is_upload
from backend.entrance.refusal import error_response
from backend.errors import Unavailable

BEGIN = 4  # requests a turn: some 12 ms
PLACE = "sluice.place"  # in a request's scope


class Pending:
    """The pending requests of one process, at most `limit`, and the bytes that it holds of the bodies of all requests
    whose jobs are not let in yet, at most `most_bytes`."""

    def __init__(self, limit: int, most_bytes: int) -> None:
        self._limit = limit
        self._most_bytes = most_bytes
        self._bytes = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.pending = 0

    async def turn(self) -> None:
        """Wait for a request's turn. The request is pending from now on, until `leave`. Raises Unavailable."""
        if self.pending >= self._limit:
            raise overloaded()
        self.pending += 1
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._begin_some)
        try:
            await turn
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        self.pending -= 1

    def hold(self, size: int) -> None:
        """Count bytes that have come; a negative `size`: bytes that are let go. Raises Unavailable."""
        if size > 0 and self._bytes + size > self._most_bytes:
            raise overloaded()
        self._bytes += size

    def _begin_some(self) -> None:
        for turn in [self._waiting.popleft() for _ in range(min(BEGIN, len(self._waiting)))]:
            if not turn.done():
                turn.set_result(None)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._begin_some)


class InFlight:
    """The place of one request in the crowd."""

    def __init__(self, requests: Pending) -> None:
        self._requests = requests
        self._pending = False
        self._left = False
        self._bytes = 0

    def hold(self, size: int) -> None:
        """Count more bytes of this request's body. Raises Unavailable."""
        if not self._left:
            self._requests.hold(size)
            self._bytes += size

    async def begin(self) -> None:
        """Wait for the request's turn to do what costs. Raises Unavailable."""
        if not self._pending:
            await self._requests.turn()
            self._pending = True
            if self._left:
                self._requests.leave()

    def leave(self) -> None:
        """What costs is done for this request. Called again, this does nothing."""
        if self._left:
            return
        self._left = True
        self._requests.hold(-self._bytes)
        if self._pending:
            self._requests.leave()


class Crowd:
    """Middleware that refuses with 503 the requests that are too many. Health checks pass it by."""

    def __init__(self, app: ASGIApp, max_requests: int, max_pending: int, max_bytes: int) -> None:
        self._app = app
        self._max = max_requests
        self._requests = Pending(max_pending, max_bytes)
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(HEALTH):
            return await self._app(scope, receive, send)
        if self._in_flight >= self._max:
            return await error_response(overloaded(), scope)(scope, receive, send)
        self._in_flight += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._in_flight -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = scope[PLACE] = InFlight(self._requests)

        async def receiving() -> Message:
            message = await receive()
            place.hold(len(message.get("body", b"")))
            return message

        async def sending(message: Message) -> None:
            place.leave()
            await send(message)

        try:
            if not has_body(scope):  # else the request is pending once its body has come, which may take its time
                await place.begin()
        except Unavailable as error:
            return await error_response(error, scope)(scope, receive, send)
        try:
            await self._app(scope, receive if is_upload(scope) else receiving, sending)
        finally:
            place.leave()


async def begin(scope: Scope) -> None:
    """Wait for a request's turn: called when its body is whole, before the body is parsed. Raises Unavailable."""
    if (place := scope.get(PLACE)) is not None:
        await place.begin()


def leave(scope: Scope) -> None:
    """Called when a request's job is let in: from then on the request costs next to nothing."""
    if (place := scope.get(PLACE)) is not None:
        place.leave()


def overloaded() -> Unavailable:
    return Unavailable(
        "This server has more requests than it can look at just now; send the request again in a moment.",
        "overloaded",
        {"Retry-After": "1"},
    )
