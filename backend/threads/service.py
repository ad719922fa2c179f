"""Threads, and what a tenant may do with them. An answer whose end no recorder will write is ended as it is read."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from backend.cursor import Cursor
from backend.errors import Conflict, Invalid
from backend.history.books.answers import LOST
from backend.ids import MessageId, ThreadId
from backend.moments import now_ms
from backend.pool.pools import Pools
from backend.store.database import Database
from backend.store.rows import AwaitedRow, MessageRow, ThreadRow
from backend.store.words import fold
from backend.threads import repository
from backend.threads.requests import Feedback, NewThread, ThreadChange, message_not_found, thread_not_found
from backend.threads.search import snippet, words_of
from wire.ids import JobId, TenantId

ACCEPT_SECONDS = 1.0  # from the moment a turn's row is written until its job is accepted, at most
LOST_MS = 30_000  # the same, with room for clocks that differ
log = structlog.get_logger()


class ThreadPage(NamedTuple):
    """Some threads. `awaited`: the newest answer of each that is not there yet. `next`: None on the last page."""

    threads: list[ThreadRow]
    awaited: dict[ThreadId, AwaitedRow]
    next: Cursor | None = None


class Hit(NamedTuple):
    """A place that has the words of a search. `message` None: the thread's title has them."""

    thread: ThreadRow
    message: MessageId | None
    snippet: str
    at: int


def is_young(answer: AwaitedRow) -> bool:
    """Whether the answer's job may still be on its way into the queue."""
    return now_ms() - answer.created_at < LOST_MS


