"""The database as the rest of the house knows it: transactions, what text becomes, and the error when it is away."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from backend.errors import as_api_error
from backend.store.address import a_database_url, address_of, dsn_of, file_of, shown
from backend.store.database import Database, DatabaseAway
from backend.store.rows import THREADS, ThreadRow
from backend.store.sqlite import open_connection
from backend.store.tables import messages, threads
from backend.store.words import fold, storable, storable_json
from tests.support.child import free_port
from tests.support.postgres import Postgres
from tests.support.processes import clean_environment
from tests.support.waiting import eventually


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


def a_thread(name: str, **values: Any) -> Any:
    return insert(threads).values({"id": name, "tenant": "ann", "created_at": 0, "updated_at": 0, **values})


async def names(database: Database) -> list[str]:
    async with database.read() as tx:
        return list((await tx.execute(select(threads.c.id).order_by(threads.c.id))).scalars())


# -- transactions ------------------------------------------------------------------------------------------------
async def test_what_is_written_is_committed_at_the_end(database: Database) -> None:
    async with database.write() as tx:
        await tx.execute(a_thread("a"))
        assert await names(database) == []
    assert await names(database) == ["a"]


async def test_a_row_is_read_as_the_record_of_its_table(database: Database) -> None:
    async with database.write() as tx:
        await tx.execute(a_thread("a", title="First", settings={"model": "m"}))
        row = await THREADS.first(tx, THREADS.query.where(threads.c.id == "a"))
        assert row == ThreadRow("a", "ann", "First", None, None, False, {"model": "m"}, None, 0, 0)
        assert await THREADS.all(tx, THREADS.query) == [row]
        assert await THREADS.first(tx, THREADS.query.where(threads.c.id == "b")) is None


async def test_an_exception_takes_all_of_it_back(database: Database) -> None:
    with pytest.raises(KeyError):
        async with database.write() as tx:
            await tx.execute(a_thread("a"))
            raise KeyError
    assert await names(database) == []


async def test_a_reader_sees_one_state_however_often_it_looks(database: Database) -> None:
    count = select(func.count()).select_from(threads)
    async with database.read() as tx:
        assert await tx.scalar(count) == 0
        async with database.write() as other:
            await other.execute(a_thread("a"))
        assert await tx.scalar(count) == 0
    assert await names(database) == ["a"]


async def test_many_writers_that_read_first_lose_no_update(database_url: str) -> None:
    """Two databases, as in two processes; on SQLite a transaction that begins as a reader could not write."""
    ones = [Database(database_url), Database(database_url)]
    async with ones[0].write() as tx:
        await tx.execute(a_thread("a"))

    async def add_one(database: Database) -> None:
        async with database.write() as tx:
            seen = await tx.scalar(select(threads.c.updated_at).where(threads.c.id == "a").with_for_update())
            await asyncio.sleep(0)
            await tx.execute(update(threads).values(updated_at=seen + 1))

    await asyncio.gather(*(add_one(ones[n % 2]) for n in range(40)))
    async with ones[0].read() as tx:
        assert await tx.scalar(select(threads.c.updated_at)) == 40
    for database in ones:
        await database.close()


@pytest.mark.parametrize("closings", [1, 2])
async def test_a_connection_whose_thread_has_ended_is_closed_at_once(tmp_path: Path, closings: int) -> None:
    """A user's cancellation ends it by force, while another task closes it in order."""
    connection = await open_connection(tmp_path / "a.db")
    connection.stop()
    async with asyncio.timeout(5):
        for _ in range(closings):
            await connection.close()


async def test_a_closed_connection_holds_no_lock_though_something_refers_to_its_cursors(tmp_path: Path) -> None:
    """The traceback of a cancelled writer does, for as long as it is kept."""
    path = tmp_path / "a.db"
    connection = await open_connection(path)
    cursors = [await connection.execute(words) for words in ("BEGIN IMMEDIATE", "SELECT 1 UNION SELECT 2")]
    await connection.close()
    with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
    assert len(cursors) == 2


