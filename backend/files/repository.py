"""The SQL of files and their chunks. Every function runs in the transaction it is given.

A file whose status is `receiving` is shown to no caller yet: it is written chunk by chunk, each chunk in a transaction
of its own, and the file is shown when all chunks are there.
"""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import ColumnElement, delete, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.ids import FileId
from backend.store.database import insert_new
from backend.store.rows import FILES, FileRow
from backend.store.tables import file_chunks, files
from wire.ids import TenantId

RECEIVING, PROCESSED = "receiving", "processed"
Order = Literal["asc", "desc"]


def _of(tenant: TenantId, file_id: FileId) -> ColumnElement[bool]:
    return (files.c.id == file_id) & (files.c.tenant == tenant)


def _shown(now: int) -> ColumnElement[bool]:
    return (files.c.status == PROCESSED) & or_(files.c.expires_at.is_(None), files.c.expires_at > now)


async def file(tx: AsyncConnection, tenant: TenantId, file_id: FileId, now: int) -> FileRow | None:
    return await FILES.first(tx, FILES.query.where(_of(tenant, file_id), _shown(now)))


async def page(
    tx: AsyncConnection,
    tenant: TenantId,
    purpose: str | None,
    after: FileRow | None,
    limit: int,
    order: Order,
    now: int,
) -> list[FileRow]:
    key = tuple_(files.c.created_at, files.c.id)
    query = FILES.query.where(files.c.tenant == tenant, _shown(now))
    if purpose is not None:
        query = query.where(files.c.purpose == purpose)
    if after is not None:
        place = tuple_(after.created_at, after.id)
        query = query.where(key > place if order == "asc" else key < place)
    if order == "asc":
        query = query.order_by(files.c.created_at, files.c.id)
    else:
        query = query.order_by(files.c.created_at.desc(), files.c.id.desc())
    return await FILES.all(tx, query.limit(limit))


async def begin(tx: AsyncConnection, **values: Any) -> None:
    """Add a file that is being received. Repeatable under the same id."""
    row = {"status": RECEIVING, "bytes": 0, **values}
    await tx.execute(insert_new(tx, files).values(row))


async def add_chunk(tx: AsyncConnection, file_id: FileId, number: int, data: bytes) -> None:
    """Add a chunk. Repeatable: a chunk that is there stays as it is."""
    row = {"file_id": file_id, "number": number, "data": data}
    await tx.execute(insert_new(tx, file_chunks).values(row))


async def finish(tx: AsyncConnection, file_id: FileId, size: int) -> bool:
    """Show a file that was received to its end. False: there is no such file, or no longer."""
    done = await tx.execute(update(files).where(files.c.id == file_id).values(status=PROCESSED, bytes=size))
    return done.rowcount > 0


async def chunk(tx: AsyncConnection, file_id: FileId, number: int) -> bytes | None:
    chunk = (file_chunks.c.file_id == file_id) & (file_chunks.c.number == number)
    return (await tx.execute(select(file_chunks.c.data).where(chunk))).scalar_one_or_none()


async def remove(tx: AsyncConnection, tenant: TenantId, file_id: FileId) -> bool:
    """Delete a file with its chunks. False: there is no such file."""
    return (await tx.execute(delete(files).where(_of(tenant, file_id)))).rowcount > 0


async def sweep(tx: AsyncConnection, began_before: int, now: int) -> int:
    """Delete the files that were never received to their end, and those that have expired; returns how many."""
    unfinished = (files.c.status == RECEIVING) & (files.c.created_at < began_before)
    return (await tx.execute(delete(files).where(or_(unfinished, files.c.expires_at <= now)))).rowcount
