"""A job that goes on in another pool is one job with one id, and runs once, wherever a process died in between."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from tests.support.valkey import Valkey
from tests.wire.test_scripts_jobs import BOUNDS, COMPLETED, STARTED, Pool
from wire.events import EventId, Rerouted, encode
from wire.jobs import FINISHED
from wire.reader import EventReader, FanIn, JobLost
from wire.records import JobRequest, Target
from wire.rerouting import carry_on, onward

HERE, THERE, BEYOND = Target(pool="here", model="tiny"), Target(pool="there", model="big"), Target(pool="c", model="x")


@pytest.fixture
async def here(redis: Redis) -> Pool:
    """A pool with a worker `w` that has just ended job `j` as rerouted, after it had been given back once."""
    pool = Pool(redis, "here")
    ask = JobRequest(model="tiny", fallback=(THERE, HERE, BEYOND), affinity="talk")
    await pool.worker("w")
    options = {"tenant": "ann", "principal": "ann-1", "cls": "batch", "request_id": "r-7", "keep_ms": 60_000}
    await pool.jobs.accept("j", ask, BOUNDS, **options)
    await pool.jobs.give_back("j", "w", 1, "interrupted")
    await pool.workers.ask("w", True)
    await pool.jobs.start("j", "w", 2, STARTED)
    return pool


async def leave(pool: Pool, seq: int = 1, target: Target = THERE) -> int:
    body = encode(Rerouted(pool=target.pool, model=target.model, reason="model_not_found"))
    return await pool.jobs.finish("j", "w", 2, seq, "failed", body, why="rerouted")


async def test_a_rerouted_job_is_accepted_where_it_was_sent_as_the_same_job(here: Pool, redis: Redis) -> None:
    assert await leave(here) == FINISHED
    began = await here.jobs.now()
    assert await carry_on(here.jobs, "j") == THERE
    took = await here.jobs.now() - began
    before, after = await here.record("j"), await Pool(redis, "there").record("j")
    assert (after.tenant, after.principal, after.cls) == ("ann", "ann-1", "batch")
    assert (after.request_id, after.max_attempts) == ("r-7", 2)
    assert (after.model, after.attempt, after.base, after.tries, after.keep_ms) == ("big", 2, 2, 0, 60_000)
    assert 0 <= after.due - before.due <= took
    ask = JobRequest.model_validate_json(after.request)
    assert (ask.model, ask.fallback, ask.affinity) == ("big", (BEYOND,), "talk")


async def test_a_job_that_several_processes_carry_on_is_accepted_once(here: Pool, redis: Redis) -> None:
    await leave(here)
    there = Pool(redis, "there")
    assert await asyncio.gather(*(carry_on(here.jobs, "j") for _ in range(5))) == [THERE] * 5
    assert await there.jobs.depth() == 1
    await there.worker("x")
    assert await carry_on(here.jobs, "j") == THERE
    assert (await there.record("j")).state == "running"
    assert await there.jobs.finish("j", "x", 3, 0, "completed", COMPLETED) == FINISHED
    assert await carry_on(here.jobs, "j") == THERE
    assert (await there.record("j")).state == "completed"
    assert await there.jobs.depth() == 0


async def test_the_attempts_of_a_rerouted_job_are_counted_on_in_the_other_pool(here: Pool, redis: Redis) -> None:
    await leave(here)
    await carry_on(here.jobs, "j")
    there = Pool(redis, "there")
    await there.worker("x")
    assert (await there.record("j")).attempt == 3


async def test_an_end_before_the_first_attempt_in_the_other_pool_has_an_id_behind_all_events_here(
    here: Pool, redis: Redis
) -> None:
    await leave(here)
    await carry_on(here.jobs, "j")
    there = Pool(redis, "there")
    assert await there.jobs.cancel("j") == "cancelled"
    assert [entry for entry, _ in await there.log("j")] == [b"3-0"]
    assert (await there.record("j")).end == "3-0"


async def test_a_job_that_did_not_leave_as_rerouted_is_not_carried_on(here: Pool, redis: Redis) -> None:
    assert await carry_on(here.jobs, "unknown") is None
    assert await carry_on(here.jobs, "j") is None  # the job runs
    await here.jobs.cancel("j")
    assert await carry_on(here.jobs, "j") is None
    assert await redis.keys("sluice:{there}:*") == []


async def test_a_job_whose_log_is_gone_is_not_carried_on(here: Pool, redis: Redis) -> None:
    await leave(here)
    await here.jobs.forget("j")
    assert await carry_on(here.jobs, "j") is None
    assert await redis.keys("sluice:{there}:*") == []


async def test_a_job_out_of_time_ends_where_it_was_sent(here: Pool, redis: Redis) -> None:
    await leave(here)
    await redis.hset(here.keys.job("j"), "due", 1)
    await carry_on(here.jobs, "j")
    there = Pool(redis, "there")
    assert await there.jobs.expire(None) == 1
    assert (await there.record("j")).why == "deadline"


def test_fallbacks_before_the_target_and_in_pools_that_were_left_are_dropped() -> None:
    first, second = Target(pool="here", model="a"), Target(pool="there", model="b")
    ask = JobRequest(model="m", fallback=(first, THERE, HERE, second, BEYOND))
    gone = onward(ask, "here", THERE)
    assert (gone.model, gone.fallback) == ("big", (second, BEYOND))
    assert onward(ask, "here", Target(pool="c", model="unlisted")).fallback == ()


async def read_all(valkey: Valkey, pool: Pool, after: EventId) -> tuple[list[bytes], bool, Target | None]:
    fan_in = FanIn(valkey.url)
    running = asyncio.create_task(fan_in.run())
    await fan_in.link.up.wait()
    bodies: list[bytes] = []
    try:
        async with EventReader(pool.redis, pool.keys, fan_in).open("j", after) as reader:
            while (burst := await reader.next_burst()) is not None:
                bodies += [entry.body for entry in burst]
            return bodies, reader.at_end, reader.rerouted
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_reader_ends_where_a_job_leaves_the_pool_and_has_its_target(here: Pool, valkey: Valkey) -> None:
    reading = asyncio.create_task(read_all(valkey, here, EventId(0, 0)))
    await leave(here)
    bodies, at_end, rerouted = await reading
    assert (len(bodies), at_end, rerouted) == (2, False, THERE)


async def test_a_reader_behind_that_end_has_the_target_at_once(here: Pool, valkey: Valkey) -> None:
    await leave(here)
    assert await read_all(valkey, here, EventId(2, 1)) == ([], False, THERE)


async def test_a_reader_reads_on_where_a_job_stays_in_the_pool(here: Pool, valkey: Valkey) -> None:
    await here.emit("j", "w", 2, 1, encode(Rerouted(pool="here", model="other", reason="model_not_found")))
    await here.jobs.finish("j", "w", 2, 2, "completed", COMPLETED)
    bodies, at_end, rerouted = await read_all(valkey, here, EventId(0, 0))
    assert (bodies[-1], at_end, rerouted) == (COMPLETED, True, None)


async def test_a_reader_of_a_forgotten_job_raises_that_it_is_lost(here: Pool, valkey: Valkey) -> None:
    await here.jobs.finish("j", "w", 2, 1, "completed", COMPLETED)
    await here.jobs.forget("j")
    with pytest.raises(JobLost):
        await read_all(valkey, here, EventId(0, 0))
