"""The Redis client where redis-py alone would fail: under cancellation, and with connections that are reset."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from tests.support.proxy import Proxy
from tests.support.valkey import Valkey
from tests.support.waiting import eventually
from wire.client import UNREACHABLE, open_redis


async def test_a_cancelled_call_is_cancelled_whenever_it_comes(valkey: Valkey) -> None:
    """A loop whose cancellation is swallowed runs for ever, and the process that waits for it never ends."""
    redis = open_redis(valkey.url, 2.0, connections=1)
    try:
        for turns in range(60):  # cancelled at each turn of the event loop that a call takes
            asking = asyncio.create_task(_ask_for_ever(redis.ping))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait({asking}, timeout=1)
            swallowed = not asking.done()
            while not asking.done():
                asking.cancel()
                await asyncio.sleep(0.001)
            assert not swallowed, f"swallowed at turn {turns}"
    finally:
        await redis.aclose()


async def _ask_for_ever(ask: Callable[[], Awaitable[object]]) -> None:
    while True:
        await ask()


def test_a_reset_connection_is_a_lost_connection_under_uvloop(valkey: Valkey) -> None:
    import uvloop  # what both processes run on

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_survives_resets(valkey))


async def _survives_resets(valkey: Valkey) -> None:
    """Every call is answered, or fails as it does where a server cannot be reached."""
    async with Proxy(valkey.port) as proxy:
        redis = open_redis(f"redis://127.0.0.1:{proxy.port}", 2.0, connections=4)
        for _ in range(30):
            await asyncio.gather(*(redis.ping() for _ in range(4)), return_exceptions=True)
            proxy.cut()
            await asyncio.sleep(0.002)
            for outcome in await asyncio.gather(*(redis.ping() for _ in range(4)), return_exceptions=True):
                assert outcome is True or isinstance(outcome, UNREACHABLE), repr(outcome)
        await redis.aclose()


async def test_a_server_that_does_not_answer_is_given_up_in_time(valkey: Valkey) -> None:
    async with Proxy(valkey.port) as proxy:
        redis = open_redis(f"redis://127.0.0.1:{proxy.port}", 0.3)
        clock, took = asyncio.get_running_loop().time, []

        async def answers() -> bool | None:
            with contextlib.suppress(*UNREACHABLE):
                return bool(await redis.ping()) or None
            return None

        for _ in range(2):  # a loaded machine may add to one of the two
            await eventually(answers, 10, "it answers")
            proxy.blackhole()
            began = clock()
            for _ in range(2):  # on the open connection, then on a new one
                with pytest.raises(UNREACHABLE):
                    await redis.ping()
            took.append(clock() - began)
            proxy.heal()
        assert min(took) < 3, took
        await eventually(answers, 10, "it answers again")
        await redis.aclose()
