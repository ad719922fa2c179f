"""The database of a process: transactions to read in, transactions to write in, and one error for a database away.

async with database.read() as connection:    # one consistent view, however many statements
    rows = (await connection.execute(select(threads))).all()
async with database.write() as connection:   # committed at the end, rolled back by an exception
    await connection.execute(insert(threads).values(...))

Inside them nothing but SQL is awaited: a writer on SQLite keeps all other writers waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import orjson
from sqlalchemy import URL, Connection, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from backend.store.address import dsn_of, file_of, is_sqlite
from backend.store.sqlite import open_connection
from wire.outage import Outage

CONNECTIONS = 8  # a process's own; more requests than that wait for one
WAIT_SECONDS = 5.0  # for a free connection, for SQLite's one writer, for a connect
ANSWER_SECONDS = 20.0  # until a PostgreSQL that does not answer counts as away
WRITES = "sluice_writes"  # the execution option of a transaction that writes: its BEGIN is another one
# PostgreSQL's classes of errors that are about the server or the moment, not about the statement: connection, rollback
# (a deadlock), resources, an operator, the system; and some single errors: read-only (a standby), a lock that is held,
# no such table or column and no right to it (a migration or a grant is still to come).
AWAY = ("08", "40", "53", "57", "58", "25006", "55P03", "42P01", "42703", "42501")


class DatabaseAway(Exception):
    """The database does not answer just now: it is away, full, locked, or was never migrated."""


def history_outage() -> Outage:
    return Outage("The history's database", "history", (DatabaseAway,))


class Database:
    """Opened with a URL of `backend.store.address`; connects at the first use."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sqlite = is_sqlite(url)
        self.engine = open_engine(url)
        # SQLite has one writer. Writers of this process queue here, in order and without polling; busy_timeout is for
        # those of other processes.
        self._writer = asyncio.Lock() if self.sqlite else None

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection in one transaction that sees one state of everything. Raises DatabaseAway."""
        options: dict[str, Any] = {}
        if not self.sqlite:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        async with self._connect(**options) as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection in one transaction that is committed at the end, or not at all. Raises DatabaseAway."""
        async with self._writer or contextlib.nullcontext(), self._connect(**{WRITES: True}) as connection:
            yield connection
            await connection.commit()

    async def close(self) -> None:
        await self.engine.dispose()

    @contextlib.asynccontextmanager
    async def _connect(self, **options: Any) -> AsyncIterator[AsyncConnection]:
        async with contextlib.AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(self.engine.connect())
                await connection.execution_options(**options)
                await connection.begin()
            except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                raise DatabaseAway(type(error).__name__) from error
            try:
                yield connection
            except (DBAPIError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                if is_away(error):
                    raise DatabaseAway(type(error).__name__) from error
                raise


def insert_new(tx: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that passes over rows whose key is there already, so that it may be repeated."""
    if tx.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def is_away(error: Exception) -> bool:
    """Whether an exception is about the server, and not about the statement that raised it."""
    if not isinstance(error, DBAPIError):
        return True
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return True
    return str(getattr(error.orig, "sqlstate", None) or "").startswith(AWAY)


def open_engine(url: str, *, alone: bool = False) -> AsyncEngine:
    """An engine as this project needs it. `alone`: for a migration, which keeps no connection, waits a minute for other
    migrations, and may rebuild a table that other tables refer to."""
    return _sqlite(url, alone) if is_sqlite(url) else _postgresql(url, alone)


def _postgresql(url: str, alone: bool) -> AsyncEngine:
    async def connect() -> Any:
        limit = None if alone else ANSWER_SECONDS
        return await asyncpg.connect(dsn_of(url), timeout=WAIT_SECONDS, command_timeout=limit)

    pool = {"poolclass": NullPool} if alone else _pool()
    # A server that restarted has closed our connections: each is tried before it is used.
    return create_async_engine("postgresql+asyncpg://", async_creator=connect, pool_pre_ping=True, **pool, **_json())


def _sqlite(url: str, alone: bool) -> AsyncEngine:
    path = file_of(url)
    with contextlib.suppress(OSError):  # the error is reported where the file is opened
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)  # the file holds the chats of all tenants
    pool = {"poolclass": NullPool} if alone else _pool()
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        async_creator=lambda: open_connection(path),
        **pool,
        **_json(),
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction by itself: `begin` does, below
        cursor = connection.cursor()
        for pragma in _pragmas(alone):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and then writes fails at once where another wrote meanwhile. A transaction that
        # begins as a writer waits for its turn.
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _pragmas(alone: bool) -> tuple[str, ...]:
    """`synchronous=FULL`: a commit is on the disk when it returns, also where the power fails; NORMAL could lose all
    since the last checkpoint, which may be hours."""
    return (
        f"busy_timeout={60_000 if alone else int(WAIT_SECONDS * 1000)}",
        "journal_mode=WAL",
        "synchronous=FULL",
        f"foreign_keys={'OFF' if alone else 'ON'}",
    )


def _pool() -> dict[str, Any]:
    return {"pool_size": CONNECTIONS, "max_overflow": 0, "pool_timeout": WAIT_SECONDS}


def _json() -> dict[str, Any]:
    return {"json_serializer": lambda value: orjson.dumps(value).decode(), "json_deserializer": orjson.loads}
