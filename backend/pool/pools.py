"""The pools that this process routes over, and a job wherever it is: it has one id in all pools it passes through.

A job that leaves a pool ends there as `rerouted` and is let into the next one (wire/rerouting.py). Its record in the
pool that it came to last is the job; the others only say where it went.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from redis.asyncio import Redis
from starlette.requests import Request

from wire.circuits import Circuits
from wire.clock import Clock
from wire.events import LogEntry
from wire.ids import JobId
from wire.jobs import JobPipe
from wire.keys import Keys
from wire.ledger import Ledger
from wire.reader import EventReader, FanIn
from wire.records import JobRecord, JobState, decode_record
from wire.rerouting import carry_on
from wire.workers import WorkerRegistry

HOPS = 8  # more pools than a job's fallbacks have names for


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
    """A job's record, and the pool that has it."""

    pool: Pool
    record: JobRecord

    @property
    def left(self) -> bool:
        """It went on in another pool."""
        return self.record.why == "rerouted"


class Pools:
    """The own pool first. Whoever asks for a job asks all of them at once."""

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
        """Also one that is not ours: an API process with other settings may have sent a job there."""
        return self._pools.get(name) or self._make(name)

    # -- one job -----------------------------------------------------------------------------------------------
    async def path(self, job: JobId) -> list[Found]:
        """Its records, in the order in which it came to their pools; [] for a job that nobody knows. One round trip."""
        trip = self._redis.pipeline(transaction=False)
        for pool in self:
            trip.hgetall(pool.keys.job(job))
        found = (_found(pool, job, held) for pool, held in zip(self, await trip.execute(), strict=True))
        # Attempts are counted on from pool to pool.
        return sorted((one for one in found if one is not None), key=lambda one: one.record.base)

    async def find(self, job: JobId) -> Found | None:
        """The job as it is now. One that was lost between two pools is carried on first."""
        path = await self.path(job)
        return await self._arrived(path[-1]) if path else None

    async def _arrived(self, found: Found) -> Found:
        """Where a job is that was seen to leave: it may be on its way, and in a pool that is not ours."""
        for _ in range(HOPS):
            if not found.left or (target := await carry_on(found.pool.jobs, found.record.id)) is None:
                break
            pool = self.named(target.pool)
            record = await pool.jobs.record(found.record.id)
            if record is None:
                break
            found = Found(pool, record)
        return found

    async def cancel(self, job: JobId, why: str = "asked") -> JobState | None:
        """End a live job wherever it is; the state it is in now, None for an unknown one."""
        state: JobState | None = None
        for _ in range(HOPS):
            found = await self.find(job)
            if found is None:
                return state
            state = await found.pool.jobs.cancel(job, why)
            if state != "failed" or found.record.state == "failed":
                break  # else it failed meanwhile, or left for another pool: look again
        return state

    async def known(self, jobs: Sequence[JobId]) -> set[JobId]:
        """Those of which any pool has a record. One round trip for all."""
        trip = self._redis.pipeline(transaction=False)
        for job in jobs:
            for pool in self:
                trip.exists(pool.keys.job(job))
        held = iter(await trip.execute() if jobs else ())
        return {job for job in jobs for pool in self if next(held)}

    async def forgotten(self, job: JobId) -> bool:
        """Whether it is there and nobody is to know it any more."""
        trip = self._redis.pipeline(transaction=False)
        for pool in self:
            trip.hget(pool.keys.job(job), "forgotten")
        return any(held not in (None, b"", b"0") for held in await trip.execute())

    async def ending(self, found: Found) -> LogEntry | None:
        """The terminal event, for as long as the log is kept."""
        return await found.pool.jobs.log(found.record.id).end(found.record.end)

    async def beginning(self, found: Found, count: int) -> list[LogEntry]:
        """The first events of its log in the pool where it is."""
        return await found.pool.jobs.log(found.record.id).first(count)

    async def events(self, found: Found) -> int:
        """How many events its running attempt has sent so far; 0 where it does not run."""
        if found.record.state != "running":
            return 0
        return (await found.pool.jobs.log(found.record.id).last_id()).seq

    async def deserted(self, job: JobId) -> bool:
        """True when nobody follows it, in any pool and any API process."""
        await self._fan_in.settled()
        channels = [pool.keys.live(job) for pool in self]
        return not any(int(count) for _, count in await self._redis.pubsub_numsub(*channels))


def _found(pool: Pool, job: JobId, fields: dict[bytes, bytes]) -> Found | None:
    """None also for a job that was forgotten on its principal's wish: nobody knows it any more."""
    if fields.get(b"forgotten", b"0") not in (b"", b"0"):
        return None
    record = decode_record(job, fields)
    return Found(pool, record) if record is not None else None


def pools_of(request: Request) -> Pools:
    pools: Pools = request.state.pools
    return pools
