"""The SQL of threads and messages. Every function runs in the transaction it is given, and knows one tenant only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, and_, delete, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.cursor import Cursor
from backend.store.tables import messages, threads
from wire.ids import JobId

SHOWN = [column for column in messages.c if column.name not in ("folded", "tool_calls", "feedback_comment")]
ESCAPE = "\\"


# -- threads -----------------------------------------------------------------------------------------------------
async def thread(tx: AsyncConnection, tenant: str, name: str, lock: bool = False) -> Row[Any] | None:
    """`lock`: until the transaction ends nobody else changes it. SQLite locks the whole database instead."""
    asked = select(threads).where(threads.c.id == name, threads.c.tenant == tenant)
    return (await tx.execute(asked.with_for_update() if lock else asked)).first()


async def anyones_thread(tx: AsyncConnection, name: str) -> Row[Any] | None:
    """The thread of this id, whoever's it is: for who wants to make one."""
    return (await tx.execute(select(threads).where(threads.c.id == name))).first()


async def page(tx: AsyncConnection, tenant: str, archived: bool, after: Cursor | None, limit: int) -> list[Row[Any]]:
    """Newest first."""
    key = tuple_(threads.c.updated_at, threads.c.id)
    asked = select(threads).where(threads.c.tenant == tenant, threads.c.archived == archived)
    if after is not None:
        asked = asked.where(key < tuple_(after.at, after.id))
    asked = asked.order_by(threads.c.updated_at.desc(), threads.c.id.desc()).limit(limit)
    return [*await tx.execute(asked)]


async def add_thread(tx: AsyncConnection, **values: Any) -> None:
    await tx.execute(insert(threads).values(values))


async def change_thread(tx: AsyncConnection, name: str, **values: Any) -> None:
    await tx.execute(update(threads).where(threads.c.id == name).values(values))


async def name_by_job(tx: AsyncConnection, name: str, job: JobId | None, instead_of: str | None) -> None:
    """Let `job` name the thread, where it was to be named by `instead_of`."""
    mine = (threads.c.id == name) & (threads.c.title_job == instead_of)
    await tx.execute(update(threads).where(mine).values(title_job=job))


async def remove_thread(tx: AsyncConnection, name: str) -> None:
    """With its messages; the thread's row is taken first, as by everybody who changes both."""
    await tx.execute(delete(threads).where(threads.c.id == name))


# -- messages ----------------------------------------------------------------------------------------------------
async def message(tx: AsyncConnection, thread: str, name: str) -> Row[Any] | None:
    asked = select(*SHOWN).where(messages.c.thread_id == thread, messages.c.id == name)
    return (await tx.execute(asked)).first()


async def all_messages(tx: AsyncConnection, thread: str) -> list[Row[Any]]:
    return list((await tx.execute(select(*SHOWN).where(messages.c.thread_id == thread))).all())


async def add_message(tx: AsyncConnection, **values: Any) -> None:
    await tx.execute(insert(messages).values(values))


async def change_message(tx: AsyncConnection, thread: str, name: str, **values: Any) -> bool:
    """False: there is none."""
    mine = (messages.c.thread_id == thread) & (messages.c.id == name)
    return (await tx.execute(update(messages).where(mine).values(values))).rowcount > 0


async def end_running(tx: AsyncConnection, thread: str, name: str, job: JobId, **values: Any) -> None:
    """Change an answer that still waits for this job: whoever wrote its end meanwhile knows better."""
    waits = (messages.c.status == "running") & (messages.c.job_id == job)
    mine = (messages.c.thread_id == thread) & (messages.c.id == name)
    await tx.execute(update(messages).where(mine, waits).values(values))


async def running(tx: AsyncConnection, names: Collection[str]) -> list[Row[Any]]:
    """Answers of these threads that are not there yet, oldest first."""
    asked = select(messages.c.thread_id, messages.c.id, messages.c.job_id, messages.c.created_at)
    asked = asked.where(messages.c.thread_id.in_(names), messages.c.status == "running")
    return [*await tx.execute(asked.order_by(messages.c.created_at))]


async def first_exchange(tx: AsyncConnection, thread: str) -> tuple[Row[Any], Row[Any]] | None:
    """The oldest complete answer with some text, and the message before it: (message, answer)."""
    whole = (messages.c.role == "assistant") & (messages.c.status == "complete") & (messages.c.text != "")
    asked = select(*SHOWN).where(messages.c.thread_id == thread, whole).order_by(messages.c.created_at).limit(1)
    answer = (await tx.execute(asked)).first()
    said = await message(tx, thread, answer.parent_id) if answer and answer.parent_id else None
    return (said, answer) if said and answer else None


# -- search ------------------------------------------------------------------------------------------------------
async def titles_with(tx: AsyncConnection, tenant: str, words: Sequence[str], limit: int) -> list[Row[Any]]:
    """Threads whose title has all these, newest first."""
    has = _all_in(threads.c.folded, words)
    asked = select(threads).where(threads.c.tenant == tenant, has).order_by(threads.c.updated_at.desc()).limit(limit)
    return [*await tx.execute(asked)]


async def messages_with(tx: AsyncConnection, tenant: str, words: Sequence[str], limit: int) -> list[Row[Any]]:
    """Messages that have all these, newest first: thread_id, id, text, created_at."""
    has = _all_in(messages.c.folded, words)
    asked = select(messages.c.thread_id, messages.c.id, messages.c.text, messages.c.created_at)
    asked = asked.join(threads, threads.c.id == messages.c.thread_id).where(threads.c.tenant == tenant, has)
    asked = asked.order_by(messages.c.created_at.desc(), messages.c.id.desc()).limit(limit)
    return [*await tx.execute(asked)]


async def threads_named(tx: AsyncConnection, names: Sequence[str]) -> list[Row[Any]]:
    return list((await tx.execute(select(threads).where(threads.c.id.in_(names)))).all())


def _all_in(column: Column[Any], words: Sequence[str]) -> ColumnElement[bool]:
    """At least one word. Both databases stop at the first that a row lacks."""
    return and_(*(column.like(pattern(word), escape=ESCAPE) for word in words))


def pattern(text: str) -> str:
    """LIKE's own signs stand for themselves."""
    for sign in (ESCAPE, "%", "_"):
        text = text.replace(sign, ESCAPE + sign)
    return f"%{text}%"
