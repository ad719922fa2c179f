"""The books of a pool for its operators: live jobs and dead letters page by page, and how jobs ended.

Nothing here changes a key or fetches a text: `request` and `result`, which may be megabytes, stay in Redis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from wire.decoding import text, texts
from wire.ids import JobId
from wire.keys import Keys
from wire.log import ends_of
from wire.records import JobRecord, decode_record

TEXTS = (b"request", b"result")


class Page(NamedTuple):
    """Entries of a stream, the newest first. `next`: the `behind` of the page that follows, "" at the end."""

    entries: list[tuple[str, dict[str, str]]]
    next: str


class Ledger:
    """Reads the books of one pool."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def live(self, behind: str, limit: int) -> Page:
        """The jobs that have not ended, the newest first: `{job}` each. `behind` "": from the newest on."""
        return await self._page(self._keys.demand, behind, limit)

    async def dead(self, behind: str, limit: int) -> Page:
        """The dead letters, the newest first: `{job, why}` each; `stream`, `entry` too of one that did not decode."""
        return await self._page(self._keys.dead, behind, limit)

    async def _page(self, stream: str, behind: str, limit: int) -> Page:
        newest = f"({behind}" if behind else "+"
        rows: Any = await self._redis.xrevrange(stream, newest, "-", count=limit + 1)
        entries = [(text(name), texts(fields)) for name, fields in rows[:limit]]
        return Page(entries, entries[-1][0] if len(rows) > limit else "")

    async def outlines(self, jobs: Sequence[JobId]) -> list[JobRecord | None]:
        """The records of these jobs without `request` and `result`; None for a job without a record."""
        keys = [self._keys.job(job) for job in jobs]
        every = await self._each([("HKEYS", key) for key in keys])
        fields = [[field for field in names or () if field not in TEXTS] for names in every]
        values = await self._each([("HMGET", key, *names) for key, names in zip(keys, fields, strict=True) if names])
        rows = (row or [] for row in values)
        return [_outline(job, names, next(rows)) if names else None for job, names in zip(jobs, fields, strict=True)]

    async def ends(self, records: Sequence[JobRecord]) -> dict[JobId, dict[str, Any]]:
        """The fields of the terminal events of those jobs that have ended, for as long as their logs are kept."""
        ends = await ends_of(self._redis, self._keys, records)
        return {job: entry.fields() for job, entry in ends.items()}

    async def _each(self, commands: Sequence[tuple[str | bytes, ...]]) -> list[Any]:
        """The answers of all commands, in one round trip; None for a key of a wrong type."""
        pipe = self._redis.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        answers = await pipe.execute(raise_on_error=False) if commands else []
        return [None if isinstance(answer, ResponseError) else answer for answer in answers]


def _outline(job: JobId, names: list[bytes], values: list[bytes | None]) -> JobRecord | None:
    """The record without its texts; None also for one that expired between the two trips."""
    return decode_record(job, {name: value for name, value in zip(names, values, strict=False) if value is not None})
