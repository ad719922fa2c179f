"""Whether a process can let jobs in, and how the pool is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from backend.house import House as ApiHouse
from tests.backend.inside import parts_in
from tests.support.house import Houses
from tests.support.listener import chat, listening
from tests.support.processes import Api
from tests.support.valkey import Valkey
from tests.support.waiting import eventually

READY = ["/health", "/health/ready", "/api/health"]


@pytest.fixture
async def parts(redis_url: str) -> AsyncIterator[ApiHouse]:
    """One API's parts in this process, nothing of them started."""
    async with parts_in(redis_url) as parts:
        yield parts


async def test_a_process_is_not_ready_until_it_is_subscribed_and_while_it_drains(parts: ApiHouse) -> None:
    assert (await parts.readiness.why_not()).startswith("starting")
    listening_to_redis = asyncio.create_task(parts.fan_in.run())
    await asyncio.wait_for(parts.fan_in.link.up.wait(), 5)
    assert await parts.readiness.why_not() == ""
    parts.chat.drain()
    assert (await parts.readiness.why_not()).startswith("draining")
    listening_to_redis.cancel()
    await asyncio.gather(listening_to_redis, return_exceptions=True)


async def test_readiness_is_one_answer_under_three_paths(house: Houses) -> None:
    home = await house(apis=1, workers=0)
    for path in (*READY, "/health/live"):
        answer = await home.api.get(path)
        assert answer is not None
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_process_is_not_ready_while_redis_is_away(durable_house: Houses, fresh_valkey: Valkey) -> None:
    home = await durable_house(apis=1, workers=1)
    fresh_valkey.pause()
    for path in (*READY, "/health/detailed"):
        answer = await home.api.get(path)
        assert answer is not None
        assert answer.status_code == 503
        assert answer.json() == {"status": "unavailable", "reason": "redis: it does not answer"}
        assert answer.headers["retry-after"] == "1"
    live = await home.api.get("/health/live")
    assert live is not None and live.status_code == 200
    fresh_valkey.resume()
    await home.api.ready()
    await home.api.sees_workers(1)


async def test_a_redis_that_may_drop_jobs_is_refused_with_the_command_that_corrects_it(
    durable_house: Houses, fresh_valkey: Valkey
) -> None:
    home = await durable_house(apis=1, workers=0)
    fresh_valkey.command_line("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    answer = await home.api.get("/health/ready")
    assert answer is not None and answer.status_code == 503
    assert "CONFIG SET maxmemory-policy noeviction" in answer.json()["reason"]
    fresh_valkey.command_line("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await home.api.ready()


async def test_the_detailed_health_has_queue_workers_and_models(house: Houses) -> None:
    home = await house(apis=1, workers=1, SLUICE_SLOTS="2", SLUICE_MODELS="tiny, big")
    async with listening(home.url, chat("!tokens 100000", model="big")) as stream:
        await stream.words(1)
        answer = await home.api.get("/health/detailed")
        assert answer is not None and answer.status_code == 200
        parsed = answer.json()
        assert (parsed["status"], parsed["reason"], parsed["pool"]) == ("ok", None, "default")
        assert (parsed["jobs"], parsed["streams"]) == (1, 1)
        assert {model["name"] for model in parsed["models"]} >= {"tiny", "big"}
        [worker] = parsed["workers"]
        assert (worker["engine"], worker["slots"], worker["running"], worker["asking"]) == ("simulated", 2, 1, True)
        assert "SIMULATED" in worker["detail"]
    await eventually(lambda: _idle(home.api), 10, "no job and no stream is left")


async def _idle(api: Api) -> bool:
    answer = await api.get("/health/detailed")
    parsed = answer.json() if answer is not None else {}
    return (parsed.get("jobs"), parsed.get("streams")) == (0, 0)


async def test_a_pool_without_workers_is_degraded_and_ready(house: Houses) -> None:
    home = await house(apis=1, workers=0)
    ready, detailed = await home.api.get("/health/ready"), await home.api.get("/health/detailed")
    assert ready is not None and detailed is not None
    assert (ready.status_code, detailed.status_code) == (200, 200)
    assert detailed.json()["status"] == "degraded"
    assert "no worker" in detailed.json()["reason"]
