"""A job wherever it is: two pools on a real Valkey, workers played by hand."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import orjson
import pytest

from backend.accounts.caller import LOCAL
from backend.chat.disconnect import CONTINUE
from backend.chat.naming import Naming, new_job
from backend.chat.submission import Ready, Submission
from backend.errors import Invalid
from backend.pool.pools import Found, Pool, Pools
from backend.pool.trail import Trail, Trails, pool_of
from backend.routing.breakers import Breakers
from backend.routing.route import joined
from tests.backend.inside import pools_in
from tests.backend.recording import BOUNDS, COMPLETED, STARTED
from wire.events import START, EventId, Rerouted, encode
from wire.idempotency import IdempotencyKeys
from wire.ids import JobId, TenantId
from wire.jobs import FINISHED
from wire.reader import CursorUnknown
from wire.records import JobRequest, Target
from wire.worker_info import WorkerInfo

ONE, TWO, THREE = (f"{name}-{secrets.token_hex(4)}" for name in ("one", "two", "three"))


@pytest.fixture
async def pools(redis_url: str) -> AsyncIterator[Pools]:
    """Two pools; `three` is another house's."""
    async with pools_in(redis_url, ONE, TWO) as pools:
        yield pools


async def begun(pools: Pools, where: str = ONE, job: str = "") -> str:
    """A job that a worker of this pool has started."""
    pool, job = pools.named(where), job or secrets.token_hex(8)
    await working(pools, where)
    if await pool.jobs.record(job) is None:
        assert await pool.jobs.accept(job, JobRequest(model="m"), BOUNDS, tenant="ann") == "ok"
    record = await pool.jobs.record(job)
    assert record is not None and await pool.jobs.start(job, "w", record.attempt, STARTED) is not None
    return job


async def working(pools: Pools, where: str) -> None:
    await pools.named(where).workers.register("w", 100, WorkerInfo("simulated", {"m": {}}))
    await pools.named(where).workers.ask("w", True)


async def leave(pools: Pools, job: str, where: str, target: str) -> None:
    """It ends in `where` as rerouted; it is not let into `target` yet."""
    pool = pools.named(where)
    record = await pool.jobs.record(job)
    assert record is not None
    event = encode(Rerouted(pool=target, model="m2", reason="engine_unavailable"))
    assert await pool.jobs.finish(job, "w", record.attempt, 1, "failed", event, why="rerouted") == FINISHED


async def complete(pools: Pools, job: str, where: str, attempt: int) -> None:
    done = await pools.named(where).jobs.finish(job, "w", attempt, 1, "completed", encode(COMPLETED), result=b"{}")
    assert done == FINISHED


def place_of(found: Found | None) -> tuple[str, str] | None:
    return found and (found.pool.name, found.record.state)


async def test_a_job_is_found_where_it_came_to_last(pools: Pools) -> None:
    job = await begun(pools, TWO)
    assert place_of(await pools.find(job)) == (TWO, "running")
    await leave(pools, job, TWO, ONE)
    assert place_of(await pools.find(job)) == (ONE, "queued")  # found is carried on
    assert [one.pool.name for one in await pools.path(job)] == [TWO, ONE]
    assert (await pools.find("nobody"), await pools.path("nobody")) == (None, [])
    assert await pools.known([job, "nobody"]) == {job}
    assert await pools.known([]) == set()


async def test_a_job_is_found_in_a_pool_of_another_api(pools: Pools) -> None:
    job = await begun(pools)
    await leave(pools, job, ONE, THREE)
    assert place_of(await pools.find(job)) == (THREE, "queued")
    assert await pools.cancel(job) == "cancelled"
    assert place_of(await pools.find(job)) == (THREE, "cancelled")


class Stale(Pools):
    """Looked a moment too early: the job leaves between the look and what is done of it."""

    first: Found | None = None

    async def find(self, job: JobId, tenant: TenantId | None = None) -> Found | None:
        first, self.first = self.first, None
        return first or await super().find(job, tenant)


