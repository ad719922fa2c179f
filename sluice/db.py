"""`sluice db`: the history's schema. What knows SQL is imported as a command runs: `sluice --help` answers at once."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from backend.store.migrate import Walk

T = TypeVar("T")
app = typer.Typer(
    no_args_is_help=True,
    help="The history's database (DATABASE_URL; unset: a SQLite file in the data folder).",
)


class HistoryRefused(Exception):
    """The history cannot be kept there; the message gives the reason and the remedy."""


@app.command()
def migrate() -> None:
    """Bring the schema up to this release. Safe to repeat, and from many places at once."""
    from backend.store import migrate as steps

    walk = _run(steps.migrate(_url()))
    typer.echo(f"{_shown()} {_told(walk)}.")


@app.command()
def rollback(
    steps: Annotated[int, typer.Option(min=1, help="How many steps of the schema to take back.")] = 1,
) -> None:
    """Take the schema back, before an older release; what only the newer one holds is lost."""
    from backend.store import migrate

    walk = _run(migrate.rollback(_url(), steps))
    typer.echo(f"{_shown()} {_told(walk)}.")


@app.command()
def seed() -> None:
    """Write a few conversations to try the page with; those that are there already stay."""
    count = _run(_seed(_url()))
    typer.echo(f"{_shown()} has {count} conversations to look at now.")


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Drop every conversation and make the tables anew."""
    from backend.store import migrate

    url = _url()
    if not yes and input(f"Every conversation in {_shown()} will be gone. Type yes: ").strip() != "yes":
        typer.echo("Nothing was changed.")
        raise typer.Exit(1)
    _run(migrate.reset(url))
    typer.echo(f"{_shown()} is empty now.")


async def prepare(url: str) -> None:
    """Before a house starts: a PostgreSQL gets its schema here, a SQLite file from the API. Raises HistoryRefused."""
    from backend.store.address import is_sqlite

    if is_sqlite(url):
        return
    from backend.store.migrate import MigrationRefused, migrate

    try:
        await migrate(url)
    except MigrationRefused as refused:
        raise HistoryRefused(str(refused)) from None


async def _seed(url: str) -> int:
    from backend.accounts.caller import LOCAL
    from backend.store.database import Database
    from backend.store.migrate import migrate
    from backend.store.seed import seed

    await migrate(url)
    database = Database(url)
    try:
        return await seed(database, LOCAL.tenant, int(time.time() * 1000))
    finally:
        await database.close()


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Its result; what is refused ends the command with a sentence."""
    from backend.store.database import DatabaseAway
    from backend.store.migrate import MigrationRefused

    try:
        return asyncio.run(work)
    except (MigrationRefused, DatabaseAway) as refused:
        print(f"sluice: {refused}", file=sys.stderr)
        raise typer.Exit(1) from None


def _url() -> str:
    from sluice.settings import UpSettings
    from wire.settings import read_settings

    return read_settings(UpSettings).database_url


def _shown() -> str:
    from backend.store.address import shown

    return shown(_url())


def _told(walk: Walk) -> str:
    """What a walk did, as the end of a sentence."""
    if walk.before == walk.after:
        return f"is at step {walk.after} already" if walk.after else "has no schema"
    return f"went from {_step(walk.before)} to {_step(walk.after)}"


def _step(name: str) -> str:
    return f"step {name}" if name else "no schema"
