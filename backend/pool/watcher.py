"""Every API process watches all lives, deadlines and the clock. Two watchers never act twice: each act is a
compare-and-set in one script.

A beat is judged by this process's own monotonic clock, and only by time in which Redis answered: neither a stepped wall
clock, nor a Redis that was away, nor a watcher that was stopped itself can end a life that goes on.
"""

from __future__ import annotations

from typing import NamedTuple

import structlog

from wire.clock import Clock, monotonic_ms
from wire.ids import Incarnation
from wire.jobs import JobPipe
from wire.outage import Outage, redis_outage, repeat
from wire.workers import REAP_SECONDS, WorkerRegistry, read_beats

EVERY_SECONDS = 1.0
BELIEVED_SECONDS = 2.0  # the most that a look may add: a watcher that slept through an hour has watched nothing
EXPIRE_LIMIT = 100
log = structlog.get_logger()


class Still(NamedTuple):
    """The beat of a life that has not changed for this many watched seconds."""

    beat: int
    seconds: float


class Watcher:
    """One process's watch over one pool. `outage`: where this process reports that Redis is away; None: the watcher
    reports it alone."""

    def __init__(self, jobs: JobPipe, workers: WorkerRegistry, clock: Clock, outage: Outage | None = None) -> None:
        self._outage = (outage or redis_outage()).part(f"watching {jobs.keys.pool}")
        self._jobs = jobs
        self._workers = workers
        self._clock = clock
        self._still: dict[Incarnation, Still] = {}
        self._looked: int | None = None  # monotonic ms of the last look that Redis answered

    async def run(self) -> None:
        """Watch until cancelled. Time in which Redis is away does not count."""
        await repeat(self._try_to_look, self._outage, every=EVERY_SECONDS)

    async def _try_to_look(self) -> None:
        try:
            await self.look()
        except Exception:
            self._looked = None
            raise

    async def look(self) -> None:
        if await self._clock.tick():
            log.warning("Redis's wall clock was stepped; pool time is put right", action="clock.stepped")
        await self._end_the_late()
        await self._reap_the_lost()

    async def _end_the_late(self) -> None:
        while await self._jobs.expire(self._clock.now(), EXPIRE_LIMIT) >= EXPIRE_LIMIT:
            log.info("many deadlines at once", action="jobs.expired")

    async def _reap_the_lost(self) -> None:
        lives = await self._workers.lives()
        if strange := await self._workers.end_strange(lives):
            log.warning("lives that no worker began are ended", action="worker.strange", lives=strange)
        beats = read_beats(lives)
        passed = self._passed()
        self._still = {life: self._judge(life, beat, passed) for life, beat in beats.items()}
        for life, still in self._still.items():
            if still.seconds >= REAP_SECONDS and await self._workers.reap(life, still.beat):
                log.warning("worker lost; its jobs are back in the queue", action="worker.reaped", worker=life)

    def _passed(self) -> float:
        now, before = monotonic_ms(), self._looked
        self._looked = now
        return 0.0 if before is None else min(BELIEVED_SECONDS, (now - before) / 1000)

    def _judge(self, life: Incarnation, beat: int, passed: float) -> Still:
        old = self._still.get(life)
        return Still(beat, old.seconds + passed if old is not None and old.beat == beat else 0.0)
