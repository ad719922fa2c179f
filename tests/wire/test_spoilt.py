"""A script that fails half-way is not rolled back. So it must not fail, whatever a worker wrote into the keys that it
reads: a job ends, its slot is free again, and the next job is given."""

from __future__ import annotations

import pytest

from tests.wire.test_scripts_jobs import COMPLETED, ENGINE_DOWN, INFO, STARTED, Pool, house  # noqa: F401 - a fixture
from wire.jobs import FINISHED

SPOILT = ("abc", "", "-1", "1e300", "nan", "9" * 30, "\xff")
FIELDS = (
    *("keep", "base", "class", "n", "max", "tries", "unstarted", "due", "entry", "tenant", "epoch", "bytes", "note"),
    *("outline", "model", "affinity", "passed", "accepted", "request", "result", "by"),
)


async def running(pool: Pool) -> None:
    await pool.worker("w")
    await pool.accept("first")
    assert await pool.jobs.start("first", "w", 1, STARTED) is not None
    await pool.accept("second")


async def spoil(pool: Pool, field: str) -> None:
    """One kind of nonsense for each field, by its place in the list: every kind in turn would take long."""
    value = SPOILT[FIELDS.index(field) % len(SPOILT)]
    await pool.redis.hset(pool.keys.job("first"), field, value.encode("latin-1"))


async def the_second_runs_alone(pool: Pool) -> None:
    assert (await pool.record("second")).state == "running"
    assert await pool.redis.smembers(f"{pool.keys.prefix}:owned:w") == {b"second"}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("how", ["finish", "cancel", "expire", "gone"])
async def test_a_job_with_a_spoilt_field_ends_and_its_slot_is_free(house: Pool, field: str, how: str) -> None:  # noqa: F811
    await running(house)
    if how == "gone":
        await house.redis.hdel(house.keys.job("first"), field)
    else:
        await spoil(house, field)
    if how == "cancel":
        assert await house.jobs.cancel("first") == "cancelled"
    elif how == "expire":
        await house.redis.zadd(f"{house.keys.prefix}:due", {"first": 0})
        assert await house.jobs.expire(None) == 1
    else:
        assert await house.jobs.finish("first", "w", 1, 1, "completed", COMPLETED) == FINISHED
    assert not (await house.record("first")).live
    await the_second_runs_alone(house)


@pytest.mark.parametrize("field", FIELDS)
async def test_a_spoilt_job_that_is_given_back_holds_up_no_other(house: Pool, field: str) -> None:  # noqa: F811
    await running(house)
    await spoil(house, field)
    assert await house.jobs.give_back("first", "w", 1, "engine", ENGINE_DOWN)
    await house.workers.ask("w", True)
    await house.jobs.cancel("first")
    await the_second_runs_alone(house)


@pytest.mark.parametrize("field", [*FIELDS, "attempt", "owner", "fence"])
async def test_a_life_with_a_spoilt_job_is_reaped_and_the_others_go_on(house: Pool, field: str) -> None:  # noqa: F811
    await running(house)
    await house.redis.hset(house.keys.job("first"), field, "abc")
    await house.die("w")
    await house.worker("v", slots=2)
    assert (await house.record("second")).owner == "v"


async def test_entries_that_are_no_job_or_no_worker_are_taken_out_of_the_queue(house: Pool) -> None:  # noqa: F811
    prefix = house.keys.prefix
    await house.redis.zadd(f"{prefix}:front:interactive", {"ghost": 0, b"\xff": 1})
    await house.redis.zadd(f"{prefix}:ring:interactive", {"no tenant": -1})
    await house.redis.zadd(f"{prefix}:idle", {"no worker": 1e300})
    await house.worker("w")
    await house.accept("job")
    assert (await house.record("job")).owner == "w"
    assert {letter[b"job"] for letter in await house.dead()} == {b"ghost", b"\xff"}
    assert await house.redis.zcard(f"{prefix}:idle") == 0


@pytest.mark.parametrize("entry", ["5-0", "1-99999", "18446744073709551615-18446744073709551615"])
async def test_a_log_that_refuses_events_is_replaced_by_one_that_holds_the_end(house: Pool, entry: str) -> None:  # noqa: F811
    await running(house)
    await house.redis.xadd(house.keys.events("first"), {"e": "nonsense"}, id=entry)
    assert await house.jobs.cancel("first") == "cancelled"
    record = await house.record("first")
    last, body = (await house.log("first"))[-1]
    assert last.decode() == record.end and body.startswith(b'{"type":"cancelled"')
    await the_second_runs_alone(house)


async def test_an_inbox_that_takes_no_order_ends_its_life_and_the_job_waits_for_another(house: Pool) -> None:  # noqa: F811
    await house.worker("w")
    last = "18446744073709551615-18446744073709551615"
    await house.redis.xadd(house.keys.inbox("w"), {"do": "cancel"}, id=last)
    await house.accept("job")
    assert (await house.record("job")).state == "queued"
    assert not (await house.workers.beat("w")).alive
    await house.worker("v")
    assert (await house.record("job")).owner == "v"


@pytest.mark.parametrize("key", ["worker", "owned", "inbox"])
async def test_a_life_whose_own_keys_are_spoilt_is_over_and_its_jobs_run_elsewhere(house: Pool, key: str) -> None:  # noqa: F811
    await running(house)
    await house.redis.set(f"{house.keys.prefix}:{key}:w", "x")
    await house.workers.beat("w", "1-1")
    assert not (await house.workers.beat("w")).alive
    await house.worker("v", slots=2)
    assert [(await house.record(job)).owner for job in ("first", "second")] == ["v", "v"]


async def test_jobs_that_a_life_only_seems_to_own_do_not_fill_its_slots(house: Pool) -> None:  # noqa: F811
    await house.workers.register("w", 1, INFO)
    await house.redis.sadd(f"{house.keys.prefix}:owned:w", "ghost", b"\xff")
    await house.workers.ask("w", True)
    await house.accept("job")
    assert (await house.record("job")).state == "queued"
    await house.workers.beat("w")
    assert (await house.record("job")).owner == "w"
