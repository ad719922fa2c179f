"""Which worker gets which job, one sentence a test: warm before loaded before any, and no job is passed over long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from tests.support.valkey import PATIENT, Valkey
from tests.wire.mutants import FAR, Mutant
from tests.wire.test_circuits import CLOCK
from wire.client import open_redis
from wire.jobs import Bounds, JobPipe
from wire.keys import Keys
from wire.records import CLASSES, JobRecord, JobRequest
from wire.scripts import load
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRegistry

BOUNDS = Bounds(depth=100, per_tenant=100, max_attempts=2, timeout_ms=3_600_000)
AT = 1_700_000_000_000
Scene = Callable[["Shop"], Awaitable[str]]
COMPLETED, FAILED = b'{"type":"completed"}', b'{"type":"failed"}'


class Shop:
    """A pool whose time stands where a test sets it."""

    def __init__(self, redis: Redis, pool: str, mutant: Mutant | None = None) -> None:
        self.redis, self.keys, texts = redis, Keys(pool), load(clock=CLOCK)
        if mutant is not None:
            assert mutant.old in texts["accept"]
            texts = {name: text.replace(mutant.old, mutant.new) for name, text in texts.items()}
        self.jobs, self.workers = JobPipe(redis, self.keys, texts), WorkerRegistry(redis, self.keys, texts)

    async def at(self, ms: int) -> None:
        await self.redis.set(f"{self.keys.prefix}:now", AT + ms)

    async def worker(self, name: str, *loaded: str, slots: int = 1) -> None:
        info = WorkerInfo("simulated", {model: {"loaded": True} for model in loaded})
        await self.workers.register(name, slots, info)
        await self.workers.ask(name, True)

    async def accept(self, job: str, model: str = "big", talk: str = "", tenant: str = "ann") -> JobRecord:
        ask = JobRequest(model=model, affinity=talk)
        assert await self.jobs.accept(job, ask, BOUNDS, tenant=tenant) == "ok"
        return await self.record(job)

    async def record(self, job: str) -> JobRecord:
        record = await self.jobs.record(job)
        assert record is not None
        return record

    async def end(self, job: str, why: str = "") -> None:
        record = await self.record(job)
        state, body = ("failed", FAILED) if why else ("completed", COMPLETED)
        assert await self.jobs.finish(job, record.owner, record.attempt, 0, state, body, why=why) == 1  # type: ignore[arg-type]

    async def running(self) -> str:
        """Which job the only worker runs."""
        [worker] = await self.workers.all()
        [job] = (await self.workers.beat(worker.incarnation)).owned
        return job


@pytest.fixture
async def shop(redis: Redis, pool: str) -> Shop:
    shop = Shop(redis, pool)
    await shop.at(0)
    return shop


# A job finds its worker


def test_scripts_and_records_list_the_same_classes_in_the_same_order() -> None:
    assert f"local CLASSES = {{{', '.join(map(repr, CLASSES))}}}" in load()["accept"]


async def test_a_job_goes_to_a_worker_that_has_its_model(shop: Shop) -> None:
    for name in ("w1", "w2", "w3"):
        await shop.worker(name, *(["small"] if name == "w2" else []))
    record = await shop.accept("j", "small")
    assert (record.owner, record.route) == ("w2", "loaded")


async def test_the_next_turn_goes_to_the_worker_that_had_the_last_turn(shop: Shop) -> None:
    for name in ("w1", "w2", "w3"):
        await shop.worker(name, "big", slots=2)
    first = await shop.accept("turn-1", talk="t")
    await shop.end("turn-1")
    await shop.accept("busy")  # now it owns as many as any, and more than the others
    second = await shop.accept("turn-2", talk="t")
    assert (second.owner, second.route) == (first.owner, "warm")


async def test_conversations_of_two_tenants_or_models_are_two_conversations(shop: Shop) -> None:
    for name in ("w1", "w2"):
        await shop.worker(name, "big", "small", slots=9)
    await shop.accept("mine", talk="1")
    assert (await shop.accept("again", talk="1")).route == "warm"
    assert (await shop.accept("theirs", talk="1", tenant="bob")).route == "loaded"
    assert (await shop.accept("other", "small", talk="1")).route == "loaded"


async def test_a_conversation_is_remembered_for_ten_minutes(shop: Shop) -> None:
    await shop.worker("w", "big")
    await shop.accept("j", talk="t")
    [key] = await shop.redis.keys(f"{shop.keys.prefix}:warm:*")
    assert 590_000 < await shop.redis.pttl(key) <= 600_000


async def test_no_job_waits_for_a_warm_worker_without_a_free_slot(shop: Shop) -> None:
    await shop.worker("w1")
    await shop.accept("turn-1", talk="t")
    await shop.worker("w2")
    await shop.worker("w3", "big")
    record = await shop.accept("turn-2", talk="t")
    assert (record.owner, record.route) == ("w3", "loaded")


async def test_a_worker_is_found_by_its_model_among_many(shop: Shop) -> None:
    """The freshest sixteen are compared one by one; the worker is none of them."""
    await shop.worker("rare", "small")
    for n in range(20):
        await shop.at(n + 1)
        await shop.worker(f"w{n}", "big")
    record = await shop.accept("j", "small")
    assert (record.owner, record.route) == ("rare", "loaded")


async def test_a_silent_worker_is_not_preferred_for_its_model(shop: Shop) -> None:
    await shop.worker("silent", "big")
    await shop.at(6_000)
    await shop.worker("w1")
    await shop.worker("w2")
    record = await shop.accept("j")
    assert record.owner != "silent" and record.route == "idle"


async def test_the_route_records_how_a_job_found_its_worker(shop: Shop) -> None:
    assert (await shop.accept("waits")).route == ""
    await shop.worker("w")
    assert (await shop.record("waits")).route == "queue"
    await shop.worker("w2")
    assert (await shop.accept("finds one free")).route == "idle"


async def test_a_worker_that_lacked_a_model_does_not_draw_all_its_jobs(shop: Shop) -> None:
    await shop.worker("w1", slots=2)
    await shop.worker("w2", slots=2)
    lacking = (await shop.accept("a")).owner
    await shop.end("a", why="model_not_found")
    assert not await shop.redis.exists(f"{shop.keys.prefix}:loaded:{lacking}")
    assert (await shop.accept("b")).route == "idle"


async def test_a_beat_reports_the_models_that_are_loaded_now(shop: Shop) -> None:
    for name in ("w1", "w2"):
        await shop.worker(name, "big", slots=9)
    await shop.workers.beat("w1", loaded=["small"])
    await shop.workers.beat("w2", loaded=None)
    assert [(await shop.accept(f"b{n}")).owner for n in range(3)] == ["w2"] * 3
    assert (await shop.accept("s", "small")).owner == "w1"


async def test_a_life_that_is_over_has_no_model_loaded(shop: Shop) -> None:
    await shop.worker("w1", "big")
    await shop.workers.reap("w1", 1)
    assert await shop.redis.keys(f"{shop.keys.prefix}:loaded:*") == []
    assert await shop.redis.keys(f"{shop.keys.prefix}:holders:*") == []


# A freed worker finds its job


async def test_a_freed_worker_takes_a_job_for_the_model_that_it_has(shop: Shop) -> None:
    await shop.worker("w", "small")
    await shop.accept("first", "small")
    await shop.accept("oldest", "big")
    await shop.accept("suits", "small")
    await shop.end("first")
    assert await shop.running() == "suits"
    await shop.end("suits")
    assert await shop.running() == "oldest"


async def test_a_freed_worker_prefers_a_conversation_that_it_had_to_a_model_that_it_has(shop: Shop) -> None:
    await shop.worker("w", "big")
    await shop.accept("turn-1", talk="t")
    await shop.accept("oldest")
    await shop.accept("turn-2", talk="t")
    await shop.end("turn-1")
    assert await shop.running() == "turn-2"
    assert (await shop.record("turn-2")).route == "warm"


async def test_a_freed_worker_looks_no_further_than_eight_jobs(shop: Shop) -> None:
    await shop.worker("w", "small")
    await shop.accept("first", "small")
    for n in range(8):
        await shop.accept(f"big-{n}", "big")
    await shop.accept("ninth", "small")
    await shop.end("first")
    assert await shop.running() == "big-0"


async def test_no_job_is_passed_over_for_longer_than_two_seconds(shop: Shop) -> None:
    """From the first time on, however many jobs come that would suit better."""
    await shop.worker("w", "small")
    await shop.accept("s0", "small")
    await shop.accept("patient", "big")
    for n, moment in enumerate((60_000, 61_000, 61_999)):
        await shop.at(moment)  # it had waited a minute before another job went first
        await shop.accept(f"s{n + 1}", "small")
        await shop.end(f"s{n}")
        assert await shop.running() == f"s{n + 1}"
    await shop.at(62_000)
    await shop.accept("s4", "small")
    await shop.end("s3")
    assert await shop.running() == "patient"


async def test_no_job_behind_an_impatient_one_is_taken_before_it(shop: Shop) -> None:
    """Also where the oldest job is another one, which has not been passed over yet."""
    await shop.worker("w", "small")
    await shop.accept("s0", "small")
    await shop.accept("b0", "big")
    await shop.accept("b1", "big")
    await shop.accept("s1", "small")
    await shop.end("s0")
    assert await shop.running() == "s1"
    await shop.at(2_000)
    await shop.accept("s2", "small")
    await shop.end("s1")
    assert await shop.running() == "b0"
    await shop.workers.beat("w", loaded=["small"])
    await shop.end("b0")
    assert await shop.running() == "b1"


async def test_a_job_that_came_back_is_never_passed_over(shop: Shop) -> None:
    await shop.worker("w", "small")
    await shop.accept("returned", "big")
    await shop.accept("suits", "small")
    await shop.jobs.give_back("returned", "w", 1, "interrupted")
    await shop.workers.beat("w", loaded=["small"])
    await shop.workers.ask("w", True)
    assert await shop.running() == "returned"


async def test_no_tenant_takes_the_turn_of_another(shop: Shop) -> None:
    """No tenant gains a turn by requesting a model that is loaded."""
    await shop.worker("w", "small")
    await shop.accept("first", "small")
    await shop.accept("ann's", "big")
    await shop.accept("bob's", "small", tenant="bob")
    await shop.end("first")
    assert await shop.running() == "ann's"


# Among more idle workers than are compared


async def beside_a_silent_holder(shop: Shop) -> str:
    """Which worker gets a job, where the one with its model missed beats and sixteen without the model missed none."""
    await shop.worker("silent", "small")
    await shop.at(6_000)
    for n in range(16):
        await shop.worker(f"w{n:02}")
    return (await shop.accept("j", "small")).owner


async def beside_many_holders(shop: Shop) -> str:
    """Which worker gets a job, where 33 have its model and were seen before 16 without it; only the stalest is free."""
    for n in range(32):
        await shop.at(100 + n)
        await shop.worker(f"holder{n:02}", "small", slots=2)
        assert (await shop.accept(f"busy{n}", "small")).owner == f"holder{n:02}"
    await shop.at(50)
    await shop.worker("stalest", "small", slots=2)
    await shop.at(200)
    for n in range(16):
        await shop.worker(f"w{n:02}")
    return (await shop.accept("j", "small")).owner


async def test_a_silent_worker_gets_no_job_for_having_its_model(shop: Shop) -> None:
    assert (await beside_a_silent_holder(shop)).startswith("w")


async def test_of_many_workers_that_have_the_model_the_freshest_are_compared(shop: Shop) -> None:
    assert await beside_many_holders(shop) == "holder31"


@pytest.mark.parametrize(
    ("mutant", "scene", "owner"),
    [
        ("who has the model, however silent", beside_a_silent_holder, "silent"),
        ("any who has the model far", beside_many_holders, "stalest"),
    ],
)
async def test_these_scenes_show_a_fault(valkey: Valkey, pool: str, mutant: str, scene: Scene, owner: str) -> None:
    redis = open_redis(valkey.url, PATIENT)
    shop = Shop(redis, pool, FAR[mutant])
    await shop.at(0)
    assert await scene(shop) == owner
    await redis.aclose()
