"""An operator's live stream: the frames that wait to be sent, and the response that sends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.chat.relay import STREAM_HEADERS

SILENCE_SECONDS = 10.0  # proxies and browsers give up on a stream that is silent for much longer
KEEP_ALIVE = b": keep-alive\n\n"


class Listener:
    """The frames for one operator. It holds the newest only: a slow reader misses some, and is never behind."""

    def __init__(self) -> None:
        self._first = b""
        self._latest = b""
        self._over = False
        self._wake = asyncio.Event()

    def begin(self, frame: bytes) -> None:
        """Send this frame before any other."""
        self._first = frame
        self._wake.set()

    def offer(self, frame: bytes) -> None:
        self._latest = frame
        self._wake.set()

    def end(self) -> None:
        self._over = True
        self._wake.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes to send, until `end`."""
        while not self._over:
            await self._wait()
            self._wake.clear()
            chunk, self._first, self._latest = self._first + self._latest, b"", b""
            if not self._over:
                yield chunk or KEEP_ALIVE

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass


class ListenerResponse(Response):
    """Streams to a listener that `join` makes, until the listener ends or the caller hangs up; then calls `leave`."""

    def __init__(self, join: Callable[[], Listener], leave: Callable[[Listener], None]) -> None:
        self._join = join
        self._leave = leave
        self.background = None
        self.status_code = 200
        self.media_type = "text/event-stream"
        self.init_headers(STREAM_HEADERS)
        del self.headers["content-length"]

    def render(self, content: Any) -> bytes:
        return b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        listener = self._join()
        watch = asyncio.create_task(_watch(receive, listener))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for chunk in listener.chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watch.cancel()
            self._leave(listener)


async def _watch(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.end()
