"""A connection that is kept: what a server that says nothing costs."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.support.valkey import Valkey
from tests.support.waiting import eventually
from wire.link import Link, Resp


async def test_a_server_that_lets_in_and_says_nothing_is_left_again_before_the_next_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wire.link.CONNECT_SECONDS", 0.05)
    came, there = 0, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came, there
        came, there = came + 1, there + 1
        with contextlib.suppress(ConnectionError):
            await reader.read()  # to its end: the client is gone
        there -= 1
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        link = Link(f"redis://:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}", Resp)
        running = asyncio.create_task(link.run())
        await eventually(lambda: came >= 4 or None, 10, "it tries again")
        assert there <= 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await eventually(lambda: there == 0 or None, 10, "nobody is left")


async def test_one_that_was_ended_is_not_up(valkey: Valkey) -> None:
    """Who waits for it would take it to be there for ever, and never let go of the loop."""
    link = Link(valkey.url, Resp)
    running = asyncio.create_task(link.run())
    await asyncio.wait_for(link.up.wait(), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (link.up.is_set(), link.connection) == (False, None)
