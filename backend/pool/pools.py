"""The pools that this process routes over, and a job wherever it is: it has one id in all pools it passes through.

A job that leaves a pool ends there as `rerouted` and is let into the next one (wire/rerouting.py). Its record in the
pool that it came to last is the job; its other records only hold where it went.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from starlette.requests import Request

from backend.accounts.caller import Caller
from wire.circuits import Circuits
from wire.clock import Clock
from wire.events import LogEntry
from wire.ids import JobId, TenantId
from wire.jobs import JobPipe
from wire.keys import Keys
from wire.ledger import Ledger
from wire.reader import EventReader, FanIn
from wire.records import LIVE_STATES, JobRecord, JobState, decode_record
from wire.rerouting import carry_on
from wire.workers import WorkerRegistry

HOPS = 8  # more pools than a job's fallbacks have names for
FORGET_TRIES = 3
# Of a job's record, all but what may be long: the request, the result and the timeline.
OUTLINE = (
    *(b"state", b"tenant", b"principal", b"class", b"model", b"attempt", b"tries", b"max", b"owner"),
    *(b"accepted", b"due", b"why", b"note", b"end", b"request_id", b"route", b"base", b"keep", b"forgotten"),
    b"outline",
)


class Pool(NamedTuple):
    """One pool, and its verbs."""

    name: str
    keys: Keys
    jobs: JobPipe
    workers: WorkerRegistry
    clock: Clock
    circuits: Circuits
    ledger: Ledger
    reader: EventReader


class Found(NamedTuple):
    """A job's record, and the pool that has it. In an outline the request, the result and the timeline are empty."""

    pool: Pool
    record: JobRecord

    @property
    def left(self) -> bool:
        """The job went on in another pool."""
        return self.record.why == "rerouted"


