"""`sluice doctor`: looks at everything that a house stands on, changes nothing, and prints what to do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import structlog
from sqlalchemy.exc import SQLAlchemyError

from backend.store.address import file_of, is_sqlite, shown
from backend.store.database import Database, DatabaseAway
from backend.store.migrate import behind
from backend.store.schema import revision_of
from ollama_worker.settings import WorkerSettings
from sluice.address import AddressRefused, check_free, healthy
from sluice.engine import EngineRefused, look_for_engine
from sluice.frontend import Frontend, PageRefused
from sluice.further import Further, further_workers, look
from sluice.redis_check import RedisRefused, inspect, without_secrets
from sluice.settings import UpSettings
from sluice.valkey import NoServer, find_server
from wire.settings import read_settings

OLDEST_PYTHON = (3, 11)


class Finding(NamedTuple):
    """One line of the table. `advice`: what to do; also good findings may have some."""

    what: str
    good: bool
    detail: str
    advice: str = ""


def run() -> int:
    """The command; returns 1 when something has to be done."""
    # The code that looks may log what it misses; here the table shows it.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    findings = asyncio.run(examine(read_settings(UpSettings), read_settings(WorkerSettings)))
    show(findings)
    return 0 if all(finding.good for finding in findings) else 1


async def examine(up: UpSettings, worker: WorkerSettings) -> list[Finding]:
    return [
        python(),
        data_folder(up.data_dir),
        await redis(up),
        await database(up),
        *await engine(worker),
        *await others(up, worker),
        page(up, Frontend()),
        port(up),
    ]


def python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= OLDEST_PYTHON, f"{version} at {sys.executable}")


def data_folder(folder: Path) -> Finding:
    """Writable, or, where it does not exist yet, makeable."""
    try:
        existing = next(place for place in (folder, *folder.parents) if place.exists())
    except OSError as error:
        advice = f"It cannot be looked at ({error.strerror}). Set SLUICE_DATA_DIR to a folder of yours."
        return Finding("Data folder", False, str(folder), advice)
    good = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    advice = "" if good else f"Make {existing} writable, or set SLUICE_DATA_DIR to another folder."
    return Finding("Data folder", good, str(folder), advice)


async def redis(up: UpSettings) -> Finding:
    """The Redis that was given, or the Valkey that `sluice up` would start."""
    try:
        if not up.redis_is_given:
            return Finding("Redis", True, f"`sluice up` starts its own: {find_server()}")
        facts = await inspect(up.redis_url)
    except (NoServer, RedisRefused) as error:
        return Finding("Redis", False, "not usable", str(error))
    detail = f"version {facts.version} at {without_secrets(up.redis_url)}"
    if facts.persistent:
        return Finding("Redis", True, f"{detail}, append-only file on")
    advice = "A restart of this Redis loses the queue. Run: CONFIG SET appendonly yes (and set it in its file)."
    return Finding("Redis", False, f"{detail}, append-only file off", advice)


async def database(up: UpSettings) -> Finding:
    """Where the history is, whether it answers, and whether its schema is of this release."""
    url = up.database_url
    where = f"{'SQLite' if is_sqlite(url) else 'PostgreSQL'} at {shown(url)}"
    try:
        if is_sqlite(url) and not file_of(url).exists():
            return Finding("Database", True, f"{where}, which the first start makes")
        revision = file_revision(file_of(url)) if is_sqlite(url) else await server_revision(url)
    except (DatabaseAway, SQLAlchemyError, sqlite3.Error, OSError) as error:
        advice = f"DATABASE_URL: {error.__cause__ or error}. Start or mend it, or correct or unset DATABASE_URL."
        return Finding("Database", False, f"{where}, not usable", advice)
    if not behind(revision):
        return Finding("Database", True, f"{where}, schema {revision}")
    advice = "`sluice up` migrates it; before API processes are started alone, run: sluice db migrate"
    return Finding("Database", True, f"{where}, schema {revision or 'empty'}: older than this release", advice)


def file_revision(file: Path) -> str:
    """The schema that a SQLite file is at, "" for none. Raises sqlite3.Error."""
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return ""
        return str((connection.execute("SELECT version_num FROM alembic_version").fetchone() or ("",))[0])


async def server_revision(url: str) -> str:
    """The same of a PostgreSQL database. Raises DatabaseAway or SQLAlchemyError."""
    there = Database(url)
    try:
        return await revision_of(there)
    finally:
        await there.close()


async def engine(worker: WorkerSettings) -> list[Finding]:
    """The engine that a worker would get, and whether it has the model that chats get by default."""
    try:
        found = await look_for_engine(worker)
    except (EngineRefused, OSError) as error:
        return [Finding("Engine", False, worker.engine, str(error))]
    if not found.answers:
        return [Finding("Engine", False, found.detail, found.advice)]
    if not found.real:
        asked_for = worker.engine == "simulated"
        return [Finding("Engine", asked_for, "simulated: canned answers, no model", "" if asked_for else found.detail)]
    model = found.model or worker.default_model
    return [
        Finding("Engine", True, found.detail, "" if not found.has_model else found.advice),
        Finding("Model", found.has_model, model, "" if found.has_model else found.advice),
    ]


async def others(up: UpSettings, worker: WorkerSettings) -> list[Finding]:
    """The servers of the further workers, probed with the workers' own requests."""
    try:
        further = further_workers(up, worker)
    except EngineRefused as error:
        return [Finding("Clouds", False, ", ".join(worker.cloud), str(error))]
    return [await other(one) for one in further]


async def other(one: Further) -> Finding:
    health = await look(one)
    advice = "" if health.ok else f"{health.detail}. Its worker waits for it."
    return Finding(f"Pool {one.pool}", health.ok, health.detail if health.ok else one.detail, advice)


def page(up: UpSettings, frontend: Frontend) -> Finding:
    """Built, or `sluice up` can build it, or another server has it."""
    if up.page == "elsewhere":
        return Finding("Page", True, "another server has it (SLUICE_PAGE)")
    if up.page_dir is not None:
        there = (up.page_dir / "headers.json").is_file()
        return Finding("Page", there, str(up.page_dir), "" if there else "SLUICE_PAGE_DIR holds no built page.")
    if not frontend.has_sources or frontend.fresh:
        return Finding("Page", True, "built" if frontend.has_sources else "comes with the packages")
    state = "built from older sources" if frontend.built else "not built yet"
    if not up.builds_page:
        return Finding("Page", frontend.built, f"{state}, and SLUICE_PAGE is off", "make page")
    try:
        return Finding("Page", True, f"{state}; `sluice up` builds it with Node {frontend.find_node()}")
    except PageRefused as error:
        return Finding("Page", False, state, str(error))


def port(up: UpSettings) -> Finding:
    """Free, or taken by a Sluice that runs."""
    try:
        check_free(up.host, up.port)
    except AddressRefused as error:
        if healthy(up.url):
            return Finding("Port", True, f"Sluice answers at {up.url}")
        return Finding("Port", False, f"{up.host}:{up.port}", str(error))
    return Finding("Port", True, f"{up.host}:{up.port} is free")


def show(findings: Iterable[Finding]) -> None:
    """A table: ✓ or ✗, what, what was found, what to do."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "Looked at", box=None, pad_edge=False)
    for title in ("Found", "What to do"):
        table.add_column(title, overflow="fold")  # a path that is cut cannot be copied
    for finding in findings:
        mark = "[green]✓[/]" if finding.good else "[red]✗[/]"
        table.add_row(mark, finding.what, escape(finding.detail), escape(finding.advice))
    Console(highlight=False).print(table)
