"""A pool's books, for those who look after it: its live jobs and dead letters page by page, and what became of jobs.

Nothing here changes anything, and nothing here fetches what was said: `request` and `result`, which may be megabytes,
stay in Redis.
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
    """Entries of a stream, newest first. `next`: the id to go on behind, "" at the end."""

    entries: list[tuple[str, dict[str, str]]]
    next: str


class Ledger:
    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def live(self, behind: str, limit: int) -> Page:
        """Jobs that have not ended, the newest first: `{job}` each. `behind` "": from the newest."""
        return await self._page(self._keys.demand, behind, limit)

    async def dead(self, behind: str, limit: int) -> Page:
        """Dead letters, the newest first: `{job, why}` each, and `stream`, `entry` of what nobody could read."""
        return await self._page(self._keys.dead, behind, limit)

    async def _page(self, stream: str, behind: str, limit: int) -> Page:
        newest = f"({behind}" if behind else "+"
        rows: Any = await self._redis.xrevrange(stream, newest, "-", count=limit + 1)
        entries = [(text(name), texts(fields)) for name, fields in rows[:limit]]
        return Page(entries, entries[-1][0] if len(rows) > limit else "")

    async def outlines(self, jobs: Sequence[JobId]) -> list[JobRecord | None]:
        """Their records, `request` and `result` left empty; None for a job that is not known (any more)."""
        keys = [self._keys.job(job) for job in jobs]
        held = await self._each([("HKEYS", key) for key in keys])
        names = [[name for name in all_names or () if name not in TEXTS] for all_names in held]
        values = await self._each([("HMGET", key, *mine) for key, mine in zip(keys, names, strict=True) if mine])
        found = (row or [] for row in values)
        return [_outline(job, mine, next(found)) if mine else None for job, mine in zip(jobs, names, strict=True)]

    async def ends(self, records: Sequence[JobRecord]) -> dict[JobId, dict[str, Any]]:
        """The terminal events of those that have ended, for as long as their logs are kept: job → fields."""
        ends = await ends_of(self._redis, self._keys, records)
        return {job: entry.fields() for job, entry in ends.items()}

    async def _each(self, commands: Sequence[tuple[str | bytes, ...]]) -> list[Any]:
        """One round trip for all of them; None for a key that is of another type than it should be."""
        pipe = self._redis.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        answers = await pipe.execute(raise_on_error=False) if commands else []
        return [None if isinstance(answer, ResponseError) else answer for answer in answers]


def _outline(job: JobId, names: list[bytes], values: list[bytes | None]) -> JobRecord | None:
    """None also for a record that expired between the two looks."""
    return decode_record(job, {name: value for name, value in zip(names, values, strict=False) if value is not None})
