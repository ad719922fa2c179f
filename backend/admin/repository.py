"""The SQL of ended jobs, which recorders write. Here they are only read, and only those of this API's pools."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select, tuple_

from backend.cursor import Cursor
from backend.store.database import Database
from backend.store.rows import JOBS, JobRow
from backend.store.tables import jobs
from wire.ids import JobId

POSSIBLE_ID = re.compile(r"[\x21-\x7e]{1,64}")


class WaitSums(NamedTuple):
    """The waits of the jobs that ended within one stretch of time: how many jobs, and sums in milliseconds.

    `spoke`: how many of them had a first token."""

    stretch: int  # pool ms // the stretch's length
    waited: int
    wait_ms: int
    spoke: int
    first_token_ms: int


class EndedJobs:
    """The ended jobs of some pools in SQL."""

    def __init__(self, database: Database, pools: Sequence[str]) -> None:
        self._database = database
        self._ours = jobs.c.pool.in_(pools)

    async def page(self, behind: Cursor | None, limit: int) -> list[JobRow]:
        """The newest end first."""
        query = JOBS.query.where(self._ours)
        if behind is not None:
            query = query.where(tuple_(jobs.c.ended_at, jobs.c.id) < tuple_(behind.at, behind.id))
        async with self._database.read() as tx:
            return await JOBS.all(tx, query.order_by(jobs.c.ended_at.desc(), jobs.c.id.desc()).limit(limit))

    async def known(self, job_ids: Sequence[JobId]) -> dict[JobId, JobRow]:
        """Those of these jobs that have a row; a text that can be no job's id is not looked for."""
        possible = [job for job in job_ids if POSSIBLE_ID.fullmatch(job)]
        if not possible:
            return {}
        async with self._database.read() as tx:
            return {row.id: row for row in await JOBS.all(tx, JOBS.query.where(self._ours, jobs.c.id.in_(possible)))}

    async def waits(self, since: int, stretch_ms: int) -> list[WaitSums]:
        """Of jobs that ended after pool ms `since`, a sum for each stretch of `stretch_ms` in which any job ended."""
        stretch = (jobs.c.ended_at // stretch_ms).label("stretch")
        query = select(
            stretch,
            func.count(jobs.c.queued_ms),
            func.coalesce(func.sum(jobs.c.queued_ms), 0),
            func.count(jobs.c.first_token_ms),
            func.coalesce(func.sum(jobs.c.first_token_ms), 0),
        )
        query = query.where(self._ours, jobs.c.ended_at > since).group_by("stretch")
        async with self._database.read() as tx:
            return [WaitSums(*map(int, row)) for row in await tx.execute(query)]
