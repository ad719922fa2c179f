"""The book of jobs: a row for every ended job, whichever client submitted it; never any text."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.history.books.book import storable
from backend.history.ending import Ending, Endings
from backend.store.database import insert_new
from backend.store.tables import jobs
from wire.events import Completed, Failed
from wire.ids import JobId

TRIES_MAX = 2**31 - 1


class JobsBook:
    """A job's first row counts."""

    async def awaits(self, tx: AsyncConnection, jobs: Collection[JobId]) -> Collection[JobId]:
        return ()

    async def write(self, tx: AsyncConnection, endings: Endings) -> None:
        if rows := [_row(endings.pool, ending) for _, ending in sorted(endings.known.items())]:
            await tx.execute(insert_new(tx, jobs), rows)


def _row(pool: str, ending: Ending) -> dict[str, Any]:
    record = ending.record
    return storable(
        {
            "id": record.id,
            "pool": pool,
            "tenant": record.tenant[:200],
            "principal": record.principal[:200],
            "cls": record.cls[:32],
            "model": record.model[:200],
            "state": record.state,
            "why": record.why[:64],
            "attempt": record.attempt,
            "tries": min(record.tries, TRIES_MAX),
            "worker": ending.worker and ending.worker[:200],
            "request_id": record.request_id[:128],
            "accepted_at": record.accepted,
            "ended_at": ending.at,
            "timeline": record.timeline,
            **_cost(ending.event),
        }
    )


def _cost(event: Completed | Failed | None) -> dict[str, Any]:
    done = event if isinstance(event, Completed) else None
    return {
        "queued_ms": done and done.timings.queued_ms,
        "first_token_ms": done and done.timings.first_token_ms,
        "total_ms": done and done.timings.total_ms,
        "prompt_tokens": done and done.usage.prompt_tokens,
        "completion_tokens": done and done.usage.completion_tokens,
        "tokens_per_second": done and done.tokens_per_second,
    }
