"""A life without an answered beat stops by itself before others reap it; here that takes a few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ollama_worker.lease import Lease, is_down
from tests.ollama_worker.standing import Standing, standing
from tests.support.proxy import Proxy
from tests.support.valkey import Valkey
from tests.support.waiting import eventually
from wire.client import UNREACHABLE, open_redis

SECONDS = 3.0  # of a lease: a loaded machine may hold everything up for one second
BEYOND = 1.5 * SECONDS
BEAT = 0.1
LIMIT = 5.0  # seconds that each client waits


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ollama_worker.life.BEAT_SECONDS", BEAT)
    monkeypatch.setattr("ollama_worker.life.Lease", lambda: Lease(SECONDS))


@pytest.fixture
async def cable(valkey: Valkey) -> AsyncIterator[Proxy]:
    async with Proxy(valkey.port) as cable:
        yield cable


@pytest.fixture
async def life(quick: None, cable: Proxy, pool: str) -> AsyncIterator[Standing]:
    """A life that reaches its queue by the cable."""
    url = f"redis://127.0.0.1:{cable.port}"
    redis = open_redis(url, LIMIT)
    async with standing(redis, url, pool) as life:
        yield life
    await redis.aclose()


async def until_called(life: Standing, job: str) -> None:
    """The engine was called for this job, and is silent until `hold` is set."""
    life.engine.hold.clear()
    await life.submit(job)
    await life.engine.held.wait()


async def test_a_life_without_answers_stops_its_engine_and_gives_the_job_back_when_redis_answers(
    life: Standing, cable: Proxy
) -> None:
    await until_called(life, "cut")
    cable.blackhole()
    await eventually(lambda: life.engine.stopped or None, 10, "the engine is stopped")
    life.engine.hold.set()
    cable.heal()
    record = await life.ended("cut")
    assert (record.state, record.attempt, record.tries) == ("completed", 2, 0)
    assert await life.text("cut") == "m1 says"


async def test_a_life_whose_beats_are_answered_goes_on_beyond_one_lease(life: Standing) -> None:
    await until_called(life, "long")
    await asyncio.sleep(BEYOND)
    life.engine.hold.set()
    assert (await life.ended("long")).attempt == 1


async def test_an_answer_whose_end_only_waits_for_redis_is_kept(life: Standing, cable: Proxy) -> None:
    await until_called(life, "said")
    cable.blackhole()
    life.engine.hold.set()
    await asyncio.sleep(BEYOND)
    cable.heal()
    record = await life.ended("said")
    assert (record.state, record.attempt, life.engine.calls["m1"]) == ("completed", 1, 1)


async def test_while_redis_is_down_no_life_is_reaped_and_jobs_run_on(quick: None, fresh_valkey: Valkey) -> None:
    """Redis's host refuses: that is no cut cable."""
    redis = open_redis(fresh_valkey.url, LIMIT)
    async with standing(redis, fresh_valkey.url, "here") as life:
        await until_called(life, "on")
        await asyncio.to_thread(fresh_valkey.written)  # beats go on meanwhile
        fresh_valkey.kill()
        await asyncio.sleep(BEYOND)
        await asyncio.to_thread(fresh_valkey.start)
        life.engine.hold.set()
        assert ((await life.ended("on")).attempt, life.engine.stopped) == (1, 0)
    await redis.aclose()


async def test_a_redis_that_reads_its_file_is_down_and_a_silent_one_is_not() -> None:
    assert is_down(await error_of(b"-LOADING Redis is loading the dataset in memory\r\n", LIMIT))
    assert not is_down(await error_of(b"", 0.2))


async def error_of(answer: bytes, limit: float) -> Exception:
    """The error of a client that waits `limit` seconds for a server with this answer to everything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        redis = open_redis(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", limit)
        with pytest.raises(UNREACHABLE) as caught:
            await redis.ping()
        await redis.aclose()
    return caught.value


async def test_a_lease_counts_from_when_the_beat_was_sent() -> None:
    """A beat that was sent a minute ago and is answered now renews nothing."""
    clock = asyncio.get_running_loop().time
    lease, answered = Lease(60), clock()
    lease.renew(answered - 60)
    await lease.lapsed()
    assert clock() < answered + 60