async def test_a_cancelled_writer_leaves_nothing_behind_and_holds_up_no_other(database: Database) -> None:
    for step in range(20):

        async def write(name: str = f"cancelled-{step}") -> None:
            async with database.write() as tx:
                await tx.execute(a_thread(name))
                await asyncio.sleep(10)

        task = asyncio.create_task(write())
        await asyncio.sleep(step / 2_000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with database.write() as tx:
        await tx.execute(a_thread("a"))
    assert await names(database) == ["a"]


async def test_a_thread_takes_its_messages_along(database: Database) -> None:
    async with database.write() as tx:
        await tx.execute(a_thread("a"))
        row = {"thread_id": "a", "id": "m", "role": "user", "status": "complete", "created_at": 0}
        await tx.execute(insert(messages).values(row))
        await tx.execute(threads.delete())
        assert await tx.scalar(select(func.count()).select_from(messages)) == 0


async def test_a_message_needs_its_thread(database: Database) -> None:
    row = {"thread_id": "no thread", "id": "m", "role": "user", "status": "complete", "created_at": 0}
    with pytest.raises(IntegrityError):
        async with database.write() as tx:
            await tx.execute(insert(messages).values(row))


# -- text --------------------------------------------------------------------------------------------------------
async def test_text_that_a_database_refuses_is_replaced_wherever_it_is_bound(database: Database) -> None:
    settings = {"system\0": ["\0", {"a": "\ud800"}]}
    async with database.write() as tx:
        await tx.execute(a_thread("a\0", title="\0x\udfff", settings=settings))
    async with database.read() as tx:
        row = (await tx.execute(select(threads).where(threads.c.id == "a\0"))).one()
    assert (row.id, row.title) == ("a\ufffd", "\ufffdx\ufffd")
    assert row.settings == {"system\ufffd": ["\ufffd", {"a": "\ufffd"}]}


async def test_no_json_is_null(database: Database) -> None:
    async with database.write() as tx:
        await tx.execute(a_thread("a"))
        row = {"thread_id": "a", "id": "m", "role": "user", "status": "complete", "created_at": 0, "usage": None}
        await tx.execute(insert(messages).values(row))
        assert await tx.scalar(select(func.count()).where(messages.c.usage.is_(None))) == 1


def test_storable_leaves_alone_what_can_be_stored() -> None:
    assert storable("a\n\U0001f600\x01") == "a\n\U0001f600\x01"
    assert storable_json({"a": [1, None, True, 1.5]}) == {"a": [1, None, True, 1.5]}


@pytest.mark.parametrize(
    ("one", "other"),
    [("Straße", "STRASSE"), ("ﬁne", "Fine"), ("A", "\uff41"), ("é", "e\u0301"), ("Σίσυφος", "ΣΊΣΥΦΟΣ")],
)
def test_folded_they_are_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert fold(fold(one)) == fold(one)


# -- away --------------------------------------------------------------------------------------------------------
async def test_a_postgresql_that_is_not_there_is_away_and_a_503() -> None:
    database = Database(f"postgresql://sluice:secret@127.0.0.1:{free_port()}/sluice")
    with pytest.raises(DatabaseAway) as away:
        async with database.read():
            pass
    error = as_api_error(away.value)
    assert (error.status, error.code) == (503, "history_unavailable")
    assert "secret" not in f"{away.value} {error.message}"
    await database.close()


async def test_a_postgresql_without_that_database_is_away(shared_postgres: Postgres) -> None:
    database = Database(shared_postgres.url("nowhere"))
    with pytest.raises(DatabaseAway):
        async with database.write():
            pass
    await database.close()


async def test_connections_that_a_restarted_postgresql_has_closed_are_replaced() -> None:
    server = Postgres()
    server.start()
    try:
        database = Database(server.url())
        for _ in range(2):
            async with database.read() as tx:
                assert await tx.scalar(text("SELECT 1")) == 1
            server.kill()
            server.start()
        await database.close()
    finally:
        server.remove()


async def test_a_schema_that_was_never_made_is_away(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with pytest.raises(DatabaseAway):
        await names(database)
    await database.close()


@pytest.mark.parametrize(
    ("code", "away"), [("55P03", True), ("42501", True), ("42703", True), ("25006", True), ("22012", False)]
)
async def test_what_a_postgresql_refuses_for_now_is_away_and_what_is_wrong_with_a_statement_is_not(
    shared_postgres: Postgres, code: str, away: bool
) -> None:
    """A lock that is held, a right and a column that are still to come, a standby; and a division by zero."""
    database = Database(shared_postgres.url())
    with pytest.raises(DatabaseAway if away else DBAPIError):
        async with database.write() as tx:
            await tx.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$"))
    await database.close()


async def test_a_file_that_cannot_be_opened_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    database = Database(f"sqlite:///{tmp_path}/file/history.db")
    before = set(threading.enumerate())
    with pytest.raises(DatabaseAway):
        await names(database)
    await database.close()
    # The driver does not wait for the thread of a connection that never was, and the thread still talks to this loop.
    await eventually(lambda: set(threading.enumerate()) <= before or None, 10, "the driver's thread has ended")


async def test_a_sqlite_that_another_process_keeps_locked_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.store.database.WAIT_SECONDS", 0.1)
    database = Database(f"sqlite:///{tmp_path}/history.db")
    await names_or_away(database)
    other = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DatabaseAway):
        async with database.write():
            pass
    other.execute("ROLLBACK")
    other.close()
    async with database.write():
        pass
    await database.close()


async def names_or_away(database: Database) -> None:
    with pytest.raises(DatabaseAway):
        await names(database)


async def test_what_was_committed_survives_kill_9(database_url: str) -> None:
    script = f"""
import asyncio, os, signal
from sqlalchemy import insert
from backend.store.database import Database
from backend.store.tables import threads

async def main():
    async with Database({database_url!r}).write() as tx:
        await tx.execute(insert(threads).values(id="kept", tenant="ann", created_at=0, updated_at=0))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", script, env=clean_environment())
    assert await done.wait() == -signal.SIGKILL
    database = Database(database_url)
    assert await names(database) == ["kept"]
    await database.close()


# -- addresses ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:secret@h/d",
        "secret",
        "",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://host/file.db",
        "postgresql://u:secret@h",
        "postgresql:///",
        "postgresql://u:secret@h:port/d",
        "postgresql+psycopg2://u:secret@h/d",
    ],
)
def test_what_cannot_be_used_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite:///|database") as refused:
        a_database_url(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@h/d",
        "postgres://u@h:5433/d?sslmode=require",
        "postgresql+asyncpg://h/d",
        "postgresql:///d?host=/run/postgresql",
        "sqlite:///relative.db",
        "sqlite+aiosqlite:////absolute/file.db",
    ],
)
def test_what_can_be_used_is_taken(url: str) -> None:
    assert a_database_url(url) == url


def test_unset_it_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    folder = tmp_path / 'my "data" 100% ü?'
    assert file_of(address_of(None, folder)) == folder / "sluice.db"


def test_a_relative_file_is_made_absolute() -> None:
    assert file_of(address_of("sqlite:///here.db", Path("data"))) == Path.cwd() / "here.db"


def test_a_url_is_shown_without_its_secrets() -> None:
    assert shown("postgresql://u:secret@h:1/d?password=secret") == "postgresql://h:1/d"
    assert shown("sqlite:////data/history.db") == "/data/history.db"


def test_parameters_that_only_libpq_knows_do_not_reach_the_server() -> None:
    url = "postgres://u:p%40@h/d?sslmode=require&channel_binding=require"
    assert dsn_of(url) == "postgresql://u:p%40@h/d?sslmode=require"
