"""The answer cache: which job answered the same request before, for callers who allow an earlier answer.

The cache keeps only the job's id. The job's events are sent again, as to any caller who follows it: an answer that is
still being made is shared, an answer that its caller has forgotten is gone from the cache too, and no answer lies in a
second place.
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
from wire.ids import JobId, TenantId
from wire.records import LIVE_STATES, JobRecord

LOOK_SECONDS = 0.2  # a cache that is away delays an answer by so much, and costs none
REUSABLE = (*LIVE_STATES, "completed")
ALONE = " alone"  # behind a job's id: the job is not shared before its end
BEGINNING = 16  # events of a log: a job is rerouted before its first token
# Left out of the key: the model is in it as it was routed, the others say only where and how the job runs.
APART = {"model", "fallback", "affinity", "keep_alive"}


class Answers:
    """Remembers and finds answers. `ttl`: seconds for which an answer may be given again; 0: never."""

    def __init__(self, redis: Redis, pools: Pools, ttl: float) -> None:
        self._redis = redis
        self._pools = pools
        self._ttl_ms = int(ttl * 1000)

    def key(self, submission: Submission, route: Route) -> str:
        """The key of the answer to this submission; "" where no answer may be given twice."""
        named = submission.turn is not None or submission.idempotency_key is not None
        if named or not (submission.reuse and self._ttl_ms):
            return ""
        ask = submission.ask.model_dump(mode="json", exclude=APART, exclude_defaults=True)
        placed = route.pool if route.by == "name" else ""  # a caller who names a provider wants that provider's answer
        whole = [submission.caller.principal, submission.caller.tenant, route.model, placed, ask]
        return keys.answer(body_hash(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)))

    async def find(self, key: str, submission: Submission, model: str) -> Found | None:
        """The job whose answer the submission may have; None where there is none or the cache is away."""
        with suppress(RedisError, OSError):  # TimeoutError is an OSError
            async with asyncio.timeout(LOOK_SECONDS):
                held: Any = await self._redis.get(key)
            job, alone, _ = text(held).partition(ALONE) if held else ("", "", "")
            found = await self._pools.find(JobId(job)) if job else None
            if found is None or not _is_reusable(found.record, submission.caller.tenant, model):
                return None
            if not found.record.live:
                return found if await self._answered_itself(found) else None
            if not alone and submission.on_disconnect == CANCEL and not await self._went_on(found):
                return found
        return None

    async def keep(self, key: str, job: JobId, submission: Submission) -> None:
        """Remember the job as the answer to this key. A job that is to run on without its caller (`continue`, a grace)
        is never shared before its end, because another caller's disconnect could otherwise cancel it."""
        with suppress(RedisError, OSError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._redis.set(key, job if submission.on_disconnect == CANCEL else job + ALONE, px=self._ttl_ms)

    async def _answered_itself(self, found: Found) -> bool:
        """Whether the record's model made the answer: a job that is rerouted within its pool keeps its record."""
        end = await self._pools.ending(found)
        return end is not None and end.fields().get("model") in ("", None, found.record.model)

    async def _went_on(self, found: Found) -> bool:
        return any(entry.fields().get("type") == "rerouted" for entry in await self._pools.beginning(found, BEGINNING))


def _is_reusable(record: JobRecord, tenant: TenantId, model: str) -> bool:
    """Whether the caller's tenant may be given the answer of this job.

    It must be the answer of the model that is wanted now, not of a fallback that answered while that model was in
    trouble. It must be made in one attempt: a log in which an answer begins anew ends most dialects' streams with an
    error, and that error would be sent again for an hour.
    """
    same = record.tenant == tenant and record.model == model
    return same and record.state in REUSABLE and record.attempt <= 1
