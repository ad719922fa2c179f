"""The work on one batch, from its file to its files: validate → answer all lines → write down. One process at a time
holds the batch.

Another process may begin every step again, or two processes at once: the ids of jobs are made of the lines' places, the
first answer of a line counts, and the files are a function of the answers.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import structlog

from backend.batches import repository
from backend.batches.answering import Answering
from backend.batches.answers import batch_uuid
from backend.batches.breath import Breath
from backend.batches.lines import Checker, NotJsonl, raw_lines
from backend.batches.states import (
    CANCELLED,
    CANCELLING,
    COMPLETED,
    EXPIRED,
    FAILED,
    FINALIZING,
    IN_ERRORS,
    IN_PROGRESS,
    LINE_DONE,
    LINE_EXPIRED,
    OPEN,
    VALIDATING,
)
from backend.bounds import RequestBounds
from backend.errors import NotFound
from backend.files import repository as file_repository
from backend.files.service import Files, NewFile
from backend.ids import BatchId, FileId
from backend.moments import now_ms
from backend.store.database import Database
from backend.store.rows import BatchRow, LineRow

LINES_MAX = 50_000
ERRORS_MAX = 100  # listed of a file that is no JSONL
PAGE = 200  # lines in a transaction
log = structlog.get_logger()


class Work:
    """The work on one batch. `holder`: this process. `cancelling`: set once a caller has cancelled the batch.

    `window`: lines that are in flight at the same time. `answering`: makes what answers the lines of a batch.
    """

    def __init__(
        self,
        batch_id: BatchId,
        holder: str,
        cancelling: asyncio.Event,
        *,
        database: Database,
        files: Files,
        breath: Breath,
        bounds: RequestBounds,
        window: int,
        answering: Callable[[BatchRow], Answering],
    ) -> None:
        self._database = database
        self._files = files
        self._breath = breath
        self._bounds = bounds
        self._window = window
        self._answering = answering
        self._holder = holder
        self._batch_id = batch_id
        self._cancelling = cancelling

    async def run(self) -> None:
        """Work until the batch has ended, or this process does not hold it any more."""
        steps = {VALIDATING: self._validate, IN_PROGRESS: self._work, FINALIZING: self._finalize}
        steps[CANCELLING] = self._cancel
        while (batch := await self._held()) is not None and batch.status in OPEN:
            await steps[batch.status](batch)

    async def _held(self) -> BatchRow | None:
        async with self._database.read() as tx:
            return await repository.held(tx, self._batch_id, self._holder)

    async def _move(self, before: str, status: str, *, without_lines: bool = False, **values: Any) -> None:
        async with self._database.write() as tx:
            moved = await repository.move(tx, self._batch_id, self._holder, before, status=status, **values)
            if moved and without_lines:
                await repository.remove_lines(tx, self._batch_id)
        if moved:
            log.info("batch moved on", action="batch.moved", batch=self._batch_id, status=status)

    # -- validating ------------------------------------------------------------------------------------------------
    async def _validate(self, batch: BatchRow) -> None:
        """Every line becomes a row; a file that is no JSONL ends the batch."""
        errors, total = await self._read_lines(batch)
        if self._cancelling.is_set():
            return
        if not errors:
            return await self._move(VALIDATING, IN_PROGRESS, total=total, in_progress_at=now_ms())
        await self._move(VALIDATING, FAILED, without_lines=True, errors=errors, ended_at=now_ms())

    async def _read_lines(self, batch: BatchRow) -> tuple[list[dict[str, Any]], int]:
        """The errors of the file, and how many lines it has."""
        checker = Checker(self._batch_id, batch.endpoint, self._bounds)
        errors: list[dict[str, Any]] = []
        rows: list[LineRow] = []
        total = 0
        async for raw in raw_lines(self._files.read(batch.input_file_id), self._bounds.body_bytes):
            total += 1
            if self._cancelling.is_set() or len(errors) >= ERRORS_MAX or total > LINES_MAX:
                break
            try:
                async with self._breath.work():
                    rows.append(checker.row(raw))
            except NotJsonl as wrong:
                errors.append(an_error("invalid_json_line", str(wrong), raw.number + 1))
            if len(rows) >= PAGE:
                await self._keep(rows)
                rows = []
        await self._keep(rows)
        if total > LINES_MAX:
            errors.append(an_error("too_many_lines", f"The file has more than {LINES_MAX:,} lines; split it."))
        return errors + await self._file_errors(batch, total), total

    async def _file_errors(self, batch: BatchRow, total: int) -> list[dict[str, Any]]:
        """The error of a file that was deleted while it was read, or that has no line."""
        try:
            await self._files.get(batch.tenant, batch.input_file_id)
        except NotFound as gone:
            return [an_error("file_not_found", gone.message)]
        return [] if total else [an_error("empty_file", "The file has no line.")]

    async def _keep(self, rows: list[LineRow]) -> None:
        """Keeps nothing where another process holds the batch now: the batch may have ended, and its lines be gone."""
        async with self._database.write() as tx:
            if await repository.holds(tx, self._batch_id, self._holder):
                await repository.add_lines(tx, rows)

    # -- in progress -----------------------------------------------------------------------------------------------
    async def _work(self, batch: BatchRow) -> None:
        await self._answer_all(batch)
        if self._cancelling.is_set():
            return
        if now_ms() >= batch.expires_at:
            await self._give_up(batch, EXPIRED)
        await self._move(IN_PROGRESS, FINALIZING, finalizing_at=now_ms())

    async def _answer_all(self, batch: BatchRow) -> None:
        """Answer until no line waits, the window has passed, or the batch is to end. Jobs in flight run on then."""
        answering, last = self._answering(batch), -1
        running: set[asyncio.Task[None]] = set()
        stop = asyncio.create_task(self._cancelling.wait())
        try:
            while not stop.done() and (left := batch.expires_at - now_ms()) > 0:
                lines = await self._waiting(last, self._window - len(running))
                last = lines[-1].line if lines else last
                running |= {asyncio.create_task(self._answer(answering, line)) for line in lines}
                if not running:
                    return
                await asyncio.wait({*running, stop}, timeout=left / 1000, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in running if task.done()]:
                    running.discard(task)
                    task.result()
        finally:
            await end_all({*running, stop})

    async def _waiting(self, after: int, limit: int) -> list[LineRow]:
        if not limit:
            return []
        async with self._database.read() as tx:
            return await repository.waiting(tx, self._batch_id, after, limit)

    async def _answer(self, answering: Answering, line: LineRow) -> None:
        if (answer := await answering.answer(line)) is not None:
            async with self._database.write() as tx:
                await repository.answer(tx, self._batch_id, line.line, *answer)

    async def _give_up(self, batch: BatchRow, why: str) -> None:
        """Answer every line that still waits with the reason why it gets no answer."""
        answering = self._answering(batch)
        while lines := await self._waiting(-1, PAGE):
            async with self._database.write() as tx:
                for line in lines:
                    await repository.answer(tx, self._batch_id, line.line, *answering.given_up(line, why))

    # -- the end ---------------------------------------------------------------------------------------------------
    async def _cancel(self, batch: BatchRow) -> None:
        """Only the first lines that wait have jobs: lines are begun in order, a window at a time. Two windows end here,
        since a process that lost its hold may have begun the second."""
        answering = self._answering(batch)
        for line in await self._waiting(-1, 2 * self._window):
            answer = await answering.withdraw(line)
            async with self._database.write() as tx:
                await repository.answer(tx, self._batch_id, line.line, *answer)
        await self._give_up(batch, CANCELLED)
        await self._write_down(batch, CANCELLED)

    async def _finalize(self, batch: BatchRow) -> None:
        expired = (await self._counts()).get(LINE_EXPIRED, 0)
        await self._write_down(batch, EXPIRED if expired else COMPLETED)

    async def _write_down(self, batch: BatchRow, status: str) -> None:
        """Write both files, which callers see in the moment in which the batch ends. No line waits any more."""
        counts = await self._counts()
        failed = sum(counts.get(state, 0) for state in IN_ERRORS)
        done = counts.get(LINE_DONE, 0)
        output = await self._store(batch, "output", (LINE_DONE,)) if done else None
        errors = await self._store(batch, "error", IN_ERRORS) if failed else None
        ended = {"status": status, "ended_at": now_ms(), "total": done + failed, "done": done, "failed": failed}
        ended |= {"output_file_id": output and output[0], "error_file_id": errors and errors[0], "held_until": 0}
        async with self._database.write() as tx:
            if not await repository.move(tx, self._batch_id, self._holder, batch.status, **ended):
                return
            for file_id, size in filter(None, (output, errors)):
                await file_repository.finish(tx, file_id, size)
            await repository.remove_lines(tx, self._batch_id)
        log.info("batch ended", action="batch.ended", batch=self._batch_id, status=status, done=done, failed=failed)

    async def _counts(self) -> dict[str, int]:
        async with self._database.read() as tx:
            return (await repository.counts(tx, [self._batch_id]))[self._batch_id]

    async def _store(self, batch: BatchRow, what: str, states: Collection[str]) -> tuple[FileId, int]:
        """The file's id, which is made of the batch's id, and its size."""
        file_id = FileId(f"file-{uuid.uuid5(batch_uuid(self._batch_id), what).hex}")
        new = NewFile(batch.tenant, f"{self._batch_id}_{what}.jsonl", "batch_output", file_id)
        return file_id, await self._files.store(new, self._texts(states))

    async def _texts(self, states: Collection[str]) -> AsyncIterator[bytes]:
        last = -1
        while True:
            async with self._database.read() as tx:
                rows = await repository.answered(tx, self._batch_id, states, last, PAGE)
            if not rows:
                return
            yield "".join(f"{row.answer}\n" for row in rows).encode()
            last = rows[-1].line


async def end_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def an_error(code: str, message: str, line: int | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": None, "line": line}
