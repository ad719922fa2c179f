"""The SQL of files and their chunks. Every function runs in the transaction it is given.

A file whose status is `receiving` is nobody's yet: it is written chunk by chunk, each in a transaction of its own, and
shown when all of it is there.
"""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, delete, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.store.database import Database
from backend.store.tables import file_chunks, files

RECEIVING, PROCESSED = "receiving", "processed"
Order = Literal["asc", "desc"]


def _shown(now: int) -> ColumnElement[bool]:
    return (files.c.status == PROCESSED) & or_(files.c.expires_at.is_(None), files.c.expires_at > now)


async def file(tx: AsyncConnection, tenant: str, name: str, now: int) -> Row[Any] | None:
    mine = (files.c.id == name) & (files.c.tenant == tenant)
    return (await tx.execute(select(files).where(mine, _shown(now)))).first()


async def page(
    tx: AsyncConnection, tenant: str, purpose: str | None, after: Row[Any] | None, limit: int, order: Order, now: int
) -> list[Row[Any]]:
    key = tuple_(files.c.created_at, files.c.id)
    asked = select(files).where(files.c.tenant == tenant, _shown(now))
    if purpose is not None:
        asked = asked.where(files.c.purpose == purpose)
    if after is not None:
        place = tuple_(after.created_at, after.id)
        asked = asked.where(key > place if order == "asc" else key < place)
    if order == "asc":
        asked = asked.order_by(files.c.created_at, files.c.id)
    else:
        asked = asked.order_by(files.c.created_at.desc(), files.c.id.desc())
    return [*await tx.execute(asked.limit(limit))]


async def begin(database: Database, tx: AsyncConnection, **values: Any) -> None:
    """A file that is being received. Repeatable under the same id."""
    row = {"status": RECEIVING, "bytes": 0, **values}
    await tx.execute(database.insert(files).values(row).on_conflict_do_nothing())


async def add_chunk(database: Database, tx: AsyncConnection, name: str, number: int, data: bytes) -> None:
    """Repeatable: what is there stays."""
    row = {"file_id": name, "number": number, "data": data}
    await tx.execute(database.insert(file_chunks).values(row).on_conflict_do_nothing())


async def finish(tx: AsyncConnection, name: str, size: int) -> bool:
    """All of it is there: show it. False: there is no such file (any more)."""
    done = await tx.execute(update(files).where(files.c.id == name).values(status=PROCESSED, bytes=size))
    return done.rowcount > 0


async def chunk(tx: AsyncConnection, name: str, number: int) -> bytes | None:
    mine = (file_chunks.c.file_id == name) & (file_chunks.c.number == number)
    return (await tx.execute(select(file_chunks.c.data).where(mine))).scalar_one_or_none()


async def remove(tx: AsyncConnection, tenant: str, name: str) -> bool:
    """With its chunks. False: there is none."""
    mine = (files.c.id == name) & (files.c.tenant == tenant)
    return (await tx.execute(delete(files).where(mine))).rowcount > 0


async def sweep(tx: AsyncConnection, began_before: int, now: int) -> int:
    """Take away what was never received to its end, and what has expired; how many."""
    left = (files.c.status == RECEIVING) & (files.c.created_at < began_before)
    gone = await tx.execute(delete(files).where(or_(left, files.c.expires_at <= now)))
    return gone.rowcount
