"""`/health*`: alive (the process runs), ready (it can let jobs in), detailed (queue, workers, models).

No worker alive is `degraded`, not red: the pool may be scaled to zero, and a waiting job starts a worker.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from redis.exceptions import RedisError
from starlette.responses import JSONResponse

from backend.house import House, house_of
from wire.client import WrongServer, check_server
from wire.records import PROTOCOL
from wire.workers import WorkerRecord

router = APIRouter(tags=["health"])
PING_SECONDS = 0.5


@router.get("/health/live", summary="The process runs")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/health", summary="Ready to let jobs in")
@router.get("/health/ready", summary="Ready to let jobs in, or why not")
@router.get("/api/health", summary="Ready to let jobs in")
async def ready(request: Request) -> JSONResponse:
    reason = await why_not_ready(house_of(request))
    if reason:
        return JSONResponse({"status": "unavailable", "reason": reason}, 503, {"Retry-After": "1"})
    return JSONResponse({"status": "ok"})


async def why_not_ready(house: House) -> str:
    """A sentence, or "" when jobs can be let in."""
    if house.chat.draining:
        return "draining: this process is shutting down"
    try:
        async with asyncio.timeout(PING_SECONDS):
            await check_server(house.redis)
    except (RedisError, OSError, TimeoutError):
        return "redis: it does not answer"
    except WrongServer as wrong:
        return f"redis: {wrong}"
    if house.fan_in.link.connection is None:
        return "starting: not yet subscribed to events"
    return house.schema.reason


@router.get("/health/detailed", summary="Queue, workers and models")
async def detailed(request: Request) -> JSONResponse:
    house = house_of(request)
    reason = await why_not_ready(house)
    if reason:
        return JSONResponse({"status": "unavailable", "reason": reason}, 503, {"Retry-After": "1"})
    workers = await house.workers.all()
    models = (await house.catalogue.models()).known
    body: dict[str, Any] = {
        "status": "ok" if workers else "degraded",
        "reason": None if workers else "no worker is alive: jobs wait until one starts",
        "pool": house.settings.pool,
        "protocol": PROTOCOL,
        "jobs": await house.jobs.depth(),
        "streams": len(house.fan_in.readers),
        "models": [{"name": name, **about} for name, about in sorted(models.items())],
        "workers": [_worker(worker) for worker in workers],
    }
    return JSONResponse(body)


def _worker(worker: WorkerRecord) -> dict[str, Any]:
    return {
        "id": worker.incarnation,
        "engine": worker.info.get("engine"),
        "detail": worker.info.get("detail"),
        "host": worker.info.get("host"),
        "slots": worker.slots,
        "running": worker.owned,
        "asking": worker.asking,
        "beat": worker.beat,
        "job_seconds": worker.info.get("job_seconds"),
        "models": sorted(worker.info.get("models", {})),
    }
