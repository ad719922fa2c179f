"""The promises of the scripts about a job, one sentence a test. The model test covers more; these are plain to read."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from wire.ids import LOCAL_PRINCIPAL
from wire.jobs import FINISHED, NOT_YOURS, WRONG_SEQ, Bounds, JobPipe
from wire.keys import Keys
from wire.records import JobRecord, JobRequest
from wire.scripts import scripts
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRegistry

BOUNDS = Bounds(depth=100, per_tenant=10, max_attempts=2, timeout_ms=60_000)
INFO = WorkerInfo("simulated", {"tiny": {"loaded": True}})
STARTED, TOKEN = b'{"type":"started"}', b'{"type":"token","text":"a"}'
COMPLETED = b'{"type":"completed"}'
INTERRUPTED, ENGINE_DOWN = "interrupted", ("engine", "The engine is gone.")
MAX_UNSTARTED = 20  # as in prelude.lua


class Pool:
    """The two pipes of a pool and the hot path, with defaults for the arguments that these tests repeat."""

    def __init__(self, redis: Redis, name: str) -> None:
        self.redis, self.keys = redis, Keys(name)
        self.jobs, self.workers = JobPipe(redis, self.keys), WorkerRegistry(redis, self.keys)
        self._emit = redis.register_script(scripts()["emit"])

    async def accept(self, job: str, tenant: str = "ann", bounds: Bounds = BOUNDS) -> str:
        return await self.jobs.accept(job, JobRequest(model="tiny"), bounds, tenant=tenant)

    async def worker(self, name: str, slots: int = 1) -> str:
        """A worker that asks for jobs."""
        await self.workers.register(name, slots, INFO)
        await self.workers.ask(name, True)
        return name

    async def emit(self, job: str, incarnation: str, attempt: int, seq: int, body: bytes = TOKEN) -> int:
        keys = [self.keys.job(job), self.keys.events(job), self.keys.live(job)]
        return await self._emit(keys=keys, args=[incarnation, attempt, seq, body])

    async def record(self, job: str) -> JobRecord:
        record = await self.jobs.record(job)
        assert record is not None, f"no record of {job}"
        return record

    async def log(self, job: str) -> list[tuple[bytes, bytes]]:
        return [(entry, fields[b"e"]) for entry, fields in await self.redis.xrange(self.keys.events(job))]

    async def dead(self) -> list[dict[bytes, bytes]]:
        return [fields for _, fields in await self.redis.xrange(self.keys.dead)]

    async def die(self, worker: str) -> None:
        """The worker has stopped beating, and a watcher reaps it."""
        beat = (await self.workers.beats())[worker]
        assert await self.workers.reap(worker, beat)


@pytest.fixture
def house(redis: Redis, pool: str) -> Pool:
    return Pool(redis, pool)


async def test_a_stale_owner_cannot_emit(house: Pool) -> None:
    await house.worker("w1")
    await house.accept("j")
    await house.jobs.start("j", "w1", 1, STARTED)
    await house.die("w1")
    await house.worker("w2")

    before = await house.log("j")
    assert await house.emit("j", "w1", 1, 1) == 0
    assert await house.emit("j", "w1", 2, 0) == 0, "another's attempt number opens nothing"
    assert await house.jobs.start("j", "w1", 1, STARTED) is None
    assert await house.jobs.finish("j", "w1", 1, 1, "completed", COMPLETED) == NOT_YOURS
    assert not await house.jobs.give_back("j", "w1", 1, INTERRUPTED)
    assert await house.log("j") == before
    assert (await house.record("j")).owner == "w2"


async def test_emit_repeated_byte_for_byte_is_accepted_once(house: Pool) -> None:
    await house.worker("w")
    await house.accept("j")
    await house.jobs.start("j", "w", 1, STARTED)
    listener = house.redis.pubsub(ignore_subscribe_messages=True)
    await listener.subscribe(house.keys.live("j"))
    await listener.get_message(timeout=5)  # the confirmation

    assert [await house.emit("j", "w", 1, 1) for _ in range(3)] == [1, 1, 1]
    assert await house.emit("j", "w", 1, 2, b'{"type":"token","text":"b"}') == 1

    assert await house.log("j") == [(b"1-0", STARTED), (b"1-1", TOKEN), (b"1-2", b'{"type":"token","text":"b"}')]
    heard = [await listener.get_message(timeout=5) for _ in range(2)]
    await listener.aclose()
    assert [message["data"][:3] for message in heard] == [b"1-1", b"1-2"]


async def test_accept_whose_reply_was_lost_accepts_the_job_once(house: Pool) -> None:
    assert [await house.accept("j") for _ in range(3)] == ["ok"] * 3
    assert await house.jobs.depth() == 1


async def test_a_job_carries_the_caller_who_submitted_it(house: Pool) -> None:
    await house.jobs.accept("j", JobRequest(model="tiny"), BOUNDS, tenant="ann", principal="ann's laptop")
    record = await house.record("j")
    assert (record.tenant, record.principal) == ("ann", "ann's laptop")


async def test_a_job_of_an_older_api_belongs_to_its_tenants_local_principal(house: Pool) -> None:
    """An older process loads the script of its own version; a client in another language may leave the argument out."""
    accept = house.redis.register_script(scripts()["accept"])
    bounds, request = (60_000, 2, 100, 10), JobRequest(model="tiny").model_dump_json()
    words = ("j", "ann", "batch", *bounds, "", "tiny", "r", request, 1, 1000, 0, "", "", "")
    assert await accept(keys=[house.keys.prefix], args=words) == [b"ok"]
    assert (await house.record("j")).principal == LOCAL_PRINCIPAL
    await house.redis.hdel(house.keys.job("j"), "principal")
    assert (await house.record("j")).principal == LOCAL_PRINCIPAL
    assert await house.worker("w") and await house.jobs.start("j", "w", 1, STARTED)


async def test_a_full_pool_and_a_full_tenant_have_different_answers(house: Pool) -> None:
    bounds = Bounds(depth=3, per_tenant=2, max_attempts=1, timeout_ms=1000)
    answers = [await house.accept(f"ann-{n}", "ann", bounds) for n in range(3)]
    assert answers == ["ok", "ok", "full tenant"]
    answers = [await house.accept(f"bob-{n}", "bob", bounds) for n in range(2)]
    assert answers == ["ok", "full depth"]


async def test_tenants_take_turns_however_many_jobs_one_of_them_has(house: Pool) -> None:
    for n in range(4):
        await house.accept(f"ann-{n}", "ann")
    await house.accept("bob-0", "bob")
    await house.worker("w", slots=3)
    assert (await house.workers.beat("w")).owned == {"ann-0", "bob-0", "ann-1"}


async def test_an_acknowledged_cancel_stays_cancelled(house: Pool) -> None:
    await house.worker("w")
    await house.accept("j")
    await house.jobs.start("j", "w", 1, STARTED)

    assert await house.jobs.cancel("j") == "cancelled"
    assert await house.jobs.finish("j", "w", 1, 1, "completed", COMPLETED) == NOT_YOURS
    assert await house.emit("j", "w", 1, 1) == 0
    await house.die("w")
    assert await house.jobs.cancel("j") == "cancelled"
    record = await house.record("j")
    assert (record.state, record.end) == ("cancelled", "1-1")
    assert await house.jobs.cancel("nobody") is None


async def test_cancel_sends_the_owner_an_order_and_frees_its_slot_at_once(house: Pool) -> None:
    await house.worker("w")
    await house.accept("j1")
    await house.accept("j2")
    await house.jobs.cancel("j1")
    inbox = await house.workers.inbox("w", "0", 100)
    orders = [(fields[b"do"], fields[b"job"]) for _, fields in inbox]
    assert orders == [(b"run", b"j1"), (b"cancel", b"j1"), (b"run", b"j2")]


async def test_finish_refuses_a_gap_and_may_be_repeated_after_a_lost_reply(house: Pool) -> None:
    await house.worker("w")
    await house.accept("j")
    await house.jobs.start("j", "w", 1, STARTED)
    assert await house.jobs.finish("j", "w", 1, 2, "completed", COMPLETED) == WRONG_SEQ
    finish = [await house.jobs.finish("j", "w", 1, 1, "completed", COMPLETED, result=b"{}") for _ in range(2)]
    assert finish == [FINISHED, FINISHED]
    assert [entry for entry, _ in await house.log("j")] == [b"1-0", b"1-1"]
    assert await house.redis.xlen(house.keys.finished) == 1


async def test_a_worker_that_gives_back_does_not_get_the_same_job_straight_back(house: Pool) -> None:
    await house.worker("w")
    await house.accept("j")
    assert await house.jobs.give_back("j", "w", 1, INTERRUPTED)
    assert await house.jobs.give_back("j", "w", 1, INTERRUPTED), "the reply was lost, and the call is repeated"
    assert (await house.record("j")).state == "queued"
    await house.workers.ask("w", True)
    record = await house.record("j")
    assert (record.owner, record.attempt, record.tries) == ("w", 2, 0)


async def test_a_returned_job_goes_before_all_jobs_that_wait_in_its_class(house: Pool) -> None:
    await house.worker("w1")
    await house.accept("first")
    await house.accept("second", "bob")
    await house.jobs.give_back("first", "w1", 1, INTERRUPTED)
    await house.worker("w2")
    assert (await house.record("first")).owner == "w2"


async def test_an_attempt_that_failed_costs_a_try_and_the_last_one_ends_the_job(house: Pool) -> None:
    await house.worker("w")
    await house.accept("j")
    await house.jobs.give_back("j", "w", 1, "engine", ENGINE_DOWN)
    assert (await house.record("j")).tries == 1
    await house.workers.ask("w", True)
    await house.jobs.give_back("j", "w", 2, "engine", ENGINE_DOWN)
    record = await house.record("j")
    assert (record.state, record.why, record.tries) == ("failed", "engine", 2)
    assert await house.dead() == [{b"job": b"j", b"why": b"engine"}]


async def test_a_death_costs_a_try_only_when_the_job_had_started(house: Pool) -> None:
    await house.accept("j")
    await house.worker("w1")
    await house.die("w1")
    assert (await house.record("j")).tries == 0
    await house.worker("w2")
    await house.jobs.start("j", "w2", 2, STARTED)
    await house.die("w2")
    assert (await house.record("j")).tries == 1


async def test_a_job_that_kills_its_workers_becomes_a_dead_letter(house: Pool) -> None:
    await house.accept("poison")
    for attempt in (1, 2):
        await house.worker(f"w{attempt}")
        await house.jobs.start("poison", f"w{attempt}", attempt, STARTED)
        await house.die(f"w{attempt}")
    record = await house.record("poison")
    assert (record.state, record.why, record.tries) == ("failed", "worker_lost", 2)
    assert await house.dead() == [{b"job": b"poison", b"why": b"worker_lost"}]
    assert [entry for entry, _ in await house.log("poison")] == [b"1-0", b"2-0", b"2-1"]


async def test_a_job_that_no_worker_ever_starts_ends_after_twenty_gives(house: Pool) -> None:
    await house.worker("w")
    await house.accept("j")
    for attempt in range(1, MAX_UNSTARTED):
        await house.jobs.give_back("j", "w", attempt, INTERRUPTED)
        await house.workers.ask("w", True)
    assert (await house.record("j")).attempt == MAX_UNSTARTED
    await house.jobs.give_back("j", "w", MAX_UNSTARTED, INTERRUPTED)
    record = await house.record("j")
    assert (record.state, record.why) == ("failed", "never_started")
    assert await house.jobs.depth() == 0


async def test_a_deadline_ends_a_job_wherever_it_is(house: Pool) -> None:
    short = BOUNDS._replace(timeout_ms=0)
    await house.worker("w")
    await house.accept("runs", bounds=short)
    await house.accept("waits", bounds=short)
    await house.accept("has time")
    assert await house.jobs.expire(None) == 2
    states = [(await house.record(job)).why for job in ("runs", "waits", "has time")]
    assert states == ["deadline", "deadline", ""]
    assert (await house.record("has time")).owner == "w", "its slot is free at once"


async def test_a_stepped_clock_ends_no_job_and_lets_none_be_accepted(house: Pool) -> None:
    await house.accept("j", bounds=BOUNDS._replace(timeout_ms=0))
    seconds, _ = await house.redis.time()
    wrong = seconds * 1000 - 3_600_000
    assert await house.jobs.expire(wrong) == -1
    assert await house.jobs.accept("k", JobRequest(model="tiny"), BOUNDS, tenant="ann", at=wrong) == "stepped"
    assert await house.jobs.record("k") is None


async def test_the_timeline_has_the_life_of_a_job_in_order(house: Pool) -> None:
    await house.worker("w1")
    await house.accept("j")
    await house.jobs.start("j", "w1", 1, STARTED)
    await house.die("w1")
    await house.worker("w2")
    await house.jobs.start("j", "w2", 2, STARTED)
    await house.jobs.finish("j", "w2", 2, 1, "completed", COMPLETED)
    timeline = [(what, detail) for _, what, detail in (await house.record("j")).timeline]
    assert timeline == [
        ("accepted", ""), ("given:1", "w1"), ("started:1", "w1"), ("returned:1", "worker_lost"),
        ("given:2", "w2"), ("started:2", "w2"), ("ended", "completed"),
    ]  # fmt: skip


async def test_garbage_in_demand_becomes_a_dead_letter(house: Pool) -> None:
    await house.accept("j")
    unknown = await house.redis.xadd(house.keys.demand, {"job": "never accepted"})
    nonsense = await house.redis.xadd(house.keys.demand, {"x": "y"})
    double = await house.redis.xadd(house.keys.demand, {"job": "j"})
    assert await house.jobs.depth() == 4

    await house.jobs.expire(None)
    assert await house.jobs.depth() == 1, "the accepted job is still counted"
    buried = [(fields[b"job"], fields[b"why"], fields[b"entry"]) for fields in await house.dead()]
    assert buried == [
        (b"never accepted", b"undecodable", unknown),
        (b"", b"undecodable", nonsense),
        (b"j", b"undecodable", double),
    ]


async def test_a_life_that_was_reaped_is_over(house: Pool) -> None:
    await house.worker("w")
    assert not await house.workers.reap("w", 0), "it has beaten since"
    await house.die("w")
    assert not (await house.workers.beat("w")).alive
    assert not await house.workers.ask("w", True)
    assert await house.workers.reap("w", 1), "repeated: the life is over"
    await house.accept("j")
    assert (await house.record("j")).state == "queued"


async def test_a_job_goes_to_the_worker_that_owns_fewest(house: Pool) -> None:
    await house.worker("w1", slots=4)
    for n in range(2):
        await house.accept(f"j{n}")
    await house.worker("w2", slots=4)
    await house.accept("j2")
    await house.workers.ask("w1", True)  # the freshest now, but the busiest too
    await house.accept("j3")
    owned = {w.incarnation: w.owned for w in await house.workers.all()}
    assert owned == {"w1": 2, "w2": 2}


async def test_a_forgotten_job_keeps_its_end_and_none_of_its_texts(house: Pool) -> None:
    await house.worker("w")
    await house.accept("j")
    await house.jobs.start("j", "w", 1, STARTED)
    assert await house.jobs.forget("j") == "running"
    assert (await house.record("j")).request
    await house.jobs.finish("j", "w", 1, 1, "completed", COMPLETED, result=b"{}")
    kept = await house.redis.pttl(house.keys.job("j"))
    assert [await house.jobs.forget("j") for _ in range(2)] == ["forgotten"] * 2
    record = await house.record("j")
    assert (record.state, record.forgotten, record.request, record.result) == ("completed", True, b"", b"")
    assert await house.log("j") == []
    assert 0 < await house.redis.pttl(house.keys.job("j")) <= kept
    assert await house.jobs.forget("unknown") is None


async def test_a_waiting_job_is_not_forgotten(house: Pool) -> None:
    await house.accept("j")
    assert await house.jobs.forget("j") == "queued"
    assert not (await house.record("j")).forgotten


async def test_vectors_and_counts_are_kept_a_quarter_of_an_hour_and_answers_a_day(house: Pool) -> None:
    for kind, minutes in (("chat", 24 * 60), ("generate", 24 * 60), ("embed", 15), ("count", 15)):
        ask = JobRequest.model_validate({"kind": kind, "model": "tiny"})
        await house.jobs.accept(kind, ask, BOUNDS, tenant="ann")
        await house.jobs.cancel(kind)
        assert minutes - 1 < await house.redis.pttl(house.keys.job(kind)) / 60_000 <= minutes
        assert minutes - 1 < await house.redis.pttl(house.keys.events(kind)) / 60_000 <= minutes
