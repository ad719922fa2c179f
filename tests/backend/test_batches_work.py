"""A batch's work and its runner alone, on both databases: a process that has lost a batch writes nothing of it, and no
failure ends the search for batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.batches import repository
from backend.batches.breath import Breath
from backend.batches.runner import Runner
from backend.batches.states import FAILED, LINE_DONE, VALIDATING
from backend.batches.work import Work
from backend.bounds import RequestBounds
from backend.ids import BatchId
from backend.store.database import Database
from backend.store.rows import BATCHES, LINES, BatchRow, LineRow
from backend.store.tables import batch_lines, batches
from tests.backend.batch_calls import CHAT, a_line, jsonl

NAME = BatchId("batch_" + "0" * 32)
WRONG = b"no JSON\n"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


class Files:
    """One file, and what happens while it is read."""

    def __init__(self, data: bytes, meanwhile: Any) -> None:
        self._data = data
        self._meanwhile = meanwhile

    async def read(self, name: str) -> AsyncIterator[bytes]:
        yield self._data
        await self._meanwhile()

    async def get(self, tenant: str, name: str) -> None:
        """It is there."""

    async def sweep(self) -> None:
        """Nothing is old."""


async def validated(database: Database, data: bytes, taken: bool) -> tuple[BatchRow, list[LineRow]]:
    """The batch and its lines after process `a` has read this file. `taken`: process `b` has taken the batch meanwhile,
    and answered a line of it."""
    about = {"id": NAME, "tenant": "ann", "principal": "ann", "endpoint": CHAT, "input_file_id": "file-1"}
    async with database.write() as tx:
        await repository.add(tx, **about, status=VALIDATING, created_at=1, expires_at=2, holder="a", held_until=9)

    async def take() -> None:
        line = LineRow(NAME, 7, custom_id="7", body=None, state=LINE_DONE, answer="{}")
        async with database.write() as tx:
            await tx.execute(update(batches).values(holder="b"))
            await repository.add_lines(tx, [line])

    async def nothing() -> None:
        pass

    files = Files(data, take if taken else nothing)
    async with database.read() as tx:
        batch = await repository.held(tx, NAME, "a")
    assert batch is not None
    work = Work(
        NAME,
        "a",
        asyncio.Event(),
        database=database,
        files=cast(Any, files),
        breath=Breath(),
        bounds=RequestBounds(messages=100, context_messages=100, body_bytes=10_000, embed_batch=1),
        window=1,
        answering=cast(Any, None),
    )
    await work._validate(batch)
    async with database.read() as tx:
        [row] = await BATCHES.all(tx, BATCHES.query)
        return row, await LINES.all(tx, LINES.query.order_by(batch_lines.c.line))


async def test_a_file_that_is_no_jsonl_takes_its_lines_along(database: Database) -> None:
    batch, lines = await validated(database, jsonl(a_line("1", "x")) + WRONG, taken=False)
    assert (batch.status, lines) == (FAILED, [])


@pytest.mark.parametrize("more", [b"", WRONG])
async def test_a_process_that_has_lost_a_batch_adds_no_line_and_takes_none_away(
    database: Database, more: bytes
) -> None:
    batch, lines = await validated(database, jsonl(a_line("1", "x")) + more, taken=True)
    assert batch.status == VALIDATING
    assert [(line.line, line.state) for line in lines] == [(7, LINE_DONE)]


async def test_a_runner_looks_on_after_any_failure(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    failures, looked_again = iter([ValueError("once")]), asyncio.Event()

    async def free(tx: AsyncConnection, now: int, limit: int) -> list[str]:
        for failure in failures:
            raise failure
        looked_again.set()
        return []

    monkeypatch.setattr(repository, "free", free)
    batches: Any = SimpleNamespace(wake=asyncio.Event())
    chat: Any = SimpleNamespace(draining=False)
    runner = Runner(batches, database, cast(Any, Files(b"", None)), chat, cast(Any, None))
    running = asyncio.create_task(runner.run())
    looking = asyncio.create_task(looked_again.wait())
    await asyncio.wait({running, looking}, return_when=asyncio.FIRST_COMPLETED)
    assert looked_again.is_set()
    for task in (running, looking):
        task.cancel()
    await asyncio.gather(running, looking, return_exceptions=True)