async def test_a_job_that_leaves_as_it_is_cancelled_is_cancelled_where_it_went(pools: Pools) -> None:
    job = await begun(pools)
    stale = Stale(pools._redis, pools._fan_in, [ONE, TWO])
    stale.first = await pools.find(job)
    await leave(pools, job, ONE, TWO)
    assert await stale.cancel(job) == "cancelled"
    assert place_of(await pools.find(job)) == (TWO, "cancelled")
    assert (await pools.cancel(job), await pools.cancel("nobody")) == ("cancelled", None)


async def test_a_job_that_ended_stays_as_it_ended(pools: Pools) -> None:
    job = await begun(pools)
    await complete(pools, job, ONE, 1)
    assert await pools.cancel(job) == "completed"
    failed = await begun(pools)
    await pools.own.jobs.finish(failed, "w", 1, 1, "failed", b'{"type":"failed","code":"x","message":""}', why="x")
    assert await pools.cancel(failed) == "failed"


async def read(trail: Trail) -> list[str]:
    """What is to come, to the end."""
    events: list[str] = []
    async with asyncio.timeout(10):
        while (burst := await trail.next_burst()) is not None:
            events += [f"{entry.id} {entry.fields()['type']}" for entry in burst]
    return events


async def test_a_trail_goes_on_in_the_next_pool_from_any_event(pools: Pools) -> None:
    job = await begun(pools)
    await leave(pools, job, ONE, TWO)
    await pools.find(job)
    await begun(pools, TWO, job)
    await complete(pools, job, TWO, 2)
    whole = ["1-0 started", "1-1 rerouted", "2-0 started", "2-1 completed"]
    trails = Trails(pools)
    for place in range(len(whole)):
        after = EventId.parse(whole[place - 1].split()[0]) if place else START
        where = await pool_of(await pools.path(job), after)
        async with trails.follow(where, job, after) as trail:
            assert trail in trails.open
            assert await read(trail) == whole[place:]
            assert (trail.at_end, trail.pool.name) == (True, TWO)
    assert not trails.open
    with pytest.raises(CursorUnknown):
        await pool_of(await pools.path(job), EventId(2, 7))


async def test_a_trail_reads_on_live_and_carries_the_job_on_where_its_worker_died(pools: Pools) -> None:
    job = await begun(pools)
    await working(pools, TWO)
    async with Trails(pools).follow(pools.own, job) as trail:
        reading = asyncio.create_task(read(trail))
        await leave(pools, job, ONE, TWO)
        while (record := await pools.named(TWO).jobs.record(job)) is None:
            await asyncio.sleep(0.01)
        assert (record.model, record.base) == ("m2", 1)
        assert not await pools.deserted(job)
        await begun(pools, TWO, job)
        await complete(pools, job, TWO, 2)
        assert (await reading)[-1] == "2-1 completed"
    assert await pools.deserted(job)
    async with Trails(pools).follow(
        pools.named(TWO), job, EventId(2, 0)
    ):  # a caller who comes back behind the other pool's log
        assert not await pools.deserted(job)


async def test_a_caller_who_hangs_up_between_two_pools_gets_no_more_events(pools: Pools) -> None:
    job = await begun(pools)
    async with Trails(pools).follow(pools.own, job) as trail:
        reading = asyncio.create_task(read(trail))
        await leave(pools, job, ONE, TWO)
        while await pools.named(TWO).jobs.record(job) is None:
            await asyncio.sleep(0.01)
        trail.hang_up()
        assert "2-0 started" not in await reading
        assert not trail.at_end


async def test_a_caller_who_hung_up_as_the_next_pool_was_entered_gets_none_of_its_events(pools: Pools) -> None:
    job = await begun(pools, TWO)
    async with Trails(pools).follow(pools.own, job, fresh=True) as trail:
        trail.hang_up()
        await trail.enter(pools.named(TWO))
        assert await read(trail) == []


