"""A worker's report may come from a neighbour: it is bounded and checked where it is read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from tests.wire.test_circuits import CLOCK
from wire.events import COUNT_MAX
from wire.jobs import JobPipe
from wire.keys import Keys
from wire.scripts import load
from wire.worker_info import INFO_BYTES, MODELS_MOST, Gpu, WorkerInfo
from wire.workers import WorkerRegistry

AT = 1_700_000_000_000
DAY_MS = 86_400_000


@pytest.fixture
def registry(redis: Redis, pool: str) -> WorkerRegistry:
    return WorkerRegistry(redis, Keys(pool))


async def read_report(registry: WorkerRegistry, info: dict[str, Any] | bytes) -> WorkerInfo:
    """The report of a worker whose `info` holds this, as a reader gets it."""
    await registry.register("w", 1, WorkerInfo("e", {}))
    body = info if isinstance(info, bytes) else orjson.dumps(info)
    await registry.redis.hset(registry.keys.worker("w"), "info", body)
    [worker] = await registry.all()
    return worker.info


GPU = Gpu("A2", 3, 15356, 0, 30, None)
WRONG = {"engine": 7, "host": "h" * 1_001, "protocol": -1, "job_seconds": "long", "tokens": True, "detail": None}


def test_a_report_is_read_as_it_was_written() -> None:
    info = WorkerInfo("ollama", {"m": {"loaded": True}, "n": {}}, "host", 1, 2.5, "about it", 7, (GPU,))
    assert WorkerInfo.decode(info.encode()) == info
    assert info.loaded == ["m"]


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"null", orjson.dumps(WRONG), b'{"models": 1, "gpus": {}}'])
def test_a_field_that_a_report_does_not_hold_is_not_known(body: bytes) -> None:
    info = WorkerInfo.decode(body)
    assert info == WorkerInfo("", {}) and (info.job_seconds, info.tokens, info.gpus) == (0.0, None, ())


def test_a_report_of_a_newer_version_is_read_without_what_it_adds() -> None:
    newer = {
        "engine": "ollama",
        "later": {"field": 1},
        "models": {"m": {"later": 2}},
        "gpus": [{"name": "A2", "later": 3}],
    }
    assert WorkerInfo.of(newer) == WorkerInfo("ollama", {"m": {"later": 2}}, gpus=(Gpu("A2"),))


def test_an_entry_that_is_no_gpu_is_left_out_and_a_number_that_is_none_is_not_known() -> None:
    gpus = [1, {"name": {}, "power_w": "much", "memory_used_mb": float("nan"), "temperature_c": -1}, GPU._asdict()]
    assert WorkerInfo.of({"gpus": gpus}).gpus == (Gpu(""), GPU)


async def test_of_a_hundred_thousand_models_of_a_worker_a_thousand_are_read(
    registry: WorkerRegistry,
) -> None:
    info = await read_report(registry, {"engine": "e", "models": {f"m{n}": {} for n in range(100_000)}})
    assert len(info.models) == MODELS_MOST


async def test_names_that_no_person_could_read_are_no_models(registry: WorkerRegistry) -> None:
    names = ["", "a" * 201, "two\nlines", "\u202ebackwards", "nul\0", "a" * 200, "org/model:7b"]
    info = await read_report(registry, {"models": {name: {} for name in names}})
    assert list(info.models) == ["a" * 200, "org/model:7b"]


async def test_the_description_of_a_model_is_clamped(registry: WorkerRegistry) -> None:
    abouts = [{"context_length": 2**63}, {"context_length": -1}, {"capabilities": [1, "tools"]}]
    models = (await read_report(registry, {"models": {f"m{n}": about for n, about in enumerate(abouts)}})).models
    assert list(models.values()) == [{"context_length": COUNT_MAX}, {"context_length": 0}, {"capabilities": ["tools"]}]


async def test_a_worker_whose_report_is_too_long_is_known_by_its_name_alone(registry: WorkerRegistry) -> None:
    assert await read_report(registry, orjson.dumps({"engine": "e" * INFO_BYTES})) == WorkerInfo.of({})


async def test_of_too_many_models_last_seen_the_latest_thousand_are_read(redis: Redis, pool: str) -> None:
    """However they came there, because reading all of them at each look would make chats wait."""
    texts = load(clock=CLOCK)
    registry, jobs = WorkerRegistry(redis, Keys(pool), texts), JobPipe(redis, Keys(pool), texts)
    await redis.set(f"{registry.keys.prefix}:now", AT)
    for first in range(0, 5_000, 1_000):
        await registry.register(f"w{first}", 1, WorkerInfo("e", {f"m{first + n}": {} for n in range(1_000)}))
    await redis.set(f"{registry.keys.prefix}:now", AT + 1)
    await registry.beat("w0", info=WorkerInfo("e", {"here": {"context_length": 7}}))
    models = await registry.models()
    assert len(models) == MODELS_MOST and models["here"] == {"context_length": 7}
    for _ in range(50):
        await jobs.expire(AT + 1)
    assert await redis.hlen(registry.keys.models) == await redis.zcard(registry.keys.seen) == 2_000
    assert "here" in await registry.models()


async def test_a_model_that_no_worker_has_reported_for_a_day_is_forgotten(redis: Redis, pool: str) -> None:
    texts = load(clock=CLOCK)
    registry, jobs = WorkerRegistry(redis, Keys(pool), texts), JobPipe(redis, Keys(pool), texts)
    await redis.set(f"{registry.keys.prefix}:now", AT)
    await registry.register("w", 1, WorkerInfo("e", {"gone": {}, "stays": {}}))
    await redis.hset(registry.keys.models, "an older version's", "{}")
    await jobs.expire(AT)
    for at in (AT + DAY_MS - 1, AT + DAY_MS):
        await redis.set(f"{registry.keys.prefix}:now", at)
        await registry.beat("w", info=WorkerInfo("e", {"stays": {}}))
        await jobs.expire(at)
        left = {"stays"} if at == AT + DAY_MS else {"gone", "stays", "an older version's"}
        assert set(await registry.models()) == left
