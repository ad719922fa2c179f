"""The schema's steps make what `tables.py` describes, can be walked both ways, and are walked once by many."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, insert, inspect, text

from backend.store.database import Database
from backend.store.migrate import NEWEST, SCRIPTS, MigrationRefused, behind, migrate, reset, rollback
from backend.store.rows import JOBS
from backend.store.schema import Schema
from backend.store.tables import jobs, metadata, threads
from tests.support.child import free_port
from tests.support.postgres import Postgres
from tests.support.processes import clean_environment

BEFORE_PRINCIPALS = 3  # the step after which jobs had no principal
NEWER_JOB = {"pool": "default", "tenant": "shared", "cls": "interactive", "model": "m", "state": "completed"}
NEWER_JOB |= {"accepted_at": 1, "ended_at": 2}
ENDED_JOB = {"class" if name == "cls" else name: value for name, value in NEWER_JOB.items()}
ENDED_JOB |= {"why": "", "attempt": 1, "tries": 0, "request_id": "", "timeline": []}


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


MIGRATE = """
import asyncio, sys
from backend.store.migrate import NEWEST, SCRIPTS, MigrationRefused, behind, migrate, reset, rollback
from backend.store.schema import Schema
print("ready", flush=True)
sys.stdin.readline()
print(*asyncio.run(migrate({url!r})), flush=True)
"""


def test_processes_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    script = MIGRATE.format(url=empty_database_url)
    command, pipe = [sys.executable, "-c", script], subprocess.PIPE
    started = [subprocess.Popen(command, env=clean_environment(), stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in started:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    walks = [process.communicate(timeout=60)[0].strip() for process in started]
    assert sorted(walks) == sorted([NEWEST, *[f"{NEWEST} {NEWEST}"] * 3])


async def test_a_step_that_fails_leaves_the_schema_as_it_was(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second table's index is in the way: the first table must not stay."""
    database = Database(empty_database_url)
    async with database.write() as tx:
        await tx.execute(text("CREATE TABLE messages (id INTEGER)"))
    await database.close()
    with pytest.raises(MigrationRefused, match="messages"):
        await migrate(empty_database_url)
    assert await ask(empty_database_url, tables) == {"messages"}


async def test_a_newer_schema_is_left_alone_and_taken(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    database = Database(empty_database_url)
    async with database.write() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    assert await migrate(empty_database_url) == ("0999", "0999")
    schema = Schema(database)
    assert await schema.look()
    assert schema.reason == ""
    await database.close()


def test_steps_are_compared_by_their_numbers() -> None:
    assert behind("")
    assert not behind(NEWEST)
    assert not behind("9999")


async def test_an_older_release_beside_a_newer_one_writes_jobs_of_the_local_principal(empty_database_url: str) -> None:
    """Its statements know the schema of then: they work before the step and after it."""
    await migrate(empty_database_url)
    await rollback(empty_database_url, int(NEWEST) - BEFORE_PRINCIPALS)
    older = await ask(empty_database_url, lambda tx: Table("jobs", MetaData(), autoload_with=tx))
    assert "principal" not in older.c
    await add_jobs(empty_database_url, older, [{**ENDED_JOB, "id": "before"}])
    await migrate(empty_database_url)
    await add_jobs(empty_database_url, older, [{**ENDED_JOB, "id": "beside"}])
    await add_jobs(empty_database_url, jobs, [{**NEWER_JOB, "id": "newer", "principal": "ann"}])
    database = Database(empty_database_url)
    async with database.read() as tx:
        rows = await JOBS.all(tx, JOBS.query)
        assert {row.id: row.principal for row in rows} == {"before": "local", "beside": "local", "newer": "ann"}
        read_by_the_older = await tx.execute(older.select())
        assert {row.id for row in read_by_the_older} == {"before", "beside", "newer"}
    await database.close()


async def add_jobs(url: str, table: Table, rows: list[dict[str, Any]]) -> None:
    database = Database(url)
    async with database.write() as tx:
        await tx.execute(insert(table), rows)
    await database.close()


async def test_a_reset_leaves_empty_tables(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    database = Database(empty_database_url)
    async with database.write() as tx:
        await tx.execute(insert(threads).values(id="a", tenant="ann", created_at=0, updated_at=0))
    await reset(empty_database_url)
    async with database.read() as tx:
        assert (await tx.execute(threads.select())).first() is None
    await database.close()
    assert await ask(empty_database_url, differences) == []


async def test_a_postgresql_with_an_old_schema_says_what_to_run(shared_postgres: Postgres) -> None:
    url = shared_postgres.new_database()
    database = Database(url)
    schema = Schema(database)
    assert not await schema.look()
    assert "sluice db migrate" in schema.reason
    await migrate(url)
    assert await schema.look()
    assert schema.reason == ""
    await database.close()


async def test_a_postgresql_that_is_away_refuses_no_request() -> None:
    """What needs no history is served: the queue does not depend on SQL."""
    database = Database(f"postgresql://sluice@127.0.0.1:{free_port()}/sluice")
    schema = Schema(database)
    assert not await schema.look()
    assert schema.reason == ""
    await database.close()


async def test_a_password_is_never_in_a_refusal() -> None:
    with pytest.raises(MigrationRefused) as refused:
        await migrate(f"postgresql://sluice:secret@127.0.0.1:{free_port()}/sluice")
    assert "secret" not in str(refused.value)
