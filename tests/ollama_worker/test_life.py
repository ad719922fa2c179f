"""What a life keeps of its orders and its asking, and what becomes of its jobs where it breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.ollama_worker.standing import standing
from tests.support.valkey import Valkey
from tests.support.waiting import eventually
from wire.client import open_redis


@pytest.fixture
async def redis(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Redis]:
    monkeypatch.setattr("ollama_worker.life.BEAT_SECONDS", 0.05)
    redis = open_redis(valkey.url, 5)
    yield redis
    await redis.aclose()


async def test_a_job_that_was_cancelled_before_it_began_holds_its_model_no_longer(redis: Redis, valkey: Valkey) -> None:
    """Both orders come in one read, and what runs counts as loaded."""
    async with standing(redis, valkey.url, "here") as here:
        keys, order = here.truth.keys, {"job": "gone", "attempt": 1}

        async def told_nothing() -> bool | None:
            here.shape.doubt()
            return not await redis.smembers(f"{keys.prefix}:loaded:{here.life.incarnation}") or None

        await redis.sadd(f"{keys.prefix}:loaded:{here.life.incarnation}", "m2")
        both = redis.pipeline(transaction=True)
        both.xadd(keys.inbox(here.life.incarnation), {"do": "run", "model": "m2", **order})
        both.xadd(keys.inbox(here.life.incarnation), {"do": "cancel", **order})
        await both.execute()
        await here.ask("behind them")
        await eventually(told_nothing, 10, "it tells that nothing is loaded")
        assert here.engine.asked == {"m1": 1}


async def test_a_redis_that_forgot_that_a_worker_asks_is_told_again(
    redis: Redis, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ollama_worker.life.ASK_AGAIN_SECONDS", 0.2)
    async with standing(redis, valkey.url, "here") as here:
        prefix = here.truth.keys.prefix
        lost = redis.pipeline(transaction=True)
        lost.hset(f"{prefix}:worker:{here.life.incarnation}", "asking", 0)
        lost.zrem(f"{prefix}:idle", here.life.incarnation)
        await lost.execute()
        assert (await here.ask("j")).state == "completed"


async def test_a_life_that_breaks_stops_what_it_runs(
    redis: Redis, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ExceptionGroup):
        async with standing(redis, valkey.url, "here") as here:
            here.engine.hold.clear()
            await here.submit("j")
            await here.engine.held.wait()
            monkeypatch.setattr(here.shape, "news", lambda: 1 // 0)
            await eventually(lambda: here.engine.stopped or None, 10, "its engine is stopped")
