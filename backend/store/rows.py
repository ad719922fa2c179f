"""The rows of every table, as they are read: a record for each table, with the columns that its readers need.

THREADS.query.where(threads.c.id == thread_id)     # selects exactly the columns of a ThreadRow
await THREADS.first(tx, query)                     # a ThreadRow, None where there is none
"""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import Select, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.ids import BatchId, FileId, MessageId, ThreadId
from backend.store import tables
from wire.ids import JobId, PrincipalId, TenantId

Record = TypeVar("Record", bound=tuple[Any, ...])


class ThreadRow(NamedTuple):
    """A conversation, without its messages."""

    id: ThreadId
    tenant: TenantId
    title: str | None
    title_by: str | None
    title_job: JobId | None
    archived: bool
    settings: dict[str, Any]
    head_id: MessageId | None
    created_at: int
    updated_at: int


class MessageRow(NamedTuple):
    """A message; what only search and the tools of a later turn read is left out."""

    thread_id: ThreadId
    id: MessageId
    parent_id: MessageId | None
    role: str
    status: str
    text: str
    thinking: str | None
    images: list[dict[str, str]]
    model: str | None
    job_id: JobId | None
    worker: str | None
    error: dict[str, Any] | None
    finish_reason: str | None
    usage: dict[str, Any] | None
    timings: dict[str, Any] | None
    tokens_per_second: float | None
    feedback: str | None
    created_at: int
    context_messages: int | None
    ended_at: int | None


class AwaitedRow(NamedTuple):
    """An answer that is not there yet: its place, and the job that makes it."""

    thread_id: ThreadId
    id: MessageId
    job_id: JobId
    created_at: int


class FoundRow(NamedTuple):
    """A message that has the words of a search."""

    thread_id: ThreadId
    id: MessageId
    text: str
    created_at: int


class JobRow(NamedTuple):
    """An ended job: what it cost and when, never any text."""

    id: JobId
    pool: str
    tenant: TenantId
    cls: str
    model: str
    state: str
    why: str
    attempt: int
    tries: int
    worker: str | None
    request_id: str
    accepted_at: int
    ended_at: int
    queued_ms: int | None
    first_token_ms: int | None
    total_ms: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    tokens_per_second: float | None
    timeline: list[Any]
    principal: PrincipalId


class FileRow(NamedTuple):
    """An uploaded file, or one that a batch has written, without its bytes."""

    id: FileId
    tenant: TenantId
    name: str
    purpose: str
    bytes: int
    status: str
    created_at: int
    expires_at: int | None


class BatchRow(NamedTuple):
    """A batch, without its lines."""

    id: BatchId
    tenant: TenantId
    principal: PrincipalId
    endpoint: str
    input_file_id: FileId
    about: dict[str, str] | None
    status: str
    errors: list[dict[str, Any]] | None
    total: int
    done: int
    failed: int
    output_file_id: FileId | None
    error_file_id: FileId | None
    created_at: int
    expires_at: int
    in_progress_at: int | None
    finalizing_at: int | None
    cancelling_at: int | None
    ended_at: int | None
    holder: str | None
    held_until: int


class LineRow(NamedTuple):
    """A line of a batch. `body`: None once it is answered. `answer`: None until then."""

    batch_id: BatchId
    line: int
    custom_id: str | None
    body: str | None
    state: str
    answer: str | None


class Rows(Generic[Record]):
    """Reads rows of one table as records. `fields`: those of the record, which are columns of the table."""

    def __init__(self, table: Table, record: type[Record], fields: tuple[str, ...]) -> None:
        self._record = record
        self.query: Select[Any] = select(*(table.c[name] for name in fields))

    async def all(self, tx: AsyncConnection, query: Select[Any]) -> list[Record]:
        return [self._record(*row) for row in await tx.execute(query)]

    async def first(self, tx: AsyncConnection, query: Select[Any]) -> Record | None:
        row = (await tx.execute(query)).first()
        return None if row is None else self._record(*row)


THREADS = Rows(tables.threads, ThreadRow, ThreadRow._fields)
MESSAGES = Rows(tables.messages, MessageRow, MessageRow._fields)
AWAITED = Rows(tables.messages, AwaitedRow, AwaitedRow._fields)
FOUND = Rows(tables.messages, FoundRow, FoundRow._fields)
JOBS = Rows(tables.jobs, JobRow, JobRow._fields)
FILES = Rows(tables.files, FileRow, FileRow._fields)
BATCHES = Rows(tables.batches, BatchRow, BatchRow._fields)
LINES = Rows(tables.batch_lines, LineRow, LineRow._fields)
