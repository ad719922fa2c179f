"""What both protocols stand on: reading a request, breaking off as ordered, and the book of requests and ends."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from aiohttp import web

from bench.scripted_reply import Broken, Speaker

BOOK_LENGTH = 2_000  # entries; older ones are forgotten


@dataclass
class Entry:
    """One request in the book. `state`: answering, done, closed (the caller hung up), refused or broken (as ordered).

    `ended`: seconds by the machine's monotonic clock, which all its processes share; 0: not yet.
    """

    path: str
    prompt: str
    body: dict[str, Any]
    state: str = "answering"
    ended: float = 0.0


class Room:
    """What one server's two protocols share."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        self.loaded: dict[str, bool] = {}
        self._book: list[Entry] = []

    @asynccontextmanager
    async def noted(self, request: web.Request, body: dict[str, Any], prompt: str) -> AsyncIterator[Entry]:
        """Yields an entry whose state shows how the block ended. aiohttp cancels a handler whose caller hangs up."""
        entry = Entry(request.path, prompt, body)
        self._book = [*self._book[-BOOK_LENGTH:], entry]
        try:
            yield entry
        except (asyncio.CancelledError, ConnectionError):
            entry.state = "closed"
            raise
        except Exception:
            entry.state = "refused"
            raise
        finally:
            entry.ended = time.monotonic()
        entry.state = "done" if entry.state == "answering" else entry.state

    async def book(self, request: web.Request) -> web.Response:
        """`GET /scripted/book?prompt=<part of it>`: the entries, the oldest first."""
        part = request.query.get("prompt", "")
        return answered([asdict(entry) for entry in self._book if part in entry.prompt])


async def body_of(request: web.Request) -> dict[str, Any]:
    """Reads a JSON object. Raises HTTPBadRequest, in neither protocol's shape: no worker sends other bodies."""
    try:
        body = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as error:
        raise web.HTTPBadRequest(text="not JSON") from error
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="not an object")
    return body


def answered(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def from_base64(text: str) -> bytes:
    """The bytes; empty for a text that is not base64, in which the mind then sees no picture."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


async def stream(
    request: web.Request, media_type: str, frames: AsyncIterator[bytes], error: Callable[[str], bytes], entry: Entry
) -> web.StreamResponse:
    """Sends frames as they come. `error` returns an ordered fault's status or text in the middle of a stream."""
    response = web.StreamResponse(headers={"Content-Type": media_type})
    await response.prepare(request)
    try:
        async for frame in frames:
            await response.write(frame)
    except Broken as broken:
        entry.state = "broken"
        await hang_or_cut(request, broken.kind)
        if broken.kind != "cut":
            await response.write(error(broken.kind))
    return response


async def hang_or_cut(request: web.Request, kind: str) -> None:
    """`silent`: waits until the caller hangs up. `cut`: closes the connection inside the body. Else: nothing."""
    if kind == "silent":
        await asyncio.Event().wait()
    if kind == "cut" and request.transport:
        request.transport.close()  # what is written already is still sent
