"""The state of Redis, read directly: the truth that every client's view is compared with."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis

from tests.support.listener import PATIENCE, Listener, text_of, words
from tests.support.sse import Frame
from tests.support.valkey import client_of
from tests.support.waiting import eventually
from wire.client import UNREACHABLE
from wire.events import TERMINAL, EventId, LogEntry
from wire.jobs import JobPipe
from wire.keys import Keys
from wire.records import JobRecord
from wire.workers import WorkerRegistry


class Truth:
    """One pool, read past all processes of ours."""

    def __init__(self, redis: Redis, pool: str = "default") -> None:
        self.redis = redis
        self.keys = Keys(pool)
        self.jobs = JobPipe(redis, self.keys)
        self.workers = WorkerRegistry(redis, self.keys)

    async def record(self, job: str) -> JobRecord:
        record = await self.jobs.record(job)
        assert record is not None, f"no record of {job}"
        return record

    async def log(self, job: str) -> list[LogEntry]:
        rows: Any = await self.redis.xrange(self.keys.events(job))
        return [LogEntry(EventId.parse(name), fields[b"e"]) for name, fields in rows]

    async def frames(self, job: str) -> list[Frame]:
        """The log as the frames that a client of native events must get."""
        return [Frame(str(entry.id), entry.fields()["type"], entry.body) for entry in await self.log(job)]

    async def text(self, job: str) -> str:
        return text_of(await self.frames(job))

    async def states(self) -> dict[str, str]:
        """Every job with a record, and its state."""
        keys = [key async for key in self.redis.scan_iter(match=self.keys.job("*"), count=1000)]
        states = {key.decode().rpartition(":")[2]: await self.redis.hget(key, "state") for key in keys}
        return {job: state.decode() for job, state in states.items()}

    async def dead_letters(self) -> list[dict[str, str]]:
        rows: Any = await self.redis.xrange(self.keys.dead)
        return [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in rows]

    async def until_state(self, job: str, *states: str, within: float = PATIENCE) -> JobRecord:
        """Waits, also for a Redis that is just away."""

        async def look() -> JobRecord | None:
            with contextlib.suppress(*UNREACHABLE):
                record = await self.jobs.record(job)
                return record if record and record.state in states else None
            return None

        return await eventually(look, within, f"{job} is {' or '.join(states)}")

    async def until_drained(self, within: float = PATIENCE) -> None:
        """Waits until no job is live."""

        async def look() -> bool | None:
            with contextlib.suppress(*UNREACHABLE):
                return (await self.jobs.depth()) == 0 or None
            return None

        await eventually(look, within, "no job is live")

    async def until_asking(self, count: int) -> set[str]:
        """Waits for so many workers, each of which asks for jobs; returns their incarnations."""

        async def look() -> set[str] | None:
            workers = await self.workers.all()
            asking = {worker.incarnation for worker in workers if worker.asking}
            return asking if len(asking) == len(workers) == count else None

        return await eventually(look, PATIENCE, f"{count} workers ask for jobs")

    async def reap(self, incarnation: str) -> None:
        """Reaps now what a watcher reaps after ten silent seconds: by compare-and-set on the beat that stands.

        Again where it has beaten in between.
        """

        async def look() -> bool:
            return await self.workers.reap(incarnation, (await self.workers.beats())[incarnation])

        await eventually(look, PATIENCE, f"{incarnation} is reaped")

    async def leftovers(self) -> list[str]:
        """Checks after a drain: every queue, set, deadline and owner that should be gone is (invariants 1, 5 and 7)."""
        left = [f"demand {await self.jobs.depth()}"] if await self.jobs.depth() else []
        for pattern in ("waiting:*", "ring:*", "front:*", "due", "owned:*"):
            left += [key.decode() async for key in self.redis.scan_iter(match=f"{self.keys.prefix}:{pattern}")]
        alive = await self.workers.beats()
        async for key in self.redis.scan_iter(match=f"{self.keys.prefix}:inbox:*"):
            if key.decode().rpartition(":")[2] not in alive:
                left.append(key.decode())
        return left

    async def check_whole(self, heard: Listener, count: int) -> None:
        """Checks the answer to `!tokens <count>`, read to its end: all of it, once, in a job's only attempt."""
        assert await heard.end() == "completed"
        assert heard.text == words(count)
        assert heard.events == await self.frames(heard.job)
        record = await self.record(heard.job)
        assert (record.attempt, record.tries) == (1, 0)
        await self.check_ended_once(heard.job)

    async def check_ended_once(self, job: str) -> None:
        """Checks that a job has exactly one terminal event, the last of a log without gaps, and its record agrees."""
        record, log = await self.record(job), await self.log(job)
        ends = [entry for entry in log if entry.fields()["type"] in TERMINAL]
        assert len(ends) == 1 and ends[0] is log[-1], [entry.fields()["type"] for entry in log]
        assert record.state == ends[0].fields()["type"]
        assert record.end == str(ends[0].id)
        check_sequence(log)


def check_sequence(log: list[LogEntry]) -> None:
    """Each id is the next of its attempt, or the first of a later one. A foreign end may open a log (`0-1`)."""
    for before, entry in itertools.pairwise(log):
        assert before.id and entry.id
        follows = (entry.id.attempt, entry.id.seq) == (before.id.attempt, before.id.seq + 1)
        assert follows or (entry.id.attempt > before.id.attempt and entry.id.seq == 0), (before.id, entry.id)


@contextlib.asynccontextmanager
async def truth_of(url: str, pool: str = "default") -> AsyncIterator[Truth]:
    async with client_of(url) as redis:
        yield Truth(redis, pool)
