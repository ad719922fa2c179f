"""A streaming HTTP client for tests that hides nothing: raw bytes, frames or lines, at any reading speed.

async with open_stream(url + "/api/chat", body, accept="text/event-stream") as stream:
    async for frame in stream.frames(): ...
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

SLOW_BUFFER = 2048  # bytes: a reader is slow only if the kernel does not read ahead for it


class Frame(NamedTuple):
    """One server-sent event. `id` is None where the frame has no such line; `data` is joined as the standard says."""

    id: str | None
    event: str
    data: bytes

    def json(self) -> Any:
        return orjson.loads(self.data)


class Cut(ConnectionError):
    """The body ended before its own end mark."""


class Stream:
    """One answer. `raw` is every byte of the body so far, without the chunked transfer coding.

    `bytes_per_second` may be set at any time; 0 reads as fast as it comes.
    """

    def __init__(self, connection: socket.socket, bytes_per_second: float) -> None:
        self._socket = connection
        self._buffer = bytearray()
        self.bytes_per_second = bytes_per_second
        self.status = 0
        self.headers: dict[str, str] = {}  # names in lower case
        self.raw = bytearray()
        self.comments = 0  # keep-alive comments seen by `frames`

    async def read_head(self) -> None:
        """Status and headers; the body is not touched."""
        head = (await self._read_until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.status = int(head[0].split(" ", 2)[1])
        pairs = (line.partition(":") for line in head[1:] if line)
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it was sent, a chunk of the transfer coding at a time. `Cut` if it breaks off."""
        source = self._chunked() if self.headers.get("transfer-encoding") == "chunked" else self._sized()
        async for chunk in source:
            self.raw += chunk
            yield chunk

    async def body(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    async def json(self) -> Any:
        return orjson.loads(await self.body())

    async def lines(self) -> AsyncIterator[bytes]:
        """Each whole line of an NDJSON answer."""
        async for line in self._split(b"\n"):
            yield line

    async def frames(self) -> AsyncIterator[Frame]:
        """Each whole event of an SSE answer. An event that the end cuts off is dropped, as a browser does."""
        async for block in self._split(b"\n\n"):
            frame = parse_frame(block)
            if frame is None:
                self.comments += 1
            else:
                yield frame

    async def _split(self, mark: bytes) -> AsyncIterator[bytes]:
        rest = b""
        async for chunk in self.chunks():
            *whole, rest = (rest + chunk.replace(b"\r\n", b"\n")).split(mark)
            for part in whole:
                yield part

    async def _chunked(self) -> AsyncIterator[bytes]:
        while size := int(await self._read_until(b"\r\n"), 16):
            chunk = await self._read_exactly(size + 2)
            yield chunk[:-2]

    async def _sized(self) -> AsyncIterator[bytes]:
        yield await self._read_exactly(int(self.headers.get("content-length", 0)))

    async def _read_until(self, mark: bytes) -> bytes:
        while (end := self._buffer.find(mark)) < 0:
            await self._fill()
        return self._take(end + len(mark))[:end]

    async def _read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._fill()
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def _fill(self) -> None:
        """Reads once: one byte at the requested pace (the head is not paced), or all bytes that are there."""
        if self.bytes_per_second and self.status:
            await asyncio.sleep(1 / self.bytes_per_second)
        data = await asyncio.get_running_loop().sock_recv(self._socket, 1 if self.bytes_per_second else 65_536)
        if not data:
            raise Cut(f"the body ended early, after {len(self.raw)} bytes")
        self._buffer += data


def parse_frames(sent: bytes) -> list[Frame]:
    """The frames of a whole body; blocks without data are left out."""
    return [frame for block in sent.split(b"\n\n") if (frame := parse_frame(block)) is not None]


def parse_frame(block: bytes) -> Frame | None:
    """One block between blank lines; None for a block without data (a comment, a lone `retry:`)."""
    fields: dict[bytes, list[bytes]] = {}
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        fields.setdefault(name, []).append(value.removeprefix(b" "))
    if b"data" not in fields:
        return None
    ids = fields.get(b"id")
    event = fields.get(b"event", [b"message"])[-1].decode()
    return Frame(ids[-1].decode() if ids else None, event, b"\n".join(fields[b"data"]))


@contextlib.asynccontextmanager
async def open_stream(
    url: str,
    body: Any = None,
    *,
    accept: str = "*/*",
    method: str | None = None,
    headers: Mapping[str, str] | None = None,
    bytes_per_second: float = 0,
) -> AsyncIterator[Stream]:
    """Send a request (POST where there is a body) and hand over the answer, its head already read.

    A body of bytes goes as it is, anything else as JSON. Leaving the block closes the connection: a vanished client.
    """
    parts = urlsplit(url)
    with socket.socket() as connection:
        connection.setblocking(False)
        if bytes_per_second:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, (parts.hostname, parts.port))
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        fields = {"Host": parts.netloc, "Accept": accept, **(headers or {})}
        await loop.sock_sendall(connection, encode_request(method, target, fields, body))
        stream = Stream(connection, bytes_per_second)
        await stream.read_head()
        yield stream


def encode_request(method: str | None, target: str, fields: dict[str, str], body: Any) -> bytes:
    """An HTTP/1.1 request on a connection that is not used again."""
    payload = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
    fields = {"Connection": "close", "Content-Length": str(len(payload)), **fields}
    if body is not None:
        fields = {"Content-Type": "application/json", **fields}
    verb = method or ("GET" if body is None else "POST")
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{verb} {target} HTTP/1.1\r\n{head}\r\n".encode() + payload
