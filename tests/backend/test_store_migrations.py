"""The schema's steps: they make what `tables.py` says, can be walked both ways, and are walked once by many."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from backend.store.database import Database
from backend.store.migrate import NEWEST, SCRIPTS, behind, migrate, reset, rollback
from backend.store.tables import metadata


async def ask(url: str, look: Any) -> Any:
    database = Database(url)
    try:
        async with database.read() as connection:
            return await connection.run_sync(look)
    finally:
        await database.close()


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def differences(connection: Connection) -> list[Any]:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)


def test_the_newest_step_is_the_last_one() -> None:
    assert ScriptDirectory(str(SCRIPTS)).get_current_head() == NEWEST


async def test_the_steps_make_the_tables_exactly(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    assert await ask(empty_database_url, differences) == []


async def test_it_goes_up_down_and_up_again(empty_database_url: str) -> None:
    assert await migrate(empty_database_url) == ("", NEWEST)
    assert await rollback(empty_database_url, int(NEWEST)) == (NEWEST, "")
    assert await ask(empty_database_url, tables) <= {"alembic_version"}
    assert await migrate(empty_database_url) == ("", NEWEST)
    assert await migrate(empty_database_url) == (NEWEST, NEWEST)
    assert await ask(empty_database_url, differences) == []
