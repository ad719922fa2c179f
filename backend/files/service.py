"""Files lie in SQL, in chunks: every API process finds them, and no file is ever whole in memory."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterable, AsyncIterator
from typing import NamedTuple

from starlette.requests import Request

from backend.dialects.openai.errors import BadParameter
from backend.errors import NotFound, TooLarge
from backend.files import repository
from backend.files.names import safe_name
from backend.files.repository import Order
from backend.ids import FileId
from backend.moments import now_ms
from backend.store.database import Database
from backend.store.rows import FileRow
from wire.ids import TenantId

CHUNK = 512 * 1024  # bytes a row: few rows a file, and little memory for each of many files that are read at once
UNFINISHED_MS = 3_600_000  # an upload that took longer has lost its process


class NewFile(NamedTuple):
    """A file that is to be stored. `id` None: one is made. `expires_at`: Unix milliseconds, None: the file is kept
    until it is deleted."""

    tenant: TenantId
    name: str
    purpose: str
    id: FileId | None = None
    expires_at: int | None = None


class Files:
    """The files of all tenants. `limit`: the most bytes of one file."""

    def __init__(self, database: Database, limit: int) -> None:
        self._database = database
        self.limit = limit

    async def receive(self, new: NewFile, pieces: AsyncIterable[bytes]) -> FileRow:
        """Store an upload. Raises TooLarge. An upload that did not come whole leaves nothing behind."""
        file_id = new.id or FileId(f"file-{secrets.token_hex(16)}")
        try:
            await self.show(file_id, await self.store(new._replace(id=file_id), self._bounded(pieces)))
        except BaseException:
            await self._forget(new.tenant, file_id)
            raise
        return await self.get(new.tenant, file_id)

    async def store(self, new: NewFile, pieces: AsyncIterable[bytes]) -> int:
        """Write a file that no caller sees before `show`. Returns its size. Repeatable with the same id and bytes."""
        assert new.id is not None  # noqa: S101 - every caller of this method has made an id
        row = {"id": new.id, "tenant": new.tenant, "name": safe_name(new.name), "purpose": new.purpose}
        async with self._database.write() as tx:
            await repository.begin(tx, **row, created_at=now_ms(), expires_at=new.expires_at)
        size = number = 0
        async for data in in_chunks(pieces):
            async with self._database.write() as tx:
                await repository.add_chunk(tx, new.id, number, data)
            size, number = size + len(data), number + 1
        return size

    async def show(self, file_id: FileId, size: int) -> None:
        async with self._database.write() as tx:
            await repository.finish(tx, file_id, size)

    async def get(self, tenant: TenantId, file_id: FileId) -> FileRow:
        """Raises NotFound."""
        async with self._database.read() as tx:
            row = await repository.file(tx, tenant, file_id, now_ms())
        if row is None:
            raise file_not_found(file_id)
        return row

    async def page(
        self, tenant: TenantId, purpose: str | None, after: FileId | None, limit: int, order: Order
    ) -> FilePage:
        """The tenant's files behind the file `after`. Raises BadParameter for an `after` that is no file."""
        now = now_ms()
        async with self._database.read() as tx:
            place = await repository.file(tx, tenant, after, now) if after else None
            if after and place is None:
                raise BadParameter("after", f"after: there is no file {after[:64]!r}.", "invalid_cursor")
            rows = await repository.page(tx, tenant, purpose, place, limit + 1, order, now)
        return FilePage(rows[:limit], len(rows) > limit)

    async def read(self, file_id: FileId) -> AsyncIterator[bytes]:
        """The bytes of a file, a chunk at a time, each in a transaction of its own: a slow reader holds no
        transaction."""
        number = 0
        while (data := await self._chunk(file_id, number)) is not None:
            yield data
            number += 1

    async def delete(self, tenant: TenantId, file_id: FileId) -> None:
        """Raises NotFound."""
        await self.get(tenant, file_id)
        await self._forget(tenant, file_id)

    async def sweep(self) -> int:
        """Delete the files that have expired and those that a process left half-written. Returns how many they are."""
        now = now_ms()
        async with self._database.write() as tx:
            return await repository.sweep(tx, now - UNFINISHED_MS, now)

    async def _chunk(self, file_id: FileId, number: int) -> bytes | None:
        async with self._database.read() as tx:
            return await repository.chunk(tx, file_id, number)

    async def _forget(self, tenant: TenantId, file_id: FileId) -> None:
        async with self._database.write() as tx:
            await repository.remove(tx, tenant, file_id)

    async def _bounded(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for piece in pieces:
            size += len(piece)
            if size > self.limit:
                raise file_too_large(self.limit)
            yield piece


class FilePage(NamedTuple):
    """A page of files. `more`: there are more files behind them."""

    rows: list[FileRow]
    more: bool


async def in_chunks(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of `CHUNK` bytes, the last piece smaller: where a chunk ends depends on the bytes
    alone."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
    if held:
        yield bytes(held)


def file_not_found(file_id: FileId) -> NotFound:
    return NotFound(f"There is no file {file_id[:64]!r}; it may have been deleted.", "file_not_found")


def file_too_large(limit: int) -> TooLarge:
    return TooLarge(f"The file is larger than {limit:,} bytes (SLUICE_MAX_FILE_BYTES).", "file_too_large")


def files_of(request: Request) -> Files:
    files: Files = request.state.files
    return files
