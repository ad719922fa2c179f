"""Is the schema one that this process can work with? Watched from the start until it is, then never again."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import text

from backend.store.address import shown
from backend.store.database import Database, DatabaseAway
from backend.store.migrate import MigrationRefused, behind, migrate

EVERY_SECONDS = 1.0
log = structlog.get_logger()


class Schema:
    """`reason`: why no job may be let in yet, a sentence; "" where nothing speaks against it, or nobody can know."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reason = ""
        self.looked = asyncio.Event()  # the first look is done
        self._good = False

    async def run(self) -> None:
        """Until the schema is ready; a database that is away is no reason to refuse what needs none."""
        while not await self.look():
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> bool:
        """Whether it is ready, for good. SQLite's is brought up here, since nobody else would; PostgreSQL's is
        only looked at: whoever rolls out a release decides when."""
        before = self.reason
        self.reason = await (self._migrate() if self._database.sqlite else self._compare())
        self.looked.set()
        if self.reason and self.reason != before:
            log.error("history: not ready", action="schema.behind", reason=self.reason)
        return self._good

    async def _migrate(self) -> str:
        try:
            walk = await migrate(self._database.url)
        except MigrationRefused as refused:
            return f"history: {refused}"
        if walk.before != walk.after:
            log.info("schema migrated", action="schema.migrated", before=walk.before, after=walk.after)
        self._good = True
        return ""

    async def _compare(self) -> str:
        try:
            revision = await revision_of(self._database)
        except DatabaseAway:
            log.warning("the history's database does not answer", action="schema.unknown")
            return ""
        if behind(revision):
            at = f"at {revision}" if revision else "empty"
            return f"history: the schema of {shown(self._database.url)} is {at}. Run: sluice db migrate"
        self._good = True
        return ""


async def revision_of(database: Database) -> str:
    """The step that a PostgreSQL database is at, "" for none. Raises DatabaseAway."""
    async with database.read() as connection:
        if await connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return ""
        return str(await connection.scalar(text("SELECT version_num FROM alembic_version")) or "")
