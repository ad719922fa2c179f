"""The rows that SQL holds, read directly: the history that every job's end is compared with."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Collection
from typing import Any

from sqlalchemy import Table, select

from backend.store.database import Database, DatabaseAway
from backend.store.tables import jobs, messages
from tests.support.waiting import eventually

WITHIN = 30.0  # seconds: rows that a dead recorder left behind are taken after five


class Kept:
    """One history, read past all processes of ours."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def rows(self, table: Table) -> list[Any]:
        async with self.database.read() as tx:
            return list((await tx.execute(select(table))).all())

    async def until_recorded(self, job_ids: Collection[str], within: float = WITHIN) -> None:
        """Waits until every one of these jobs has its row."""

        async def look() -> bool | None:
            with contextlib.suppress(DatabaseAway):
                return {row.id for row in await self.rows(jobs)} >= set(job_ids) or None
            return None

        await eventually(look, within, f"{len(job_ids)} jobs are recorded")

    async def check_recorded_once(self, ended: dict[str, str]) -> None:
        """Waits until these jobs and no others have a row each, with the state that each ended in."""
        rows = await self.rows(jobs)
        assert Counter(row.id for row in rows) == Counter(list(ended))
        assert {row.id: row.state for row in rows} == ended

    async def answers(self) -> dict[str, Any]:
        """The rows of all answers by id; the caller gave no id twice."""
        return {row.id: row for row in await self.rows(messages) if row.role == "assistant"}


@contextlib.asynccontextmanager
async def kept_in(url: str) -> AsyncIterator[Kept]:
    database = Database(url)
    try:
        yield Kept(database)
    finally:
        await database.close()
