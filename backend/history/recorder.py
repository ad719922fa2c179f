"""The recorder: every API process reads ended jobs off the wire and writes them into SQL, each exactly once.

The order is read, write, acknowledge. A process that dies in between leaves its entries to another, which writes them
again: that changes nothing. Nothing is acknowledged while SQL is away, and nothing is read then either.

What is written is the books' subject (backend/history/books): the recorder knows them in their order, reads for all of
them, and gives all of them one transaction.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import structlog
from redis.exceptions import RedisError

from backend.history import reader
from backend.history.books.book import Book
from backend.history.ending import Endings
from backend.history.finished import Ended, Finished
from backend.store.database import Database, DatabaseAway, history_outage
from wire.clock import monotonic_ms
from wire.ids import JobId
from wire.jobs import JobPipe
from wire.outage import Outage, redis_outage, repeat
from wire.rerouting import carry_on

CLAIM_EVERY_MS = 2_000
FORGET_EVERY_MS = 600_000
# A job that ends by itself is recorded at once; where many end, they share a transaction: each costs a write to disk.
GATHER_SECONDS = 0.1
POSSIBLE_ID = re.compile(r"[\x21-\x7e]{1,64}")
log = structlog.get_logger()


class Recorder:
    """One process's recorder of one pool; `run` it as a task. `outages`: where this process reports that Redis or SQL
    is away; None: the recorder reports it alone."""

    def __init__(
        self,
        jobs: JobPipe,
        finished: Finished,
        database: Database,
        books: Sequence[Book],
        outages: tuple[Outage, Outage] | None = None,
    ) -> None:
        loop = f"recording {jobs.keys.pool}"
        redis, history = outages or (redis_outage(), history_outage())
        self._redis_away, self._history_away = redis.part(loop), history.part(loop)
        self._jobs = jobs
        self._finished = finished
        self._database = database
        self._books = tuple(books)
        self._claimed = self._forgot = -FORGET_EVERY_MS
        self._wrote = 0

    async def run(self) -> None:
        """Record until cancelled; wait for a Redis or a database that is away."""
        await repeat(self.turn, self._redis_away, self._history_away)

    async def turn(self) -> int:
        """Record one batch; returns how many entries that were. Raises the error of a Redis that is away."""
        ended = await self._next()
        if ended:
            await self._until_kept(ended)
            await self._finished.acknowledge(ended)
        return len(ended)

    async def _next(self) -> list[Ended]:
        """Entries that a recorder left behind, looked for every two seconds; else new entries."""
        now = monotonic_ms()
        if now - self._forgot >= FORGET_EVERY_MS:
            self._forgot = now
            await self._finished.forget_the_dead()
        if now - self._claimed >= CLAIM_EVERY_MS:
            left = await self._finished.left_behind()
            self._claimed = self._claimed if left else now
            if left:
                log.info("recording what was left behind", action="history.claimed", entries=len(left))
                return left
        await self._gather(now)
        return await self._finished.new()

    async def _gather(self, now: int) -> None:
        """Let a moment pass where this recorder wrote just now."""
        rest = GATHER_SECONDS - (now - self._wrote) / 1000
        if rest > 0:
            await asyncio.sleep(rest)

    async def _until_kept(self, ended: list[Ended]) -> None:
        """Write the batch, and read no other while SQL is away."""
        while True:
            try:
                await self._keep(ended)
                self._wrote = monotonic_ms()
                return self._history_away.over()
            except DatabaseAway as error:
                await self._history_away.met(error)

    async def _keep(self, ended: list[Ended]) -> None:
        """Write the batch. If SQL refuses it, each job is written alone: one that cannot be kept holds up no other."""
        try:
            await self._write(ended)
        except (RedisError, OSError, DatabaseAway):
            raise
        except Exception as error:
            if len(ended) == 1:
                return await self._bury(ended[0], error)
            for each in ended:
                await self._keep([each])

    async def _write(self, ended: list[Ended]) -> None:
        endings = await self._endings(await self._named_like_jobs(ended))
        await self._write_books(endings)
        await self._jobs.keep_briefly([job for job, ending in endings.known.items() if ending.brief])

    async def _write_books(self, endings: Endings) -> None:
        """All books or none."""
        async with self._database.write() as tx:
            for book in self._books:
                await book.write(tx, endings)

    async def _named_like_jobs(self, ended: list[Ended]) -> list[Ended]:
        """These entries without those that no script wrote, which become dead letters."""
        for each in ended:
            if not POSSIBLE_ID.fullmatch(each.job):
                log.warning("an entry of `finished` names no job", action="history.undecodable", entry=each.entry)
                await self._jobs.bury("finished", each.entry, each.job[:100])
        return [each for each in ended if POSSIBLE_ID.fullmatch(each.job)]

    async def _bury(self, ended: Ended, error: Exception) -> None:
        """The job cannot be kept as it is. Its answer must not seem to run for ever; all other jobs are recorded."""
        # No text of a chat: the statement's values are left out.
        why = type(error).__name__
        log.error("an ended job cannot be kept", action="history.refused", job_id=ended.job, error=why)
        await self._jobs.bury("finished", ended.entry, ended.job)
        try:
            lost = {job: ended.at for job in await self._awaited([ended.job])}
            await self._write_books(Endings(self._jobs.keys.pool, {}, lost))
        except (RedisError, OSError, DatabaseAway):
            raise
        except Exception:
            log.exception("nor can its answer be ended", action="history.refused", job_id=ended.job)

    async def _endings(self, ended: list[Ended]) -> Endings:
        """What the books are to write of these entries; the jobs that left for another pool are carried on."""
        read = await reader.endings_of(self._jobs, [each.job for each in ended])
        known = {job: ending for job, ending in read.items() if ending is not None}
        await self._carry_on([job for job, ending in known.items() if ending.left])
        known = {job: ending for job, ending in known.items() if not ending.left}
        gone = {each.job: each.at for each in ended if read.get(each.job, ...) is None}
        for job in gone:
            log.warning("an ended job has no record any more", action="history.job_gone", job_id=job)
        awaited = await self._awaited([*known, *gone])
        for job in known.keys() & awaited:
            known[job] = known[job]._replace(output=await reader.output_of(self._jobs, known[job]))
        return Endings(self._jobs.keys.pool, known, {job: at for job, at in gone.items() if job in awaited})

    async def _awaited(self, jobs: list[JobId]) -> set[JobId]:
        """The jobs of these whose output any book writes."""
        async with self._database.read() as tx:
            return {job for book in self._books for job in await book.awaits(tx, jobs)}

    async def _carry_on(self, jobs: list[JobId]) -> None:
        """A job that left for another pool has not ended. Its worker may have died before it let the job in there."""
        for job in jobs:
            await carry_on(self._jobs, job)
