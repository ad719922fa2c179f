"""Where waiting callers stand: position, ETA and reason, told from the first moment and then once a second at most.

One `places` script call a second and process, however many callers wait. An ETA is made of what workers report as the
mean time of their latest jobs; without a worker or a measured job there is none.
"""

from __future__ import annotations

import asyncio
import math
from typing import Literal, NamedTuple

import structlog
from redis.exceptions import RedisError

from wire import places
from wire.events import LogEntry, Queued, encode
from wire.jobs import JobPipe
from wire.reader import FanIn, Reader
from wire.workers import WorkerRecord, WorkerRegistry

EVERY_SECONDS = 1.0
SOON_SECONDS = 0.02  # most jobs have started by then, and need no news at all
AT_ONCE = 500  # jobs a script call
FLEET_SECONDS = 2.0  # how long a look at the workers is good for
log = structlog.get_logger()


class Fleet(NamedTuple):
    """The living workers together: `seconds` is the mean time of a job, 0 not known."""

    workers: int = 0
    slots: int = 0
    seconds: float = 0.0

    def eta(self, position: int) -> int | None:
        """Seconds until the job at `position` begins, None: not known."""
        if not (position and self.slots and self.seconds):
            return None
        return math.ceil(math.ceil(position / self.slots) * self.seconds)


def fleet_of(workers: list[WorkerRecord]) -> Fleet:
    means = [seconds for w in workers if (seconds := float(w.info.get("job_seconds", 0)))]
    return Fleet(len(workers), sum(w.slots for w in workers), sum(means) / len(means) if means else 0.0)


class News:
    """Tells the readers of one process. `soon(reader)` for a caller that has just come."""

    def __init__(self, jobs: JobPipe, workers: WorkerRegistry, fan_in: FanIn) -> None:
        self._jobs = jobs
        self._workers = workers
        self._fan_in = fan_in
        self._told: dict[Reader, bytes] = {}
        self._new: set[Reader] = set()
        self._wake = asyncio.Event()
        self._fleet = Fleet()
        self._fleet_at = -math.inf

    def soon(self, reader: Reader) -> None:
        self._new.add(reader)
        self._wake.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_everybody())
            tasks.create_task(self._tell_the_new())

    async def place(self, job: str) -> Queued | None:
        """Where one job stands, None when it waits for nothing."""
        snapshot = places.read(await self._jobs.places([job]))
        return self._news(snapshot.places[0], await self._look_at_fleet())

    async def _tell_everybody(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            readers = [reader for reader in self._fan_in.readers if reader.quiet]
            self._told = {reader: self._told[reader] for reader in readers if reader in self._told}
            await self._tell(readers)

    async def _tell_the_new(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(SOON_SECONDS)
            self._wake.clear()
            readers, self._new = [reader for reader in self._new if reader.quiet], set()
            await self._tell(readers)

    async def _tell(self, readers: list[Reader]) -> None:
        waiting = [reader for reader in readers if reader.waiting]
        try:
            for i in range(0, len(waiting), AT_ONCE):
                await self._tell_some(waiting[i : i + AT_ONCE])
        except (RedisError, OSError) as error:
            log.debug("no news without Redis", action="news.failed", error=type(error).__name__)

    async def _tell_some(self, readers: list[Reader]) -> None:
        snapshot = places.read(await self._jobs.places([reader.job for reader in readers]))
        fleet = await self._look_at_fleet()
        for reader, place in zip(readers, snapshot.places, strict=True):
            news = self._news(place, fleet)
            if news is not None and (body := encode(news)) != self._told.get(reader):
                self._told[reader] = body
                reader.tell(LogEntry(None, body))

    def _news(self, place: places.Place, fleet: Fleet) -> Queued | None:
        if place.state == "queued":
            reason: Literal["waiting", "starting_worker"] = "waiting" if fleet.workers else "starting_worker"
            eta = fleet.eta(place.position)
            return Queued(position=place.position, eta_seconds=eta, reason=reason, detail=place.note or None)
        if place.state == "running" and place.note == "loading_model":
            return Queued(position=0, reason="loading_model")
        return None

    async def _look_at_fleet(self) -> Fleet:
        now = asyncio.get_running_loop().time()
        if now - self._fleet_at > FLEET_SECONDS:
            self._fleet = fleet_of(await self._workers.all())
            self._fleet_at = now
        return self._fleet
