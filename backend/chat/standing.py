"""The headers of a job that was just accepted: how it came to its worker, or where it waits."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, get_args

from redis.exceptions import RedisError

from backend.pool.pools import Pool
from backend.routing.route import Route
from wire import places
from wire.decoding import text
from wire.ids import JobId
from wire.records import Route as Way

LOOK_SECONDS = 0.3
ROUTES = tuple(way for way in get_args(Way) if way)


async def headers_of(pool: Pool, job: JobId, route: Route) -> dict[str, str]:
    """Reads a job that has a worker once, a job that waits twice. A Redis that is away now costs only the news."""
    with suppress(RedisError, OSError):  # TimeoutError is an OSError
        async with asyncio.timeout(LOOK_SECONDS):
            return await _look(pool, job, route)
    return {"X-Sluice-Route": route.header("")}


async def _look(pool: Pool, job: JobId, route: Route) -> dict[str, str]:
    given: Any = await pool.jobs.redis.hget(pool.keys.job(job), "route")
    if text(given) in ROUTES:  # no other word from Redis gets into a header
        return {"X-Sluice-Route": route.header(text(given))}
    position = places.read(await pool.jobs.places([job])).places[0].position
    waits = {"X-Sluice-Queue-Position": str(position)} if position else {}
    return {"X-Sluice-Route": route.header("queue"), **waits}