class Threads:
    """The threads of all tenants. Every verb is for one tenant, and raises NotFound for another tenant's thread as for
    a wrong id."""

    def __init__(self, database: Database, pools: Pools) -> None:
        self._database = database
        self._pools = pools

    # -- threads -----------------------------------------------------------------------------------------------
    async def create(self, tenant: TenantId, new: NewThread) -> tuple[ThreadRow, bool]:
        """The thread, and whether it is new: the same id again gives the thread that is there. Raises Conflict."""
        thread_id = new.id or ThreadId(str(uuid.uuid4()))
        try:
            return await self._created(tenant, thread_id, new)
        except IntegrityError:  # another request has made it since this one looked
            return await self._created(tenant, thread_id, new)

    async def _created(self, tenant: TenantId, thread_id: ThreadId, new: NewThread) -> tuple[ThreadRow, bool]:
        async with self._database.write() as tx:
            if (there := await repository.thread_of_any_tenant(tx, thread_id)) is not None:
                if there.tenant != tenant:
                    raise Conflict("This id is taken; make a new one.", "id_taken")
                return there, False
            now = now_ms()
            await repository.add_thread(
                tx,
                id=thread_id,
                tenant=tenant,
                archived=False,
                settings=new.settings.stored(),
                created_at=now,
                updated_at=now,
                **_titled(new.title),
            )
            return await _thread(tx, tenant, thread_id), True

    async def page(self, tenant: TenantId, archived: bool, after: Cursor | None, limit: int) -> ThreadPage:
        async with self._database.read() as tx:
            rows = await repository.page(tx, tenant, archived, after, limit + 1)
            awaited = await repository.awaited(tx, [row.id for row in rows[:limit]])
        more = Cursor(rows[limit - 1].updated_at, rows[limit - 1].id) if len(rows) > limit else None
        return ThreadPage(rows[:limit], newest(await self._without_lost(awaited)), more)

    async def get(self, tenant: TenantId, thread_id: ThreadId) -> ThreadPage:
        """A page with this one thread."""
        async with self._database.read() as tx:
            row = await _thread(tx, tenant, thread_id)
            awaited = await repository.awaited(tx, [thread_id])
        return ThreadPage([row], newest(await self._without_lost(awaited)))

    async def change(self, tenant: TenantId, thread_id: ThreadId, change: ThreadChange) -> None:
        """Raises Invalid for a head that is no message of the thread."""
        given = change.model_fields_set
        values: dict[str, Any] = _titled(change.title) if "title" in given else {}
        if "archived" in given:
            values["archived"] = change.archived
        if "settings" in given:
            values["settings"] = change.settings.stored()
        async with self._database.write() as tx:
            await _thread(tx, tenant, thread_id, lock=True)
            if "head_id" in given:
                values["head_id"] = await _head(tx, thread_id, change.head_id)
            if values:
                await repository.change_thread(tx, thread_id, **values)

    async def delete(self, tenant: TenantId, thread_id: ThreadId) -> None:
        """Cancel the thread's jobs, then delete it. With Redis away nothing is deleted: no job runs on without a
        thread."""
        async with self._database.read() as tx:
            row = await _thread(tx, tenant, thread_id)
            awaited = await repository.awaited(tx, [thread_id])
        await self._cancel([answer.job_id for answer in awaited] + ([row.title_job] if row.title_job else []))
        async with self._database.write() as tx:
            await repository.thread(tx, tenant, thread_id, lock=True)
            awaited = await repository.awaited(tx, [thread_id])
            await repository.remove_thread(tx, thread_id)
        with suppress(RedisError, OSError):
            await self._cancel_late([answer.job_id for answer in awaited if is_young(answer)])

    async def _cancel(self, jobs: Sequence[JobId]) -> bool:
        """Cancel these jobs. Returns whether all of them have ended now; False: one of them is unknown."""
        return None not in [await self._pools.cancel(job, "thread_deleted") for job in jobs]

    async def _cancel_late(self, jobs: Sequence[JobId]) -> None:
        """Cancel the jobs of turns that began just now. A job that is not let in yet will be within ACCEPT_SECONDS, or
        never."""
        if not await self._cancel(jobs):
            await asyncio.sleep(ACCEPT_SECONDS)
            await self._cancel(jobs)

    # -- messages ----------------------------------------------------------------------------------------------
    async def messages(self, tenant: TenantId, thread_id: ThreadId) -> tuple[ThreadPage, list[MessageRow]]:
        """A page with this one thread, and all its messages, of every branch."""
        thread, rows = await self._whole(tenant, thread_id)
        running = _awaited(rows)
        awaited = await self._without_lost(running)
        if len(awaited) < len(running):
            thread, rows = await self._whole(tenant, thread_id)
        return ThreadPage([thread], newest(sorted(awaited, key=lambda answer: answer.created_at))), rows

    async def _whole(self, tenant: TenantId, thread_id: ThreadId) -> tuple[ThreadRow, list[MessageRow]]:
        async with self._database.read() as tx:
            return await _thread(tx, tenant, thread_id), await repository.all_messages(tx, thread_id)

    async def rate(self, tenant: TenantId, thread_id: ThreadId, message: MessageId, feedback: Feedback) -> None:
        async with self._database.write() as tx:
            await _thread(tx, tenant, thread_id)
            row = await repository.message(tx, thread_id, message)
            if row is None:
                raise message_not_found(message)
            if row.role != "assistant":
                raise Invalid("Only answers can be rated.", "not_an_answer")
            comment = feedback.comment if feedback.rating else None
            await repository.change_message(tx, thread_id, message, feedback=feedback.rating, feedback_comment=comment)

    async def search(self, tenant: TenantId, query: str, limit: int) -> tuple[list[Hit], dict[ThreadId, AwaitedRow]]:
        """The places that have all words of the query, newest first, at most one for each message; and the answers that
        are not there yet in the threads of these places."""
        words = words_of(query)
        async with self._database.read() as tx:
            titled = await repository.titles_with(tx, tenant, words, limit)
            rows = await repository.messages_with(tx, tenant, words, limit)
            threads = {row.id: row for row in await repository.threads_by_id(tx, [row.thread_id for row in rows])}
            awaited = await repository.awaited(tx, [*threads, *(row.id for row in titled)])
        places: list[tuple[ThreadRow, MessageId | None, str, int]]
        places = [(row, None, row.title or "", row.updated_at) for row in titled]
        places += [(threads[row.thread_id], row.id, row.text, row.created_at) for row in rows]
        hits = []
        for thread, message, text, at in sorted(places, key=lambda place: -place[3])[:limit]:
            hits.append(Hit(thread, message, snippet(text, query), at))
            await asyncio.sleep(0)  # a snippet of a hostile text costs some 10 ms: other requests run in between
        return hits, newest(awaited)

    # -- healing -----------------------------------------------------------------------------------------------
    async def _without_lost(self, answers: Sequence[AwaitedRow]) -> list[AwaitedRow]:
        """These answers without those whose jobs are lost. No recorder would ever end a lost answer: it is ended
        here."""
        lost = await self._lost([answer for answer in answers if not is_young(answer)])
        if lost:
            await self._mark_lost(lost)
        return [answer for answer in answers if answer not in lost]

    async def _lost(self, answers: Sequence[AwaitedRow]) -> list[AwaitedRow]:
        """The answers whose jobs no pool knows: a recorder ends the others. Without Redis no job counts as lost. One
        trip."""
        if not answers:
            return []
        try:
            known = await self._pools.known([answer.job_id for answer in answers])
        except (RedisError, OSError, TimeoutError):
            return []
        return [answer for answer in answers if answer.job_id not in known]

    async def _mark_lost(self, answers: Sequence[AwaitedRow]) -> None:
        end = {"status": "failed", "error": LOST}
        async with self._database.write() as tx:
            for answer in answers:
                await repository.end_awaited(tx, answer.thread_id, answer.id, answer.job_id, **end)
                log.warning("an answer's job is lost", action="answer.lost", job_id=answer.job_id)


async def _thread(tx: AsyncConnection, tenant: TenantId, thread_id: ThreadId, lock: bool = False) -> ThreadRow:
    row = await repository.thread(tx, tenant, thread_id, lock)
    if row is None:
        raise thread_not_found(thread_id)
    return row


async def _head(tx: AsyncConnection, thread_id: ThreadId, head: MessageId | None) -> MessageId | None:
    if head is not None and await repository.message(tx, thread_id, head) is None:
        raise Invalid("head_id must be a message of this thread, or null.", "unknown_head")
    return head


def _titled(title: str | None) -> dict[str, Any]:
    """The columns of a title that a person gave. None: no title, so that the next message, or the model, may give
    one."""
    return {"title": title, "title_by": title and "person", "folded": fold(title or ""), "title_job": None}


def _awaited(rows: Sequence[MessageRow]) -> list[AwaitedRow]:
    running = (row for row in rows if row.status == "running")
    return [AwaitedRow(row.thread_id, row.id, row.job_id or JobId(""), row.created_at) for row in running]


def newest(answers: Sequence[AwaitedRow]) -> dict[ThreadId, AwaitedRow]:
    """The newest of these answers in each thread."""
    return {answer.thread_id: answer for answer in answers}


def threads_of(request: Request) -> Threads:
    threads: Threads = request.state.threads
    return threads
