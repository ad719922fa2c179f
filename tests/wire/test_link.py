"""A link keeps a connection, and leaves none open where a server does not answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog.testing
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from tests.support.valkey import Valkey
from tests.support.waiting import eventually
from wire.link import Link, Resp


async def test_a_server_that_accepts_and_never_answers_is_left_before_the_next_try(
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
        await eventually(lambda: there == 0 or None, 10, "no client is left")


@contextlib.asynccontextmanager
async def linked(url: str) -> AsyncIterator[Link[Resp]]:
    link = Link(url, Resp)
    running = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_error_reply_is_raised_as_an_error_of_redis_py(fresh_valkey: Valkey) -> None:
    """Code that catches RedisError catches those of a link, too; otherwise a cancel in the background would end on
    it."""
    async with linked(fresh_valkey.url) as link:
        await asyncio.wait_for(link.up.wait(), 10)
        assert link.connection is not None
        with pytest.raises(ResponseError, match="unknown command"):
            await link.connection.call("NONSENSE")
        fresh_valkey.command_line("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(OutOfMemoryError):
            await link.connection.call("SET", "a", "b")
        assert issubclass(OutOfMemoryError, RedisError)


async def test_a_reply_that_no_call_awaits_costs_no_connection() -> None:
    connection = Resp()
    connection.data_received(b"-NOPERM this user may not subscribe\r\n:5\r\n")
    assert not connection.lost.done()


async def test_an_outage_is_logged_once_and_so_is_its_end(tmp_path: Path) -> None:
    server = Valkey(tmp_path)
    with structlog.testing.capture_logs() as lines:
        async with linked(server.url) as link:
            await eventually(lambda: link._failures >= 4 or None, 20, "it has tried four times")
            server.start()
            await asyncio.wait_for(link.up.wait(), 20)
    server.stop()
    assert [line["action"] for line in lines] == ["link.failed", "link.back"]


async def test_a_link_that_was_ended_is_not_up(valkey: Valkey) -> None:
    """A task that waits for the link would otherwise take it to be there, and try for ever."""
    link = Link(valkey.url, Resp)
    running = asyncio.create_task(link.run())
    await asyncio.wait_for(link.up.wait(), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (link.up.is_set(), link.connection) == (False, None)
