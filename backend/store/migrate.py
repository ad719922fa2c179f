"""Walking the migrations, each walk in one transaction and under a lock: of two processes the second finds it done.

On PostgreSQL the lock is an advisory one of the transaction; on SQLite it is the file's one writer. DDL is part of the
transaction on both, so a walk that fails or is killed half-way leaves the schema as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import asyncpg  # type: ignore[import-untyped]
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from backend.store.address import is_sqlite, shown
from backend.store.database import WRITES, open_engine
from backend.store.tables import metadata

NEWEST = "0004"  # the step that `tables.py` describes
LOCK = 0x51_01_CE  # any number, the same in every process
SCRIPTS = Path(__file__).parent / "migrations"
UNREACHABLE = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class MigrationRefused(Exception):
    """The schema is as before; the message has the reason, and never a password."""


class Walk(NamedTuple):
    """A walk through the migrations: the step before it and the step after it; "": no table of ours."""

    before: str
    after: str


async def migrate(url: str) -> Walk:
    """Walk to the newest step. Raises MigrationRefused."""
    return await _walk(url, _upgrade)


async def rollback(url: str, steps: int = 1) -> Walk:
    """Walk some steps back; data that only the newer schema holds is lost. Raises MigrationRefused."""

    def back(connection: Connection) -> None:
        if (current := _current(connection)) > NEWEST:
            unknown = f"the schema of {shown(url)} is at step {current}, which this release does not know"
            raise MigrationRefused(f"DATABASE_URL: {unknown}: run the rollback with the newer release.")
        left = max(0, int(current or 0) - steps)
        command.downgrade(_config(connection), f"{left:04}" if left else "base")

    return await _walk(url, back)


async def reset(url: str) -> Walk:
    """Drop every table of ours, also those that a broken schema has left, and make all anew."""

    def anew(connection: Connection) -> None:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
        _upgrade(connection)

    return await _walk(url, anew)


def behind(revision: str) -> bool:
    """Whether a schema at this step is too old for this code. A newer schema is not: steps only add."""
    return revision < NEWEST


async def _walk(url: str, act: Callable[[Connection], None]) -> Walk:
    engine = open_engine(url, alone=True)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(**{WRITES: True})
            walk = await connection.run_sync(_locked, act, is_sqlite(url))
            await connection.commit()
            return walk
    except UNREACHABLE as error:
        why = str(getattr(error, "orig", None) or error) or "no answer"
        raise MigrationRefused(f"DATABASE_URL: cannot migrate {shown(url)}: {why}") from error
    finally:
        await engine.dispose()


def _locked(connection: Connection, act: Callable[[Connection], None], sqlite: bool) -> Walk:
    if not sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    before = _current(connection)
    act(connection)
    return Walk(before, _current(connection))


def _upgrade(connection: Connection) -> None:
    if behind(_current(connection)):  # else a newer release has migrated: its schema holds all that ours does
        command.upgrade(_config(connection), "head")


def _current(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config
