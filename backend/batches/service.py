"""Batches as their callers see them: made, read, listed, cancelled. The runner does the work."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, NamedTuple

from starlette.requests import Request

from backend.accounts.caller import Caller
from backend.batches import repository
from backend.batches.breath import Breath
from backend.batches.requests import WINDOW_MS, BatchRequest
from backend.batches.states import CANCELLED, CANCELLING, IN_ERRORS, LINE_DONE, OPEN, VALIDATING
from backend.dialects.openai.errors import BadParameter
from backend.errors import NotFound
from backend.files.service import Files
from backend.ids import BatchId
from backend.moments import now_ms, seconds
from backend.store.database import Database
from backend.store.rows import BatchRow
from wire.ids import TenantId

ENDED = {status: f"{status}_at" for status in ("completed", "failed", "expired", "cancelled")}


class CountedBatch(NamedTuple):
    """A batch with its lines counted: how many are in which state."""

    row: BatchRow
    lines: dict[str, int]


class Batches:
    """Makes and reads batches. `wake`: set when there is work for the runner. `breath`: the runner's pace."""

    def __init__(self, database: Database, files: Files) -> None:
        self._database = database
        self._files = files
        self.wake = asyncio.Event()
        self.breath = Breath()

    async def create(self, caller: Caller, wanted: BatchRequest) -> CountedBatch:
        """Raises NotFound for the file, BadParameter for a file that is not meant for a batch."""
        file = await self._files.get(caller.tenant, wanted.input_file_id)
        if file.purpose != "batch":
            raise BadParameter("input_file_id", "input_file_id: upload the file with the purpose 'batch'.")
        batch_id, now = BatchId(f"batch_{secrets.token_hex(16)}"), now_ms()
        async with self._database.write() as tx:
            await repository.add(
                tx,
                id=batch_id,
                tenant=caller.tenant,
                principal=caller.principal,
                endpoint=wanted.endpoint,
                input_file_id=file.id,
                about=wanted.metadata,
                status=VALIDATING,
                created_at=now,
                expires_at=now + WINDOW_MS,
            )
        self.wake.set()
        return await self.get(caller.tenant, batch_id)

    async def get(self, tenant: TenantId, batch_id: BatchId) -> CountedBatch:
        """Raises NotFound."""
        async with self._database.read() as tx:
            row = await repository.batch(tx, tenant, batch_id)
            if row is None:
                raise batch_not_found(batch_id)
            return CountedBatch(row, (await repository.counts(tx, [batch_id]))[batch_id])

    async def page(self, tenant: TenantId, after: BatchId | None, limit: int) -> tuple[list[CountedBatch], bool]:
        """Newest first, and whether there are more. Raises BadParameter for an `after` that is no batch."""
        async with self._database.read() as tx:
            place = await repository.batch(tx, tenant, after) if after else None
            if after and place is None:
                raise BadParameter("after", f"after: there is no batch {after[:64]!r}.", "invalid_cursor")
            rows = await repository.page(tx, tenant, place, limit + 1)
            counts = await repository.counts(tx, [row.id for row in rows[:limit]])
        return [CountedBatch(row, counts[row.id]) for row in rows[:limit]], len(rows) > limit

    async def cancel(self, tenant: TenantId, batch_id: BatchId) -> CountedBatch:
        """The batch ends as soon as its jobs have. Raises NotFound, and BadParameter for a batch that has ended."""
        async with self._database.write() as tx:
            await repository.ask_to_cancel(tx, tenant, batch_id, now_ms())
        self.wake.set()
        shown = await self.get(tenant, batch_id)
        if shown.row.status not in (CANCELLING, CANCELLED):
            text = f"A batch with status {shown.row.status} cannot be cancelled."
            raise BadParameter("batch_id", text, "batch_not_cancellable")
        return shown


def view(shown: CountedBatch) -> dict[str, Any]:
    """A batch as OpenAI writes it. Times are Unix seconds."""
    row, ended = shown.row, ENDED.get(shown.row.status)
    times = {name: None for name in ENDED.values()} | ({ended: row.ended_at} if ended else {})
    started = ("in_progress_at", "finalizing_at", "cancelling_at", "expires_at", "created_at")
    times |= {name: getattr(row, name) for name in started}
    return {
        "id": row.id,
        "object": "batch",
        "endpoint": row.endpoint,
        "errors": {"object": "list", "data": row.errors} if row.errors else None,
        "input_file_id": row.input_file_id,
        "completion_window": "24h",
        "status": row.status,
        "output_file_id": row.output_file_id,
        "error_file_id": row.error_file_id,
        **{name: None if at is None else seconds(at) for name, at in times.items()},
        "request_counts": _counts(shown),
        "metadata": row.about,
    }


def _counts(shown: CountedBatch) -> dict[str, int]:
    """Lines are counted while the batch runs, and written down at its end. `failed`: the lines of the error file."""
    if shown.row.status not in OPEN:
        return {"total": shown.row.total, "completed": shown.row.done, "failed": shown.row.failed}
    failed = sum(shown.lines.get(state, 0) for state in IN_ERRORS)
    return {"total": shown.row.total, "completed": shown.lines.get(LINE_DONE, 0), "failed": failed}


def batch_not_found(batch_id: BatchId) -> NotFound:
    return NotFound(f"There is no batch {batch_id[:64]!r}.", "batch_not_found")


def batches_of(request: Request) -> Batches:
    batches: Batches = request.state.batches
    return batches