class Pools:
    """The pools of this process, the own pool first. A job is looked for in all of them at once."""

    def __init__(self, redis: Redis, fan_in: FanIn, names: Sequence[str]) -> None:
        self._redis = redis
        self._fan_in = fan_in
        self._pools = {name: self._make(name) for name in names}

    def _make(self, name: str) -> Pool:
        redis, keys = self._redis, Keys(name)
        jobs, workers, clock = JobPipe(redis, keys), WorkerRegistry(redis, keys), Clock(redis, keys)
        reader = EventReader(redis, keys, self._fan_in)
        return Pool(name, keys, jobs, workers, clock, Circuits(redis, keys), Ledger(redis, keys), reader)

    def __iter__(self) -> Iterator[Pool]:
        return iter(self._pools.values())

    def __len__(self) -> int:
        return len(self._pools)

    @property
    def own(self) -> Pool:
        return next(iter(self))

    @property
    def names(self) -> list[str]:
        return list(self._pools)

    def named(self, name: str) -> Pool:
        """Also a pool that is not ours: an API process with other settings may have sent a job there."""
        return self._pools.get(name) or self._make(name)

    # -- one job -----------------------------------------------------------------------------------------------
    def of(self, caller: Caller) -> OwnJobs:
        """The jobs that this caller may know of."""
        return OwnJobs(self, caller.tenant)

    async def path(self, job: JobId) -> list[Found]:
        """The outlines of a job in the pools that it passed, in that order; [] for an unknown job. One round trip."""
        trip = self._redis.pipeline(transaction=False)
        for pool in self:
            trip.hmget(pool.keys.job(job), OUTLINE)
        rows = zip(self, await trip.execute(), strict=True)
        outlines = (_found(pool, job, OUTLINE, values) for pool, values in rows)
        # Attempts are counted on from pool to pool.
        return sorted((found for found in outlines if found is not None), key=lambda found: found.record.base)

    async def find(self, job: JobId, tenant: TenantId | None = None) -> Found | None:
        """The outline of a job as it is now. A job that was lost between two pools is carried on first.

        `tenant`: another tenant's job is not found; None: any tenant's is.
        """
        path = await self.path(job)
        if not path or tenant not in (None, path[-1].record.tenant):
            return None
        return await self._arrived(path[-1])

    async def _arrived(self, found: Found) -> Found:
        """Where a job is now that has left its pool: it may still be on its way, or in a pool that is not ours."""
        for _ in range(HOPS):
            if not found.left or (target := await carry_on(found.pool.jobs, found.record.id)) is None:
                break
            pool = self.named(target.pool)
            outline = await self._outline(pool, found.record.id)
            if outline is None:
                break
            found = outline
        return found

    async def _outline(self, pool: Pool, job: JobId) -> Found | None:
        return _found(pool, job, OUTLINE, await self._redis.hmget(pool.keys.job(job), OUTLINE))

    async def whole(self, found: Found) -> Found | None:
        """The record with its request, result and timeline; None where the job is gone by now."""
        key = found.pool.keys.job(found.record.id)
        fields = cast(dict[bytes, bytes], await self._redis.hgetall(key))
        return _found(found.pool, found.record.id, list(fields), list(fields.values()))

    async def without_request(self, found: Found) -> Found | None:
        """The record with its result and timeline. The request, which may be megabytes, stays in Redis."""
        key = found.pool.keys.job(found.record.id)
        names = [name for name in cast(list[bytes], await self._redis.hkeys(key)) if name != b"request"]
        values = await self._redis.hmget(key, names) if names else []
        return _found(found.pool, found.record.id, names, values)

    async def cancel(self, job: JobId, why: str = "asked", tenant: TenantId | None = None) -> JobState | None:
        """End a live job wherever it is. Returns the state it is in now, None for an unknown job.

        `tenant`: another tenant's job is unknown; None: any tenant's is ended.
        """
        state: JobState | None = None
        for _ in range(HOPS):
            found = await self.find(job, tenant)
            if found is None:
                return state
            state = await found.pool.jobs.cancel(job, why)
            if state != "failed" or found.record.state == "failed":
                break  # else it failed meanwhile, or left for another pool: look again
        return state

    async def known(self, jobs: Sequence[JobId]) -> set[JobId]:
        """The jobs of these that have a record in any pool. One round trip for all."""
        trip = self._redis.pipeline(transaction=False)
        for job in jobs:
            for pool in self:
                trip.exists(pool.keys.job(job))
        held = iter(await trip.execute() if jobs else ())
        return {job for job in jobs for pool in self if next(held)}

    async def forgotten(self, job: JobId) -> bool:
        """Whether the job's record is there, and is to be shown to no caller any more."""
        trip = self._redis.pipeline(transaction=False)
        for pool in self:
            trip.hget(pool.keys.job(job), "forgotten")
        return any(held not in (None, b"", b"0") for held in await trip.execute())

    async def ending(self, found: Found) -> LogEntry | None:
        """The terminal event, for as long as the log is kept."""
        return await found.pool.jobs.log(found.record.id).end(found.record.end)

    async def beginning(self, found: Found, count: int) -> list[LogEntry]:
        """The first events of the job's log in the pool where the job is."""
        return await found.pool.jobs.log(found.record.id).first(count)

    async def events(self, found: Found) -> int:
        """How many events the job's running attempt has sent so far; 0 where it does not run."""
        if found.record.state != "running":
            return 0
        return (await found.pool.jobs.log(found.record.id).last_id()).seq

    async def deserted(self, job: JobId) -> bool:
        """True when no reader follows the job, in any pool and any API process."""
        await self._fan_in.settled()
        channels = [pool.keys.live(job) for pool in self]
        return not any(int(count) for _, count in await self._redis.pubsub_numsub(*channels))


class OwnJobs:
    """The jobs of one tenant, wherever they are. Another tenant's job is as unknown here as a wrong id."""

    def __init__(self, pools: Pools, tenant: TenantId) -> None:
        self._pools = pools
        self._tenant = tenant

    async def find(self, job: JobId) -> Found | None:
        """The outline of a job as it is now."""
        return await self._pools.find(job, self._tenant)

    async def cancel(self, job: JobId, why: str = "asked") -> JobState | None:
        """End a live job. Returns the state it is in now, None for an unknown job."""
        return await self._pools.cancel(job, why, self._tenant)

    async def forget(self, job: JobId) -> bool:
        """Cancel a job if it lives, then wipe its request, result and log in every pool that it passed.

        False: it could not be ended. An unknown job is as good as forgotten.
        """
        for _ in range(FORGET_TRIES):
            if await self.cancel(job, "deleted") is None:
                return True
            states = [await found.pool.jobs.forget(job) for found in await self._pools.path(job)]
            if not any(state in LIVE_STATES for state in states):
                return True
        return False


def _found(pool: Pool, job: JobId, names: Sequence[bytes], values: Sequence[Any]) -> Found | None:
    """None also for a job that was forgotten on its principal's wish: it is unknown from then on."""
    fields = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    if fields.get(b"forgotten", b"0") not in (b"", b"0"):
        return None
    record = decode_record(job, fields)
    return Found(pool, record) if record is not None else None


def pools_of(request: Request) -> Pools:
    pools: Pools = request.state.pools
    return pools
