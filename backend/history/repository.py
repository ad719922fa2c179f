"""Ended jobs into SQL. Any statement may run twice: a job has one row, and an answer that has ended stays as it is.

An answer waits for its job until its end is written, also where it says `failed` meanwhile: one request for it may be
refused while another one for the same answer gets in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Update, bindparam, case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.store.database import Database
from backend.store.tables import jobs, messages, threads
from backend.store.words import fold
from wire.ids import JobId

WAITS = messages.c.ended_at.is_(None)


class Waiting(NamedTuple):
    """Which of some jobs the history waits for."""

    answers: frozenset[JobId]  # jobs of answers whose end nobody has written
    titles: frozenset[JobId]  # jobs that are to name a thread


class Writes(NamedTuple):
    """What one transaction is to write; answers and titles by job. `brief`: jobs that Redis need not keep for a day."""

    jobs: list[dict[str, Any]]
    answers: dict[JobId, dict[str, Any]]
    titles: dict[JobId, str]
    brief: frozenset[JobId] = frozenset()


async def waiting_for(database: Database, names: Iterable[str]) -> Waiting:
    names = list(names)
    async with database.read() as connection:
        answers = select(messages.c.job_id).where(messages.c.job_id.in_(names), WAITS)
        titles = select(threads.c.title_job).where(threads.c.title_job.in_(names))
        return Waiting(
            frozenset((await connection.execute(answers)).scalars()),
            frozenset((await connection.execute(titles)).scalars()),
        )


async def write(database: Database, writes: Writes) -> None:
    """All of it or nothing. In the order of ids, threads before messages: two writers never wait for each other."""
    async with database.write() as connection:
        if writes.jobs:
            rows = sorted(writes.jobs, key=lambda row: str(row["id"]))
            await connection.execute(database.insert(jobs).on_conflict_do_nothing(index_elements=["id"]), rows)
        await _lock_threads(connection, [*writes.answers, *writes.titles])
        await _touch_threads(connection, writes.answers)
        await _end_answers(connection, writes.answers)
        await _name_threads(connection, writes.titles)


async def _lock_threads(connection: AsyncConnection, names: list[str]) -> None:
    """Those that wait for any of these jobs. SQLite has one writer, which is a lock of everything."""
    if names:
        answered = select(messages.c.thread_id).where(messages.c.job_id.in_(names))
        mine = or_(threads.c.id.in_(answered), threads.c.title_job.in_(names))
        await connection.execute(select(threads.c.id).where(mine).order_by(threads.c.id).with_for_update())


async def _touch_threads(connection: AsyncConnection, answers: dict[JobId, dict[str, Any]]) -> None:
    """A thread is as new as its latest answer."""
    ended = [{"of_job": job, "ended": values["ended_at"]} for job, values in sorted(answers.items())]
    if ended:
        await connection.execute(TOUCH, ended)


async def _end_answers(connection: AsyncConnection, answers: dict[JobId, dict[str, Any]]) -> None:
    statement = update(messages).where(messages.c.job_id == bindparam("of_job"), WAITS)
    ended = [{"of_job": job, **values} for job, values in sorted(answers.items())]
    # One statement writes the same columns of every row, and of a lost answer the model is not known.
    for rows in ([row for row in ended if "model" in row], [row for row in ended if "model" not in row]):
        if rows:
            await connection.execute(statement, rows)


async def _name_threads(connection: AsyncConnection, titles: dict[JobId, str]) -> None:
    """A person's title is never replaced."""
    nobody = or_(threads.c.title_by.is_(None), threads.c.title_by != "person")
    for job, title in sorted(titles.items()):
        named = update(threads).where(threads.c.title_job == job, nobody)
        await connection.execute(named.values(title=title, title_by="model", folded=fold(title)))


def _touch() -> Update:
    of_job = select(messages.c.thread_id).where(messages.c.job_id == bindparam("of_job"), WAITS)
    ended = bindparam("ended", type_=BigInteger)
    later = case((threads.c.updated_at < ended, ended), else_=threads.c.updated_at)
    return update(threads).where(threads.c.id.in_(of_job)).values(updated_at=later)


TOUCH = _touch()
