"""A DNS server of one name, whose addresses a test changes."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

A, IN, SECONDS = 1, 1, 600  # Docker's own server gives ten minutes, too
ANSWER, NO_SUCH_NAME = 0x8180, 0x8183
HEAD = struct.Struct("!6H")
NAME_OF_THE_QUESTION = 0xC00C


class Names(asyncio.DatagramProtocol):
    """A DNS server. `addresses`: the addresses of its name now; without any there is no such name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        number = HEAD.unpack_from(data)[0]
        question = data[HEAD.size :]
        flags = ANSWER if self.addresses else NO_SUCH_NAME
        record = struct.pack("!HHHIH", NAME_OF_THE_QUESTION, A, IN, SECONDS, 4)
        records = b"".join(record + socket.inet_aton(address) for address in self.addresses)
        self._transport.sendto(HEAD.pack(number, flags, 1, len(self.addresses), 0, 0) + question + records, addr)


@asynccontextmanager
async def names(*addresses: str) -> AsyncIterator[Names]:
    """Runs the server on a port of 127.0.0.1."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: Names(*addresses), local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
