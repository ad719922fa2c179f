"""Whether this process can work with the schema: looked at from the start until it can, then never again."""

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
    """The watch over the schema. `reason`: a sentence, why no job may be let in yet; "" where there is no reason, or
    where the database is away and the schema cannot be known."""

    def __init__(self, database: Database, outage: Outage | None = None) -> None:
        self._database = database
        self._outage = outage or history_outage()
        self._away = self._outage.part(LOOP)
        self.reason = ""
        self.looked = asyncio.Event()  # the first look is done
        self._good = False

    async def run(self) -> None:
        """Look until the schema is ready. A database that is away is no reason to refuse requests that need none."""
        while not self._good:
            await self._try_to_look()

    async def _try_to_look(self) -> None:
        try:
            if not await self.look():
                await asyncio.sleep(EVERY_SECONDS)
        except Exception as error:  # a schema that cannot be known is no reason to end the process
            await self._away.met(error)

    async def look(self) -> bool:
        """Whether the schema is ready, for good. SQLite's is migrated here, since no operator would do it; PostgreSQL's
        is only looked at: the operator who rolls out a release decides when to migrate."""
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
