"""Is the schema one that this process can work with? Watched from the start until it is, then never again."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import text

from backend.store.address import shown
from backend.store.database import Database, DatabaseAway, history_outage
from backend.store.migrate import MigrationRefused, behind, migrate
from wire.outage import Outage

EVERY_SECONDS = 1.0
LOOP = "looking at the schema"
log = structlog.get_logger()


class Schema:
    """`reason`: why no job may be let in yet, a sentence; "" where nothing speaks against it, or nobody can know."""

    def __init__(self, database: Database, outage: Outage | None = None) -> None:
        self._database = database
        self._outage = outage or history_outage()
        self._away = self._outage.part(LOOP)
        self.reason = ""
        self.looked = asyncio.Event()  # the first look is done
        self._good = False

    async def run(self) -> None:
        """Until the schema is ready; a database that is away is no reason to refuse what needs none."""
        while not self._good:
            await self._try_to_look()

    async def _try_to_look(self) -> None:
        try:
            if not await self.look():
                await asyncio.sleep(EVERY_SECONDS)
        except Exception as error:  # a schema that cannot be known is no reason to leave
            await self._away.met(error)

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
        except DatabaseAway as error:
            self._outage.begins(LOOP, error)
            return ""
        self._outage.ends(LOOP)
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
