"""A TCP proxy that a test puts before Redis, an engine or the API, to break the network in every way that it breaks.

client ── up ──► Proxy ── up ──► server
       ◄─ down ─       ◄─ down ─
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Literal, Self

Direction = Literal["up", "down"]  # up: from the client to the server
CHUNK = 65_536  # bytes


class Proxy:
    """Forwards connections to `host:port`. Used as an async context manager; `port` is then where the proxy listens.

    `delay` (seconds) may be set at any time and holds back each chunk in both directions.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._target = (host, port)
        self._flows = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._refusing = False
        self.delay = 0.0
        self.silent_after: bytes | None = None  # a chunk upward that holds this still arrives; nothing comes back
        self.accepted = 0  # connections ever accepted, for tests that count reconnects
        self.port = 0
        self.heal()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def cut(self) -> None:
        """Reset every open connection, both ends, at once; bytes under way are lost."""
        for writer in tuple(self._writers):
            reset(writer)

    def refuse(self) -> None:
        """Reset every new connection as soon as it is made; open ones go on."""
        self._refusing = True

    def blackhole(self, *directions: Direction) -> None:
        """Stop forwarding in these directions (none named: both), connections staying open: a dead network."""
        for direction in directions or ("up", "down"):
            self._flows[direction].clear()

    def heal(self) -> None:
        """Accept and forward again; what a blackhole held back arrives now, as it does in TCP."""
        self._refusing = False
        self.delay = 0.0
        self.silent_after = None
        for flow in self._flows.values():
            flow.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        try:
            if not self._refusing:
                await self._join(reader, writer)
        finally:
            self._writers.discard(writer)
            if self._refusing:
                reset(writer)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect to the server and pump until either side ends."""
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            return
        self._writers.add(far_writer)
        pumps = {
            asyncio.create_task(self._pump("up", reader, far_writer)),
            asyncio.create_task(self._pump("down", far_reader, writer)),
        }
        self._pumps |= pumps
        await asyncio.wait(pumps)
        self._pumps -= pumps
        self._writers.discard(far_writer)
        far_writer.close()

    async def _pump(self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy one direction; an end of file is passed on, so that half-closed connections work."""
        with contextlib.suppress(OSError):  # also "not connected": the other pump has reset it
            while data := await reader.read(CHUNK):
                await asyncio.sleep(self.delay)
                if direction == "up" and self.silent_after is not None and self.silent_after in data:
                    self.blackhole("down")
                await self._flows[direction].wait()
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN: the other end gets an error, not an end of file, as when a host vanishes."""
    with contextlib.suppress(OSError):  # the connection is closed already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
