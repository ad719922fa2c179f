"""The recorder: every API process reads ended jobs off the wire and writes them into SQL, each exactly once.

The order is read, write, acknowledge. A process that dies in between leaves its entries to another, which writes them
again: that changes nothing. Nothing is acknowledged while SQL is away, and nothing is read then either.
"""

from __future__ import annotations

import asyncio
import re

import structlog
from redis.exceptions import RedisError

from backend.history import reader, repository
from backend.history.ending import Ending, answer_values, job_row, lost_values
from backend.history.finished import Ended, Finished
from backend.history.repository import Waiting, Writes
from backend.history.titles import clean_title
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
JOB_NAME = re.compile(r"[\x21-\x7e]{1,64}")
log = structlog.get_logger()


class Recorder:
    """One process's recorder; `run` it as a task. `outages`: where this process says that Redis or SQL is away; None:
    it says so itself."""

    def __init__(
        self, jobs: JobPipe, finished: Finished, database: Database, outages: tuple[Outage, Outage] | None = None
    ) -> None:
        loop = f"recording {jobs.keys.pool}"
        redis, history = outages or (redis_outage(), history_outage())
        self._redis_away, self._history_away = redis.part(loop), history.part(loop)
        self._jobs = jobs
        self._finished = finished
        self._database = database
        self._claimed = self._forgot = -FORGET_EVERY_MS
        self._wrote = 0

    async def run(self) -> None:
        """Record until cancelled. What is away is waited for."""
        await repeat(self.turn, self._redis_away, self._history_away)

    async def turn(self) -> int:
        """Record one batch; how many entries that were. Raises what says that Redis or SQL is away."""
        ended = await self._next()
        if ended:
            await self._until_kept(ended)
            await self._finished.acknowledge(ended)
        return len(ended)

    async def _next(self) -> list[Ended]:
        """What somebody left behind, a look every two seconds, else what is new."""
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
        """Let a moment pass where something was written just now."""
        rest = GATHER_SECONDS - (now - self._wrote) / 1000
        if rest > 0:
            await asyncio.sleep(rest)

    async def _until_kept(self, ended: list[Ended]) -> None:
        """Nothing else is read while SQL is away."""
        while True:
            try:
                await self._keep(ended)
                self._wrote = monotonic_ms()
                return self._history_away.over()
            except DatabaseAway as error:
                await self._history_away.met(error)

    async def _keep(self, ended: list[Ended]) -> None:
        """A batch that SQL refuses is tried one by one, so that one job that cannot be kept holds up no other."""
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
        ended = await self._named_like_jobs(ended)
        writes = await self._writes(ended)
        await repository.write(self._database, writes)
        await self._jobs.keep_briefly([JobId(row["id"]) for row in writes.jobs if row["id"] in writes.brief])

    async def _named_like_jobs(self, ended: list[Ended]) -> list[Ended]:
        """Without those entries that no script wrote: they become dead letters."""
        for each in ended:
            if not JOB_NAME.fullmatch(each.job):
                log.warning("an entry of `finished` names no job", action="history.undecodable", entry=each.entry)
                await self._jobs.bury("finished", each.entry, each.job[:100])
        return [each for each in ended if JOB_NAME.fullmatch(each.job)]

    async def _bury(self, ended: Ended, error: Exception) -> None:
        """It cannot be kept as it is. Its answer must not seem to run for ever, and all others go on."""
        # No text of a chat: the statement's values are left out.
        why = type(error).__name__
        log.error("an ended job cannot be kept", action="history.refused", job_id=ended.job, error=why)
        await self._jobs.bury("finished", ended.entry, ended.job)
        try:
            waiting = await repository.waiting_for(self._database, [ended.job])
            answers = {job: lost_values(ended.at) for job in waiting.answers}
            await repository.write(self._database, Writes([], answers, {}))
        except (RedisError, OSError, DatabaseAway):
            raise
        except Exception:
            log.exception("nor can its answer be ended", action="history.refused", job_id=ended.job)

    async def _writes(self, ended: list[Ended]) -> Writes:
        found = await reader.endings(self._jobs, [each.job for each in ended])
        await self._carry_on([job for job, ending in found.items() if ending is not None and ending.left])
        found = {job: ending for job, ending in found.items() if ending is None or not ending.left}
        endings = {job: ending for job, ending in found.items() if ending is not None}
        waiting = await repository.waiting_for(self._database, found)
        answers = {job: await self._answer(endings[job]) for job in endings.keys() & waiting.answers}
        for each in ended:
            if found.get(each.job, ...) is None:
                log.warning("an ended job has no record any more", action="history.job_gone", job_id=each.job)
                if each.job in waiting.answers:
                    answers[each.job] = lost_values(each.at)
        rows = [job_row(self._jobs.keys.pool, ending) for ending in endings.values()]
        brief = frozenset(job for job, ending in endings.items() if ending.brief)
        return Writes(rows, answers, await self._titles(endings, waiting), brief)

    async def _carry_on(self, jobs: list[JobId]) -> None:
        """What left for another pool has not ended. Its worker may have died before it let the job in there."""
        for job in jobs:
            await carry_on(self._jobs, job)

    async def _answer(self, ending: Ending) -> dict[str, object]:
        return answer_values(ending, await reader.said(self._jobs, ending))

    async def _titles(self, endings: dict[JobId, Ending], waiting: Waiting) -> dict[JobId, str]:
        done = [endings[job] for job in endings.keys() & waiting.titles if endings[job].record.state == "completed"]
        said = {ending.record.id: clean_title((await reader.said(self._jobs, ending)).text) for ending in done}
        return {job: title for job, title in said.items() if title}
