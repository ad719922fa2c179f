"""The SQL of batches and their lines. Every function runs in the transaction that it is given.

A holder changes a batch only while it holds it, and a line is answered once: a second answer changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.batches.states import CANCELLABLE, CANCELLING, OPEN, WAITING
from backend.ids import BatchId
from backend.store.database import insert_new
from backend.store.rows import BATCHES, LINES, BatchRow, LineRow
from backend.store.tables import batch_lines, batches
from wire.ids import TenantId


# -- batches -----------------------------------------------------------------------------------------------------
async def add(tx: AsyncConnection, **values: Any) -> None:
    await tx.execute(insert(batches).values(values))


async def batch(tx: AsyncConnection, tenant: TenantId, batch_id: BatchId) -> BatchRow | None:
    return await BATCHES.first(tx, BATCHES.query.where(batches.c.id == batch_id, batches.c.tenant == tenant))


async def page(tx: AsyncConnection, tenant: TenantId, after: BatchRow | None, limit: int) -> list[BatchRow]:
    """Newest first."""
    query = BATCHES.query.where(batches.c.tenant == tenant)
    if after is not None:
        query = query.where(tuple_(batches.c.created_at, batches.c.id) < tuple_(after.created_at, after.id))
    return await BATCHES.all(tx, query.order_by(batches.c.created_at.desc(), batches.c.id.desc()).limit(limit))


async def ask_to_cancel(tx: AsyncConnection, tenant: TenantId, batch_id: BatchId, now: int) -> None:
    """Changes nothing where the batch cannot be cancelled any more."""
    open_batch = (batches.c.id == batch_id) & (batches.c.tenant == tenant) & batches.c.status.in_(CANCELLABLE)
    await tx.execute(update(batches).where(open_batch).values(status=CANCELLING, cancelling_at=now))


# -- held --------------------------------------------------------------------------------------------------------
async def free(tx: AsyncConnection, now: int, limit: int) -> list[BatchId]:
    """Batches that are not at their end and that no process holds, the oldest first."""
    query = select(batches.c.id).where(batches.c.status.in_(OPEN), batches.c.held_until < now)
    return [*(await tx.execute(query.order_by(batches.c.created_at).limit(limit))).scalars()]


async def take(tx: AsyncConnection, batch_id: BatchId, holder: str, now: int, until: int) -> bool:
    """Hold the batch until `until`. False: another process holds it, or it has ended."""
    free_or_held = or_(batches.c.held_until < now, batches.c.holder == holder)
    there = (batches.c.id == batch_id) & batches.c.status.in_(OPEN) & free_or_held
    return (await tx.execute(update(batches).where(there).values(holder=holder, held_until=until))).rowcount > 0


async def let_go(tx: AsyncConnection, batch_id: BatchId, holder: str) -> None:
    held = (batches.c.id == batch_id) & (batches.c.holder == holder)
    await tx.execute(update(batches).where(held).values(holder=None, held_until=0))


async def held(tx: AsyncConnection, batch_id: BatchId, holder: str) -> BatchRow | None:
    """The batch, while this process holds it."""
    return await BATCHES.first(tx, BATCHES.query.where(batches.c.id == batch_id, batches.c.holder == holder))


async def holds(tx: AsyncConnection, batch_id: BatchId, holder: str) -> bool:
    """Whether this process holds the batch; no other can take it before this transaction's end."""
    held = (batches.c.id == batch_id) & (batches.c.holder == holder)
    return (await tx.execute(select(batches.c.id).where(held).with_for_update())).first() is not None


async def move(tx: AsyncConnection, batch_id: BatchId, holder: str, before: str, /, **values: Any) -> bool:
    """Change the batch from the status `before`. False: another process has moved it, or holds it."""
    held = (batches.c.id == batch_id) & (batches.c.holder == holder) & (batches.c.status == before)
    return (await tx.execute(update(batches).where(held).values(values))).rowcount > 0


# -- lines -------------------------------------------------------------------------------------------------------
async def add_lines(tx: AsyncConnection, rows: Sequence[LineRow]) -> None:
    """Repeatable: a line that is there stays as it is."""
    if rows:
        values = [row._asdict() for row in rows]
        await tx.execute(insert_new(tx, batch_lines), values)


async def remove_lines(tx: AsyncConnection, batch_id: BatchId) -> None:
    await tx.execute(delete(batch_lines).where(batch_lines.c.batch_id == batch_id))


async def waiting(tx: AsyncConnection, batch_id: BatchId, after: int, limit: int) -> list[LineRow]:
    """Lines behind the line `after` that are not answered yet, in order."""
    return await _lines(tx, batch_id, (WAITING,), after, limit)


async def answered(
    tx: AsyncConnection, batch_id: BatchId, states: Collection[str], after: int, limit: int
) -> list[LineRow]:
    """Lines behind the line `after` that ended in one of these states, in order; they hold no body any more."""
    return await _lines(tx, batch_id, states, after, limit)


async def _lines(
    tx: AsyncConnection, batch_id: BatchId, states: Collection[str], after: int, limit: int
) -> list[LineRow]:
    query = LINES.query.where(batch_lines.c.batch_id == batch_id, batch_lines.c.line > after)
    return await LINES.all(tx, query.where(batch_lines.c.state.in_(states)).order_by(batch_lines.c.line).limit(limit))


async def answer(tx: AsyncConnection, batch_id: BatchId, line: int, state: str, text: str) -> None:
    """Write the answer of a line that waits: the first answer counts."""
    unanswered = (batch_lines.c.batch_id == batch_id) & (batch_lines.c.line == line) & (batch_lines.c.state == WAITING)
    await tx.execute(update(batch_lines).where(unanswered).values(state=state, answer=text, body=None))


async def counts(tx: AsyncConnection, batch_ids: Collection[BatchId]) -> dict[BatchId, dict[str, int]]:
    """How many lines of these batches are in which state."""
    query = select(batch_lines.c.batch_id, batch_lines.c.state, func.count().label("lines"))
    query = query.where(batch_lines.c.batch_id.in_(batch_ids)).group_by(batch_lines.c.batch_id, batch_lines.c.state)
    lines: dict[BatchId, dict[str, int]] = {batch_id: {} for batch_id in batch_ids}
    for row in await tx.execute(query):
        lines[row.batch_id][row.state] = row.lines
    return lines
