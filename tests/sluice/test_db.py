"""`sluice db` as a process, on both databases."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.store.database import Database
from backend.store.migrate import NEWEST
from backend.store.tables import messages, threads
from tests.sluice.conftest import PATIENT, Ups
from tests.support import forked
from tests.support.child import free_port
from tests.support.postgres import Postgres, run_apart
from tests.support.processes import clean_environment


class Command:
    """`sluice db …` in a folder of its own."""

    def __init__(self, home: Path, url: str | None) -> None:
        self.home = home
        self.env = clean_environment(COLUMNS="200", NO_COLOR="1", **({"DATABASE_URL": url} if url else {}))

    def __call__(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return forked.run("sluice", "db", *words, env=self.env, cwd=self.home, typed=typed)

    def output_of(self, *words: str, typed: str = "") -> str:
        """What the command printed, once it has succeeded."""
        done = self(*words, typed=typed)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def db(tmp_path: Path, empty_database_url: str) -> Command:
    return Command(tmp_path, empty_database_url)


def count(url: str) -> tuple[int, int]:
    """(threads, messages)"""

    async def look() -> tuple[int, int]:
        database = Database(url)
        async with database.read() as tx:
            counts = len((await tx.execute(threads.select())).all()), len((await tx.execute(messages.select())).all())
        await database.close()
        return counts

    return run_apart(look)


@pytest.mark.parametrize("command", ["migrate", "rollback", "seed", "reset"])
def test_help_teaches_every_command(tmp_path: Path, command: str) -> None:
    assert re.search(rf"^\W+{command} +\w.+", Command(tmp_path, None).output_of("--help"), re.MULTILINE)


def test_every_command_reports_what_it_did(db: Command) -> None:
    assert f"went from no schema to step {NEWEST}" in db.output_of("migrate")
    assert f"is at step {NEWEST} already" in db.output_of("migrate")
    assert f"went from step {NEWEST} to " in db.output_of("rollback")
    assert f"to step {NEWEST}" in db.output_of("migrate")
    assert f"went from step {NEWEST} to no schema" in db.output_of("rollback", "--steps", "99")
    assert "has no schema" in db.output_of("rollback")


def test_a_schema_of_a_newer_release_is_rolled_back_by_the_newer_release(db: Command, empty_database_url: str) -> None:
    db.output_of("migrate")
    newer = f"{int(NEWEST) + 1:04}"

    async def bring_up() -> None:
        database = Database(empty_database_url)
        async with database.write() as tx:
            await tx.execute(text("UPDATE alembic_version SET version_num = :newer"), {"newer": newer})
        await database.close()

    run_apart(bring_up)
    done = db("rollback")
    assert done.returncode == 1
    [error] = done.stderr.splitlines()
    assert f"is at step {newer}, which this release does not know: run the rollback with the newer release" in error
    assert f"is at step {newer} already" in db.output_of("migrate"), "the schema stands as before"


def test_seeding_twice_leaves_what_seeding_once_leaves(db: Command, empty_database_url: str) -> None:
    db.output_of("seed")
    seeded = count(empty_database_url)
    assert seeded > (3, 10)
    db.output_of("seed")
    assert count(empty_database_url) == seeded


def test_a_reset_waits_for_a_yes_first(db: Command, empty_database_url: str) -> None:
    db.output_of("seed")
    kept = count(empty_database_url)
    for typed in ("", "no\n", "y\n"):
        done = db("reset", typed=typed)
        assert done.returncode == 1
        assert count(empty_database_url) == kept
    assert "is empty now" in db.output_of("reset", typed="yes\n")
    assert count(empty_database_url) == (0, 0)
    db.output_of("seed")
    db.output_of("reset", "--yes")
    assert count(empty_database_url) == (0, 0)


def test_without_a_url_the_history_is_a_file_in_the_data_folder_for_this_user_only(tmp_path: Path) -> None:
    Command(tmp_path, None).output_of("migrate")
    folder = tmp_path / ".sluice"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "sluice.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("command", ["migrate", "rollback", "seed"])
def test_a_database_that_is_away_is_named_without_its_password(tmp_path: Path, command: str) -> None:
    port = free_port()
    done = Command(tmp_path, f"postgresql://sluice:secret@127.0.0.1:{port}/sluice")(command)
    assert done.returncode == 1
    assert f"postgresql://127.0.0.1:{port}/sluice" in done.stderr
    assert "secret" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_url_of_another_kind_is_refused_without_showing_it(tmp_path: Path) -> None:
    done = Command(tmp_path, "mysql://sluice:secret@127.0.0.1/sluice")("migrate")
    assert done.returncode == 2
    assert done.stderr.startswith("sluice: DATABASE_URL: must be postgresql://")
    assert "secret" not in done.stderr


async def test_up_migrates_a_postgresql_that_is_given(ups: Ups, shared_postgres: Postgres) -> None:
    url = shared_postgres.new_database()
    await ups(DATABASE_URL=url).up()
    assert count(url) == (0, 0)


async def test_up_reports_at_once_that_a_postgresql_is_away(ups: Ups) -> None:
    port = free_port()
    up = ups(DATABASE_URL=f"postgresql://sluice:secret@127.0.0.1:{port}/sluice")
    up.start()
    assert await up.wait_for_exit(PATIENT) == 1
    assert f"DATABASE_URL: cannot migrate postgresql://127.0.0.1:{port}/sluice" in up.tail()
    assert "secret" not in up.tail()
