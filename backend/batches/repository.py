"""The SQL of batches and their lines. Every function runs in the transaction it is given.

A holder changes a batch only while it holds it, and a line is answered once: whoever comes second changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.batches.states import CANCELLABLE, CANCELLING, OPEN, WAITING
from backend.store.database import Database
from backend.store.tables import batch_lines, batches


# -- batches -----------------------------------------------------------------------------------------------------
async def add(tx: AsyncConnection, **values: Any) -> None:
    await tx.execute(insert(batches).values(values))


async def batch(tx: AsyncConnection, tenant: str, name: str) -> Row[Any] | None:
    mine = (batches.c.id == name) & (batches.c.tenant == tenant)
    return (await tx.execute(select(batches).where(mine))).first()


async def page(tx: AsyncConnection, tenant: str, after: Row[Any] | None, limit: int) -> list[Row[Any]]:
    """Newest first."""
    asked = select(batches).where(batches.c.tenant == tenant)
    if after is not None:
        asked = asked.where(tuple_(batches.c.created_at, batches.c.id) < tuple_(after.created_at, after.id))
    return [*await tx.execute(asked.order_by(batches.c.created_at.desc(), batches.c.id.desc()).limit(limit))]


async def ask_to_cancel(tx: AsyncConnection, tenant: str, name: str, now: int) -> None:
    """Where it can still be."""
    mine = (batches.c.id == name) & (batches.c.tenant == tenant) & batches.c.status.in_(CANCELLABLE)
    await tx.execute(update(batches).where(mine).values(status=CANCELLING, cancelling_at=now))


# -- held --------------------------------------------------------------------------------------------------------
async def free(tx: AsyncConnection, now: int, limit: int) -> list[str]:
    """Batches that have something to do and that nobody holds, the oldest first."""
    asked = select(batches.c.id).where(batches.c.status.in_(OPEN), batches.c.held_until < now)
    return [row.id for row in await tx.execute(asked.order_by(batches.c.created_at).limit(limit))]


async def take(tx: AsyncConnection, name: str, holder: str, now: int, until: int) -> bool:
    """Hold it until then, or hold it longer. False: another process does, or it has ended."""
    mine = or_(batches.c.held_until < now, batches.c.holder == holder)
    there = (batches.c.id == name) & batches.c.status.in_(OPEN) & mine
    return (await tx.execute(update(batches).where(there).values(holder=holder, held_until=until))).rowcount > 0


async def let_go(tx: AsyncConnection, name: str, holder: str) -> None:
    held = (batches.c.id == name) & (batches.c.holder == holder)
    await tx.execute(update(batches).where(held).values(holder=None, held_until=0))


async def held(tx: AsyncConnection, name: str, holder: str) -> Row[Any] | None:
    """The batch, while this process holds it."""
    mine = (batches.c.id == name) & (batches.c.holder == holder)
    return (await tx.execute(select(batches).where(mine))).first()


async def holds(tx: AsyncConnection, name: str, holder: str) -> bool:
    """Whether this process does; nobody can take it from it before this transaction's end."""
    mine = (batches.c.id == name) & (batches.c.holder == holder)
    return (await tx.execute(select(batches.c.id).where(mine).with_for_update())).first() is not None


async def move(tx: AsyncConnection, name: str, holder: str, before: str, /, **values: Any) -> bool:
    """On from the status `before`. False: somebody else has moved it, or holds it."""
    mine = (batches.c.id == name) & (batches.c.holder == holder) & (batches.c.status == before)
    return (await tx.execute(update(batches).where(mine).values(values))).rowcount > 0


# -- lines -------------------------------------------------------------------------------------------------------
async def add_lines(database: Database, tx: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Repeatable: what is there stays."""
    if rows:
        await tx.execute(database.insert(batch_lines).on_conflict_do_nothing(), rows)


async def remove_lines(tx: AsyncConnection, name: str) -> None:
    await tx.execute(delete(batch_lines).where(batch_lines.c.batch_id == name))


async def waiting(tx: AsyncConnection, name: str, after: int, limit: int) -> list[Row[Any]]:
    """Lines behind this one that are not answered yet, in order."""
    mine = (batch_lines.c.batch_id == name) & (batch_lines.c.state == WAITING) & (batch_lines.c.line > after)
    return [*await tx.execute(select(batch_lines).where(mine).order_by(batch_lines.c.line).limit(limit))]


async def answers(tx: AsyncConnection, name: str, states: Collection[str], after: int, limit: int) -> list[Row[Any]]:
    """Answered lines behind this one, in order: line, answer."""
    asked = select(batch_lines.c.line, batch_lines.c.answer).where(batch_lines.c.batch_id == name)
    asked = asked.where(batch_lines.c.state.in_(states), batch_lines.c.line > after)
    return [*await tx.execute(asked.order_by(batch_lines.c.line).limit(limit))]


async def answer(tx: AsyncConnection, name: str, line: int, state: str, text: str) -> None:
    """The first answer counts."""
    mine = (batch_lines.c.batch_id == name) & (batch_lines.c.line == line) & (batch_lines.c.state == WAITING)
    await tx.execute(update(batch_lines).where(mine).values(state=state, answer=text, body=None))


async def counts(tx: AsyncConnection, names: Collection[str]) -> dict[str, dict[str, int]]:
    """How many lines of these batches are in which state."""
    asked = select(batch_lines.c.batch_id, batch_lines.c.state, func.count().label("lines"))
    asked = asked.where(batch_lines.c.batch_id.in_(names)).group_by(batch_lines.c.batch_id, batch_lines.c.state)
    told: dict[str, dict[str, int]] = {name: {} for name in names}
    for row in await tx.execute(asked):
        told[row.batch_id][row.state] = row.lines
    return told
