"""The SQL of ended jobs, as the recorders write them. Only read here, and only those of this API's pools."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, func, select, tuple_

from backend.cursor import Cursor
from backend.store.database import Database
from backend.store.tables import jobs

JOB_NAME = re.compile(r"[\x21-\x7e]{1,64}")


class Waits(NamedTuple):
    """Jobs that ended within one stretch of time: how many, and the sums of how long they waited. Milliseconds."""

    stretch: int  # pool ms // the stretch's length
    waited: int
    wait_ms: int
    spoke: int
    first_token_ms: int


class EndedJobs:
    """Some pools' ended jobs in SQL."""

    def __init__(self, database: Database, pools: Sequence[str]) -> None:
        self._database = database
        self._mine = jobs.c.pool.in_(pools)

    async def page(self, behind: Cursor | None, limit: int) -> list[Row[Any]]:
        """The newest end first."""
        asked = select(jobs).where(self._mine)
        if behind is not None:
            asked = asked.where(tuple_(jobs.c.ended_at, jobs.c.id) < tuple_(behind.at, behind.id))
        asked = asked.order_by(jobs.c.ended_at.desc(), jobs.c.id.desc()).limit(limit)
        async with self._database.read() as tx:
            return list((await tx.execute(asked)).all())

    async def named(self, names: Sequence[str]) -> dict[str, Row[Any]]:
        """Those of these ids that are known; what no job can be called is not even asked for."""
        asked = [name for name in names if JOB_NAME.fullmatch(name)]
        if not asked:
            return {}
        async with self._database.read() as tx:
            rows = await tx.execute(select(jobs).where(self._mine, jobs.c.id.in_(asked)))
            return {row.id: row for row in rows}

    async def waits(self, since: int, stretch_ms: int) -> list[Waits]:
        """Of jobs that ended after pool ms `since`, summed up in stretches of `stretch_ms`; empty ones are left out."""
        stretch = (jobs.c.ended_at // stretch_ms).label("stretch")
        asked = select(
            stretch,
            func.count(jobs.c.queued_ms),
            func.coalesce(func.sum(jobs.c.queued_ms), 0),
            func.count(jobs.c.first_token_ms),
            func.coalesce(func.sum(jobs.c.first_token_ms), 0),
        )
        asked = asked.where(self._mine, jobs.c.ended_at > since).group_by("stretch")
        async with self._database.read() as tx:
            return [Waits(*map(int, row)) for row in await tx.execute(asked)]
