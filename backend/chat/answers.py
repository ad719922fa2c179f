"""The answer cache: which job answered the same request before, for callers who allow it.

Only the job's id is kept. Its events are told again, as to anybody who follows it: an answer that is still being made
is shared, one that its caller has forgotten is gone from here too, and nothing of it lies in a second place.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.chat.disconnect import CANCEL
from backend.chat.submission import Submission
from backend.pool.pools import Found, Pools
from backend.routing.route import Route
from wire import keys
from wire.decoding import text
from wire.idempotency import body_hash
from wire.ids import JobId
from wire.records import LIVE_STATES, JobRecord

LOOK_SECONDS = 0.2  # a cache that is away costs this much, and no answer
REUSABLE = (*LIVE_STATES, "completed")
ALONE = " alone"  # behind a job's id: nobody shares it before its end
BEGINNING = 16  # events of a log: a job goes elsewhere before its first token
# Where and when it runs, and who made it: not what is asked.
APART = {"model", "fallback", "affinity", "keep_alive"}


class Answers:
    """`ttl`: seconds that an answer may be given again; 0 for never."""

    def __init__(self, redis: Redis, pools: Pools, ttl: float) -> None:
        self._redis = redis
        self._pools = pools
        self._ttl_ms = int(ttl * 1000)

    def key(self, wish: Submission, route: Route) -> str:
        """What names the answer to this wish; "" where none may be given twice."""
        if not (wish.reuse and self._ttl_ms) or wish.turn is not None or wish.idempotency_key is not None:
            return ""
        asked = wish.request.model_dump(mode="json", exclude=APART, exclude_defaults=True)
        placed = route.pool if route.by == "name" else ""  # who names a provider means that one's answer
        whole = [wish.principal.id, wish.principal.tenant, route.model, placed, asked]
        return keys.answer(body_hash(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)))

    async def find(self, key: str, wish: Submission, model: str) -> Found | None:
        """The job that answers it, None where there is none or the cache is away."""
        with suppress(RedisError, OSError):  # TimeoutError is an OSError
            async with asyncio.timeout(LOOK_SECONDS):
                held: Any = await self._redis.get(key)
            job, alone, _ = text(held).partition(ALONE) if held else ("", "", "")
            found = await self._pools.find(JobId(job)) if job else None
            if found is None or found.record.tenant != wish.principal.tenant or not _is_reusable(found.record, model):
                return None
            if not found.record.live:
                return found if await self._answered_itself(found) else None
            if not alone and wish.on_disconnect == CANCEL and not await self._went_on(found):
                return found
        return None

    async def keep(self, key: str, job: JobId, wish: Submission) -> None:
        """Who wants it to run on without a caller shares it with nobody: who leaves last ends it, by a wish of theirs
        alone."""
        with suppress(RedisError, OSError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._redis.set(key, job if wish.on_disconnect == CANCEL else job + ALONE, px=self._ttl_ms)

    async def _answered_itself(self, found: Found) -> bool:
        """The record's model made it: a job that went on with another in the same pool keeps its record as it was."""
        end = await self._pools.ending(found)
        return end is not None and end.fields().get("model") in ("", None, found.record.model)

    async def _went_on(self, found: Found) -> bool:
        return any(entry.fields().get("type") == "rerouted" for entry in await self._pools.beginning(found, BEGINNING))


def _is_reusable(record: JobRecord, model: str) -> bool:
    """Of the model that is asked now, and no fallback's, who answered while that one was in trouble. In one attempt: a
    log in which an answer begins anew ends most dialects' streams with an error, which would be told for an hour."""
    return record.state in REUSABLE and record.attempt <= 1 and record.model == model
