"""The book of answers: what a job's output comes to in the thread that waits for it.

An answer waits for its job until its end is written, also where its row is `failed` meanwhile: one request for it may
be refused while another request for the same answer gets in. An answer that has ended stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, Update, bindparam, case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.history.books.book import storable
from backend.history.ending import Ending, Endings, Output
from backend.store.tables import messages, threads
from backend.store.words import fold
from wire.events import Completed, Failed
from wire.ids import JobId

STATUS = {"completed": "complete", "failed": "failed", "cancelled": "cancelled"}
LOST = {"code": "job_lost", "message": "The queue has lost this answer; ask again.", "retryable": True}
WAITS = messages.c.ended_at.is_(None)


class AnswersBook:
    """Ends the answers that wait, and makes their threads as new as their latest answer."""

    async def awaits(self, tx: AsyncConnection, jobs: Collection[JobId]) -> Collection[JobId]:
        query = select(messages.c.job_id).where(messages.c.job_id.in_(jobs), WAITS)
        return {*(await tx.execute(query)).scalars()}

    async def write(self, tx: AsyncConnection, endings: Endings) -> None:
        ended = {job: _ended(ending, ending.output) for job, ending in endings.known.items() if ending.output}
        lost = {job: _lost(at) for job, at in endings.lost.items()}
        await _lock_threads(tx, [*ended, *lost])
        await _touch_threads(tx, ended | lost)
        # One statement writes the same columns of every row, and of a lost answer the model is not known.
        await _end_answers(tx, ended)
        await _end_answers(tx, lost)


async def _lock_threads(tx: AsyncConnection, jobs: list[JobId]) -> None:
    """The threads that wait for any of these jobs, for an answer or for a title: the book of titles changes some of
    them later in this transaction, and all are locked in one order. SQLite has one writer, which locks everything."""
    if jobs:
        answered = select(messages.c.thread_id).where(messages.c.job_id.in_(jobs))
        waiting = or_(threads.c.id.in_(answered), threads.c.title_job.in_(jobs))
        await tx.execute(select(threads.c.id).where(waiting).order_by(threads.c.id).with_for_update())


async def _touch_threads(tx: AsyncConnection, answers: dict[JobId, dict[str, Any]]) -> None:
    if answers:
        ended = [{"of_job": job, "ended": values["ended_at"]} for job, values in sorted(answers.items())]
        await tx.execute(TOUCH, ended)


async def _end_answers(tx: AsyncConnection, answers: dict[JobId, dict[str, Any]]) -> None:
    if answers:
        statement = update(messages).where(messages.c.job_id == bindparam("of_job"), WAITS)
        await tx.execute(statement, [{"of_job": job, **values} for job, values in sorted(answers.items())])


def _touch() -> Update:
    of_job = select(messages.c.thread_id).where(messages.c.job_id == bindparam("of_job"), WAITS)
    ended = bindparam("ended", type_=BigInteger)
    later = case((threads.c.updated_at < ended, ended), else_=threads.c.updated_at)
    return update(threads).where(threads.c.id.in_(of_job)).values(updated_at=later)


TOUCH = _touch()


# -- values by column --------------------------------------------------------------------------------------------
def _ended(ending: Ending, output: Output) -> dict[str, Any]:
    record, event = ending.record, ending.event
    done = event if isinstance(event, Completed) else None
    return storable(
        {
            **_produced(output),
            "status": STATUS[record.state],
            "error": _error(ending) if record.state == "failed" else None,
            "finish_reason": done and done.finish_reason[:32],
            "usage": done and done.usage.model_dump(),
            "timings": done and done.timings.model_dump(),
            "tokens_per_second": done and done.tokens_per_second,
            "worker": ending.worker and ending.worker[:200],
            "model": ((done and done.model) or record.model)[:200],
            "ended_at": ending.at,
        }
    )


def _lost(at: int) -> dict[str, Any]:
    """Of an answer whose job is known to have ended at this time, and of which nothing else is known any more."""
    unknown = ("finish_reason", "usage", "timings", "tokens_per_second", "worker")
    return {**_produced(Output()), **dict.fromkeys(unknown), "status": "failed", "error": LOST, "ended_at": at}


def _produced(output: Output) -> dict[str, Any]:
    return {**output._asdict(), "folded": fold(output.text)}


def _error(ending: Ending) -> dict[str, Any]:
    if isinstance(ending.event, Failed):
        return ending.event.model_dump(include={"code", "message", "retryable"})
    return {"code": ending.record.why or "failed", "message": "The job failed.", "retryable": True}
