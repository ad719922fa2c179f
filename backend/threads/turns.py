"""Turns in SQL. The user's message and the answer's row are written before the job is let in."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.chat.turn import Turn
from backend.errors import ApiError, Conflict, Invalid
from backend.moments import now_ms
from backend.store.database import Database, DatabaseAway
from backend.store.rows import MessageRow
from backend.store.words import fold
from backend.threads import repository
from backend.threads.requests import thread_not_found
from wire.ids import JobId, TenantId

FIRST_WORDS = 60  # characters of a title that is made of the first message
TRY_AGAIN = (429, 503, 504)
VOID: dict[str, Any] = {  # of an answer that is requested anew
    "text": "",
    "folded": "",
    "thinking": None,
    "tool_calls": None,
    "worker": None,
    "error": None,
    "finish_reason": None,
    "usage": None,
    "timings": None,
    "tokens_per_second": None,
    "ended_at": None,
}


class ThreadTurns:
    """The rows of a turn: written as the turn begins, and ended here where its job is refused."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, turn: Turn, tenant: TenantId, job: JobId, model: str) -> None:
        """Write both rows, the thread's head and time, and its first title, in one transaction. Repeatable.

        Raises NotFound for the thread, Invalid for a parent that is not in it, Conflict for an answer that is there.
        """
        async with self._database.write() as tx:
            thread = await repository.thread(tx, tenant, turn.thread, lock=True)
            if thread is None:
                raise thread_not_found(turn.thread)
            now = now_ms()
            await _add_question(tx, turn, now)
            if await _await_answer(tx, turn, job, model, now):
                await repository.change_thread(tx, turn.thread, updated_at=now, head_id=turn.answer)
            if thread.title is None and (title := first_words(turn.text)):
                await repository.change_thread(tx, turn.thread, title=title, title_by="text", folded=fold(title))

    async def refused(self, turn: Turn, job: JobId, error: ApiError) -> None:
        """Write into the answer's row why its job was not let in; the user's message is kept.

        With SQL away as well nothing is written: the answer is ended as it is read, like any answer whose job is lost.
        """
        failure = {"code": error.code, "message": error.message, "retryable": error.status in TRY_AGAIN}
        end = {"status": "failed", "error": failure}  # no `ended_at`: an equal request may yet get this job in
        with suppress(DatabaseAway):
            async with self._database.write() as tx:
                await repository.end_awaited(tx, turn.thread, turn.answer, job, **end)


async def _add_question(tx: AsyncConnection, turn: Turn, now: int) -> None:
    """Write the user's message once: a turn with another answer to it names the message again, and changes nothing."""
    there = await repository.message(tx, turn.thread, turn.message)
    if there is None:
        await _check_parent(tx, turn)
        await repository.add_message(
            tx,
            thread_id=turn.thread,
            id=turn.message,
            parent_id=turn.parent,
            role="user",
            status="complete",
            text=turn.text,
            folded=fold(turn.text),
            images=list(turn.images),
            created_at=now,
        )
    elif there.role != "user" or there.parent_id != turn.parent:
        raise Invalid("message_id: this message has another place in the thread; make a new id.", "message_elsewhere")


async def _check_parent(tx: AsyncConnection, turn: Turn) -> None:
    if turn.parent is not None and await repository.message(tx, turn.thread, turn.parent) is None:
        raise Invalid("parent_id: must be a message of this thread, or null for the first.", "unknown_parent")


async def _await_answer(tx: AsyncConnection, turn: Turn, job: JobId, model: str, now: int) -> bool:
    """Let the answer's row wait for this job. False: the row waited already, or the answer is there."""
    there = await repository.message(tx, turn.thread, turn.answer)
    awaited = {"job_id": job, "model": model, "context_messages": turn.context_messages}
    waiting = {"status": "running", "created_at": now, **awaited}
    if there is None:
        place = {"thread_id": turn.thread, "id": turn.answer, "parent_id": turn.message, "role": "assistant"}
        await repository.add_message(tx, **place, **waiting)
        return True
    _check_answer(there, turn, job)
    if there.job_id == job and (there.status != "failed" or there.ended_at is not None):
        return False
    await repository.change_message(tx, turn.thread, turn.answer, **waiting, **VOID)
    return True


def _check_answer(there: MessageRow, turn: Turn, job: JobId) -> None:
    if there.role != "assistant" or there.parent_id != turn.message:
        raise Invalid("answer_id: this message has another place in the thread; make a new id.", "message_elsewhere")
    if there.status == "complete" and there.job_id != job:
        raise Conflict("answer_id: this answer is there; for another one make a new id.", "answer_exists")


def first_words(text: str) -> str:
    """The title of a thread until a person or the model gives a better one; "" for a text without words."""
    line = " ".join(text[: FIRST_WORDS * 20].split())
    if len(line) <= FIRST_WORDS:
        return line
    cut = line[:FIRST_WORDS].rpartition(" ")[0] or line[: FIRST_WORDS - 1]
    return cut.rstrip(" ,;:.-") + "…"
