"""Where waiting callers stand: position, ETA and reason, told from the first moment and then once a second at most.

One `places` script call a second, process and pool, however many callers wait. An ETA is made of what workers report as
the mean time of their latest jobs; without a worker or a measured job there is none.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from starlette.requests import Request

from backend.pool.pools import Pool
from backend.pool.sights import Sights
from backend.pool.trail import Trail, Trails
from wire import places
from wire.events import LogEntry, Queued, encode
from wire.ids import JobId
from wire.outage import Outage, redis_outage, repeat
from wire.workers import WorkerRecord

EVERY_SECONDS = 1.0
SOON_SECONDS = 0.02  # most jobs have started by then, and need no news at all
AT_ONCE = 500  # jobs a script call
LONGEST_ETA = 604_800  # seconds; a week: no estimate of more means anything


class Fleet(NamedTuple):
    """The living workers together: `seconds` is the mean time of a job, 0 not known."""

    workers: int = 0
    slots: int = 0
    seconds: float = 0.0

    def eta(self, position: int) -> int | None:
        """Seconds until the job at `position` begins, None: not known."""
        if not (position and self.slots and self.seconds):
            return None
        seconds = math.ceil(math.ceil(position / self.slots) * self.seconds)
        return seconds if seconds <= LONGEST_ETA else None


def fleet_of(workers: list[WorkerRecord]) -> Fleet:
    means = [seconds for w in workers if (seconds := float(w.info.get("job_seconds", 0)))]
    return Fleet(len(workers), sum(w.slots for w in workers), sum(means) / len(means) if means else 0.0)


class News:
    """Tells the readers of one process. `soon(reader)` for a caller that has just come."""

    def __init__(self, trails: Trails, sights: Sights, outage: Outage | None = None) -> None:
        self._outage = outage or redis_outage()
        self._trails = trails
        self._sights = sights
        self._told: dict[Trail, bytes] = {}
        self._new: set[Trail] = set()
        self._wake = asyncio.Event()

    def soon(self, reader: Trail) -> None:
        self._new.add(reader)
        self._wake.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_everybody())
            tasks.create_task(self._tell_the_new())

    async def place(self, pool: Pool, job: JobId) -> Queued | None:
        """Where one job stands, None when it waits for nothing."""
        snapshot = places.read(await pool.jobs.places([job]))
        return _news(snapshot.places[0], await self._fleet(pool))

    async def _tell_everybody(self) -> None:
        await repeat(self._tell_all, self._outage.part("news"))

    async def _tell_all(self) -> None:
        await asyncio.sleep(EVERY_SECONDS)
        readers = [reader for reader in self._trails.open if reader.quiet]
        self._told = {reader: self._told[reader] for reader in readers if reader in self._told}
        await self._tell(readers)

    async def _tell_the_new(self) -> None:
        await repeat(self._tell_those_who_came, self._outage.part("first news"))

    async def _tell_those_who_came(self) -> None:
        await self._wake.wait()
        await asyncio.sleep(SOON_SECONDS)
        self._wake.clear()
        readers, self._new = [reader for reader in self._new if reader.quiet], set()
        await self._tell(readers)

    async def _tell(self, readers: list[Trail]) -> None:
        for group in _by_pool(reader for reader in readers if reader.waiting):
            for i in range(0, len(group), AT_ONCE):
                await self._tell_some(group[0].pool, group[i : i + AT_ONCE])

    async def _tell_some(self, pool: Pool, readers: Sequence[Trail]) -> None:
        snapshot = places.read(await pool.jobs.places([reader.job for reader in readers]))
        fleet = await self._fleet(pool)
        for reader, place in zip(readers, snapshot.places, strict=True):
            news = _news(place, fleet)
            if news is not None and (body := encode(news)) != self._told.get(reader):
                self._told[reader] = body
                reader.tell(LogEntry(None, body))

    async def _fleet(self, pool: Pool) -> Fleet:
        sight = (await self._sights.look()).get(pool.name)
        return fleet_of(sight.workers) if sight else Fleet()


def _by_pool(readers: Iterable[Trail]) -> list[list[Trail]]:
    groups: dict[str, list[Trail]] = {}
    for reader in readers:
        groups.setdefault(reader.pool.name, []).append(reader)
    return list(groups.values())


def _news(place: places.Place, fleet: Fleet) -> Queued | None:
    if place.state == "queued":
        reason: Literal["waiting", "starting_worker"] = "waiting" if fleet.workers else "starting_worker"
        eta = fleet.eta(place.position)
        return Queued(position=place.position, eta_seconds=eta, reason=reason, detail=place.note or None)
    if place.state == "running" and place.note == "loading_model":
        return Queued(position=0, reason="loading_model")
    return None


def news_of(request: Request) -> News:
    news: News = request.state.news
    return news
