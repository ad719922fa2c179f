"""The SQL of threads and messages. Every function runs in the transaction that it is given, for one tenant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, delete, insert, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.cursor import Cursor
from backend.ids import MessageId, ThreadId
from backend.store.rows import AWAITED, FOUND, MESSAGES, THREADS, AwaitedRow, FoundRow, MessageRow, ThreadRow
from backend.store.tables import messages, threads
from wire.ids import JobId, TenantId

ESCAPE = "\\"


# -- threads -----------------------------------------------------------------------------------------------------
async def thread(tx: AsyncConnection, tenant: TenantId, thread_id: ThreadId, lock: bool = False) -> ThreadRow | None:
    """The tenant's thread. `lock`: no other transaction changes it until this one ends. SQLite locks the whole
    database."""
    query = THREADS.query.where(threads.c.id == thread_id, threads.c.tenant == tenant)
    return await THREADS.first(tx, query.with_for_update() if lock else query)


async def thread_of_any_tenant(tx: AsyncConnection, thread_id: ThreadId) -> ThreadRow | None:
    """The thread of this id, for a caller who wants to make a thread of the same id."""
    return await THREADS.first(tx, THREADS.query.where(threads.c.id == thread_id))


async def page(
    tx: AsyncConnection, tenant: TenantId, archived: bool, after: Cursor | None, limit: int
) -> list[ThreadRow]:
    """The tenant's threads behind `after`, newest first."""
    query = THREADS.query.where(threads.c.tenant == tenant, threads.c.archived == archived)
    if after is not None:
        query = query.where(tuple_(threads.c.updated_at, threads.c.id) < tuple_(after.at, after.id))
    return await THREADS.all(tx, query.order_by(threads.c.updated_at.desc(), threads.c.id.desc()).limit(limit))


async def add_thread(tx: AsyncConnection, **values: Any) -> None:
    await tx.execute(insert(threads).values(values))


async def change_thread(tx: AsyncConnection, thread_id: ThreadId, **values: Any) -> None:
    await tx.execute(update(threads).where(threads.c.id == thread_id).values(values))


async def name_by_job(tx: AsyncConnection, thread_id: ThreadId, job: JobId | None, instead_of: JobId | None) -> None:
    """Let `job` name the thread, where `instead_of` was to name it."""
    pending = (threads.c.id == thread_id) & (threads.c.title_job == instead_of)
    await tx.execute(update(threads).where(pending).values(title_job=job))


async def remove_thread(tx: AsyncConnection, thread_id: ThreadId) -> None:
    """Delete a thread with its messages. The thread's row is locked first, as in every transaction that changes
    both."""
    await tx.execute(delete(threads).where(threads.c.id == thread_id))


# -- messages ----------------------------------------------------------------------------------------------------
async def message(tx: AsyncConnection, thread_id: ThreadId, message_id: MessageId) -> MessageRow | None:
    return await MESSAGES.first(tx, MESSAGES.query.where(_is(thread_id, message_id)))


async def all_messages(tx: AsyncConnection, thread_id: ThreadId) -> list[MessageRow]:
    return await MESSAGES.all(tx, MESSAGES.query.where(messages.c.thread_id == thread_id))


async def add_message(tx: AsyncConnection, **values: Any) -> None:
    await tx.execute(insert(messages).values(values))


async def change_message(tx: AsyncConnection, thread_id: ThreadId, message_id: MessageId, **values: Any) -> bool:
    """Change a message. False: there is no such message."""
    return (await tx.execute(update(messages).where(_is(thread_id, message_id)).values(values))).rowcount > 0


async def end_awaited(
    tx: AsyncConnection, thread_id: ThreadId, message_id: MessageId, job: JobId, **values: Any
) -> None:
    """Change an answer if it still waits for this job: an end that was written meanwhile is the better one."""
    waits = (messages.c.status == "running") & (messages.c.job_id == job)
    await tx.execute(update(messages).where(_is(thread_id, message_id), waits).values(values))


async def awaited(tx: AsyncConnection, thread_ids: Collection[ThreadId]) -> list[AwaitedRow]:
    """The answers of these threads that are not there yet, oldest first."""
    query = AWAITED.query.where(messages.c.thread_id.in_(thread_ids), messages.c.status == "running")
    return await AWAITED.all(tx, query.order_by(messages.c.created_at))


async def first_exchange(tx: AsyncConnection, thread_id: ThreadId) -> tuple[MessageRow, MessageRow] | None:
    """The oldest complete answer with some text, behind the message that it answers: (message, answer)."""
    whole = (messages.c.role == "assistant") & (messages.c.status == "complete") & (messages.c.text != "")
    query = MESSAGES.query.where(messages.c.thread_id == thread_id, whole).order_by(messages.c.created_at).limit(1)
    answer = await MESSAGES.first(tx, query)
    question = await message(tx, thread_id, answer.parent_id) if answer and answer.parent_id else None
    return (question, answer) if question and answer else None


def _is(thread_id: ThreadId, message_id: MessageId) -> ColumnElement[bool]:
    return (messages.c.thread_id == thread_id) & (messages.c.id == message_id)


# -- search ------------------------------------------------------------------------------------------------------
async def titles_with(tx: AsyncConnection, tenant: TenantId, words: Sequence[str], limit: int) -> list[ThreadRow]:
    """Threads whose title has all these words, newest first."""
    query = THREADS.query.where(threads.c.tenant == tenant, _all_in(threads.c.folded, words))
    return await THREADS.all(tx, query.order_by(threads.c.updated_at.desc()).limit(limit))


async def messages_with(tx: AsyncConnection, tenant: TenantId, words: Sequence[str], limit: int) -> list[FoundRow]:
    """Messages that have all these words, newest first."""
    query = FOUND.query.join(threads, threads.c.id == messages.c.thread_id)
    query = query.where(threads.c.tenant == tenant, _all_in(messages.c.folded, words))
    return await FOUND.all(tx, query.order_by(messages.c.created_at.desc(), messages.c.id.desc()).limit(limit))


async def threads_by_id(tx: AsyncConnection, thread_ids: Sequence[ThreadId]) -> list[ThreadRow]:
    return await THREADS.all(tx, THREADS.query.where(threads.c.id.in_(thread_ids)))


def _all_in(column: Column[Any], words: Sequence[str]) -> ColumnElement[bool]:
    """Whether a text has all these words, of which there is at least one. Both databases stop at the first word that a
    row lacks."""
    return and_(*(column.like(pattern(word), escape=ESCAPE) for word in words))


def pattern(text: str) -> str:
    """The pattern for LIKE of a text that has `text` anywhere; LIKE's own signs in it stand for themselves."""
    for sign in (ESCAPE, "%", "_"):
        text = text.replace(sign, ESCAPE + sign)
    return f"%{text}%"