# -- names of jobs -----------------------------------------------------------------------------------------------
def ready(pool: Pool, key: str | None = None, job: str | None = None, body: str = "") -> Ready:
    """A new job in this pool, before it is known whether its submission names another one."""
    submission = Submission(JobRequest(model="m"), LOCAL, CONTINUE, idempotency_key=key, job=job, body=body)
    return Ready(submission, joined(Target(pool=pool.name, model="m")), new_job(), pool, fresh=True)


async def test_an_id_stays_in_the_pool_that_it_was_first_meant_for(pools: Pools) -> None:
    naming = Naming(IdempotencyKeys(pools._redis, 60_000), pools)
    job = secrets.token_hex(8)
    first = await naming.name(ready(pools.named(TWO), job=job))
    again = await naming.name(ready(pools.own, job=job))
    assert (first.pool.name, again.pool.name, first.fresh, again.fresh) == (TWO, TWO, False, False)
    assert (await naming.name(ready(pools.own))).fresh


async def test_a_key_joins_its_job_wherever_it_is_and_starts_anew_where_the_job_failed(pools: Pools) -> None:
    naming, key, own_id = (
        Naming(IdempotencyKeys(pools._redis, 60_000), pools),
        secrets.token_hex(8),
        secrets.token_hex(8),
    )
    first = await naming.name(ready(pools.named(TWO), key, job=own_id))
    assert (first.job, first.pool.name, first.fresh, first.joins) == (own_id, TWO, False, None)
    same = await naming.name(ready(pools.own, key, job="another"))  # the job is not let in yet
    assert (same.job, same.pool.name, same.joins) == (own_id, TWO, None)
    await begun(pools, TWO, own_id)
    running = await naming.name(ready(pools.own, key))
    assert (running.job, place_of(running.joins), running.fresh) == (own_id, (TWO, "running"), False)
    await pools.cancel(own_id)
    again = await naming.name(ready(pools.own, key, job=own_id))
    assert (again.job, place_of(again.joins)) == (own_id, (TWO, "cancelled"))  # one id ends once
    anew = await naming.name(ready(pools.own, key))
    assert (anew.pool.name, anew.fresh, anew.joins) == (ONE, True, None) and anew.job != own_id
    with pytest.raises(Invalid):
        await naming.name(ready(pools.own, key, body="other"))


async def test_a_key_of_a_job_that_was_forgotten_starts_anew(pools: Pools) -> None:
    naming, key = Naming(IdempotencyKeys(pools._redis, 60_000), pools), secrets.token_hex(8)
    first = await naming.name(ready(pools.named(TWO), key))
    await begun(pools, TWO, first.job)
    await complete(pools, first.job, TWO, 1)
    same = await naming.name(ready(pools.own, key))
    assert (same.job, place_of(same.joins)) == (first.job, (TWO, "completed"))
    await pools.named(TWO).jobs.forget(first.job)
    anew = await naming.name(ready(pools.own, key))
    assert (anew.pool.name, anew.fresh, anew.joins) == (ONE, True, None) and anew.job != first.job
    assert (await naming.name(ready(pools.own, key))).job == anew.job, "it is the key's from now on"


# -- circuits ----------------------------------------------------------------------------------------------------
async def test_one_job_of_all_processes_may_try_a_circuit_that_was_open_for_long(pools: Pools) -> None:
    circuit = {"state": "open", "failures": 5, "opened": 1, "probed": 0, "reason": "stream_cut"}
    await pools.named(TWO).circuits.mend("e", "m")
    await pools._redis.hset(pools.named(TWO).keys.circuits, "e|m", orjson.dumps(circuit))
    [broken] = (await pools.named(TWO).circuits.all()).values()
    target, own, another = Target(pool=TWO, model="m"), Breakers(pools), Breakers(pools)
    tried = [await breakers.may_try(target, [broken]) for breakers in (own, own, another)]
    assert tried == [True, False, False]
    assert (await pools.named(TWO).circuits.all())["e|m"].state == "half_open"
