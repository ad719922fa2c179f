"""Threads: may they, which, when. What nobody records any more is put right as it is read."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import structlog
from redis.exceptions import RedisError
from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from backend.cursor import Cursor
from backend.errors import Conflict, Invalid
from backend.history.ending import LOST
from backend.ids import MessageId, ThreadId
from backend.moments import now_ms
from backend.pool.pools import Pools
from backend.store.database import Database
from backend.store.words import fold
from backend.threads import repository
from backend.threads.requests import Feedback, NewThread, ThreadChange, message_not_found, thread_not_found
from backend.threads.search import snippet, words_of
from wire.ids import JobId, TenantId

ACCEPT_SECONDS = 1.0  # a turn's row is written before its job is accepted, which takes as long at most
LOST_MS = 30_000  # the same with room for clocks that differ
log = structlog.get_logger()


class Page(NamedTuple):
    """`running`: the newest answer of each thread that is not there yet. `next`: None on the last page."""

    threads: list[Row[Any]]
    running: dict[str, Row[Any]]
    next: Cursor | None = None


class Hit(NamedTuple):
    """`message` None: the title has the text."""

    thread: Row[Any]
    message: MessageId | None
    snippet: str
    at: int


def is_young(answer: Row[Any]) -> bool:
    """Whether its job may still be on its way into the queue."""
    return now_ms() - int(answer.created_at) < LOST_MS


class Threads:
    """The verbs of one tenant's threads. Foreign ids are as unknown as wrong ones: `NotFound`."""

    def __init__(self, database: Database, pools: Pools) -> None:
        self._database = database
        self._pools = pools

    # -- threads -----------------------------------------------------------------------------------------------
    async def create(self, tenant: TenantId, wanted: NewThread) -> tuple[Row[Any], bool]:
        """The thread, and whether it is new: the same id again gives the one that is there. Raises Conflict."""
        name = wanted.id or ThreadId(str(uuid.uuid4()))
        try:
            return await self._created(tenant, name, wanted)
        except IntegrityError:  # somebody made it since we looked
            return await self._created(tenant, name, wanted)

    async def _created(self, tenant: TenantId, name: ThreadId, wanted: NewThread) -> tuple[Row[Any], bool]:
        async with self._database.write() as tx:
            if (there := await repository.anyones_thread(tx, name)) is not None:
                if there.tenant != tenant:
                    raise Conflict("This id is taken; make a new one.", "id_taken")
                return there, False
            now = now_ms()
            await repository.add_thread(
                tx,
                id=name,
                tenant=tenant,
                archived=False,
                settings=wanted.settings.stored(),
                created_at=now,
                updated_at=now,
                **_titled(wanted.title),
            )
            return await _thread(tx, tenant, name), True

    async def page(self, tenant: TenantId, archived: bool, after: Cursor | None, limit: int) -> Page:
        async with self._database.read() as tx:
            rows = await repository.page(tx, tenant, archived, after, limit + 1)
            running = await repository.running(tx, [row.id for row in rows[:limit]])
        more = Cursor(rows[limit - 1].updated_at, rows[limit - 1].id) if len(rows) > limit else None
        return Page(rows[:limit], newest(await self._still_running(running)), more)

    async def get(self, tenant: TenantId, name: ThreadId) -> Page:
        """A page of one."""
        async with self._database.read() as tx:
            row = await _thread(tx, tenant, name)
            running = await repository.running(tx, [name])
        return Page([row], newest(await self._still_running(running)))

    async def change(self, tenant: TenantId, name: ThreadId, wanted: ThreadChange) -> None:
        """Raises Invalid for a head that is no message of the thread."""
        given = wanted.model_fields_set
        values: dict[str, Any] = _titled(wanted.title) if "title" in given else {}
        if "archived" in given:
            values["archived"] = wanted.archived
        if "settings" in given:
            values["settings"] = wanted.settings.stored()
        async with self._database.write() as tx:
            await _thread(tx, tenant, name, lock=True)
            if "head_id" in given:
                values["head_id"] = await _head(tx, name, wanted.head_id)
            if values:
                await repository.change_thread(tx, name, **values)

    async def delete(self, tenant: TenantId, name: ThreadId) -> None:
        """Its jobs first: with Redis away nothing is deleted, so that none runs on for nobody."""
        async with self._database.read() as tx:
            row = await _thread(tx, tenant, name)
            running = await repository.running(tx, [name])
        await self._cancel([answer.job_id for answer in running] + [row.title_job] * bool(row.title_job))
        async with self._database.write() as tx:
            await repository.thread(tx, tenant, name, lock=True)
            running = await repository.running(tx, [name])
            await repository.remove_thread(tx, name)
        with suppress(RedisError, OSError):
            await self._cancel_late([answer.job_id for answer in running if is_young(answer)])

    async def _cancel(self, jobs: Sequence[JobId]) -> bool:
        """Whether all of them have ended now; False: of one nothing is known."""
        return None not in [await self._pools.cancel(job, "thread_deleted") for job in jobs]

    async def _cancel_late(self, jobs: Sequence[JobId]) -> None:
        """Of turns that began just now: what is not let in yet will be within ACCEPT_SECONDS, or never."""
        if not await self._cancel(jobs):
            await asyncio.sleep(ACCEPT_SECONDS)
            await self._cancel(jobs)

    # -- messages ----------------------------------------------------------------------------------------------
    async def messages(self, tenant: TenantId, name: ThreadId) -> tuple[Page, list[Row[Any]]]:
        """The thread (a page of one) and all its messages, of every branch."""
        thread, rows = await self._whole(tenant, name)
        awaited = [row for row in rows if row.status == "running"]
        running = await self._still_running(awaited)
        if len(running) < len(awaited):
            thread, rows = await self._whole(tenant, name)
        return Page([thread], newest(sorted(running, key=lambda row: row.created_at))), rows

    async def _whole(self, tenant: TenantId, name: ThreadId) -> tuple[Row[Any], list[Row[Any]]]:
        async with self._database.read() as tx:
            return await _thread(tx, tenant, name), await repository.all_messages(tx, name)

    async def rate(self, tenant: TenantId, name: ThreadId, message: MessageId, feedback: Feedback) -> None:
        async with self._database.write() as tx:
            await _thread(tx, tenant, name)
            row = await repository.message(tx, name, message)
            if row is None:
                raise message_not_found(message)
            if row.role != "assistant":
                raise Invalid("Only answers can be rated.", "not_an_answer")
            comment = feedback.comment if feedback.rating else None
            await repository.change_message(tx, name, message, feedback=feedback.rating, feedback_comment=comment)

    async def search(self, tenant: TenantId, query: str, limit: int) -> tuple[list[Hit], dict[str, Row[Any]]]:
        """What has all words of the query, newest first, at most one hit a message; and, in the threads that were
        hit, the answers that still run."""
        words = words_of(query)
        async with self._database.read() as tx:
            titled = await repository.titles_with(tx, tenant, words, limit)
            said = await repository.messages_with(tx, tenant, words, limit)
            hit = {row.id: row for row in await repository.threads_named(tx, [row.thread_id for row in said])}
            running = await repository.running(tx, [*hit, *(row.id for row in titled)])
        places = [(row, None, row.title, row.updated_at) for row in titled]
        places += [(hit[row.thread_id], row.id, row.text, row.created_at) for row in said]
        hits = []
        for thread, message, text, at in sorted(places, key=lambda place: -place[3])[:limit]:
            hits.append(Hit(thread, message, snippet(text, query), at))
            await asyncio.sleep(0)  # a snippet of a hostile text costs some 10 ms: everybody else has a turn in between
        return hits, newest(running)

    # -- healing -----------------------------------------------------------------------------------------------
    async def _still_running(self, answers: Sequence[Row[Any]]) -> list[Row[Any]]:
        """These without the ones whose jobs are lost: nobody would ever record their end."""
        lost = await self._lost([answer for answer in answers if not is_young(answer)])
        if lost:
            await self._mark_lost(lost)
        return [answer for answer in answers if answer not in lost]

    async def _lost(self, answers: Sequence[Row[Any]]) -> list[Row[Any]]:
        """An answer whose job has ended is the recorder's; without Redis nothing can be said. One trip for all."""
        if not answers:
            return []
        try:
            known = await self._pools.known([answer.job_id for answer in answers])
        except (RedisError, OSError, TimeoutError):
            return []
        return [answer for answer in answers if answer.job_id not in known]

    async def _mark_lost(self, answers: Sequence[Row[Any]]) -> None:
        end = {"status": "failed", "error": LOST}
        async with self._database.write() as tx:
            for answer in answers:
                await repository.end_running(tx, answer.thread_id, answer.id, answer.job_id, **end)
                log.warning("an answer's job is lost", action="answer.lost", job_id=answer.job_id)


async def _thread(tx: AsyncConnection, tenant: TenantId, name: ThreadId, lock: bool = False) -> Row[Any]:
    row = await repository.thread(tx, tenant, name, lock)
    if row is None:
        raise thread_not_found(name)
    return row


async def _head(tx: AsyncConnection, thread: ThreadId, head: MessageId | None) -> MessageId | None:
    if head is not None and await repository.message(tx, thread, head) is None:
        raise Invalid("head_id must be a message of this thread, or null.", "unknown_head")
    return head


def _titled(title: str | None) -> dict[str, Any]:
    """A person's title; None: nobody's, so that the next words said, or the model, may give one."""
    return {"title": title, "title_by": title and "person", "folded": fold(title or ""), "title_job": None}


def newest(answers: Sequence[Row[Any]]) -> dict[str, Row[Any]]:
    """By thread; the later of several wins."""
    return {answer.thread_id: answer for answer in answers}


def threads_of(request: Request) -> Threads:
    threads: Threads = request.state.threads
    return threads
