"""`/health*`: alive (the process runs), ready (it can let jobs in), detailed (queue, workers, models, circuits).
`/metrics/streams`: what an autoscaler counts; as all below /metrics no entrance leads there.

No worker alive is `degraded`, not red: the pool may be scaled to zero, and a waiting job starts a worker.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from redis.exceptions import RedisError
from starlette.responses import JSONResponse

from backend.dialects.native.view import moment
from backend.errors import queue_refuses
from backend.house import House, house_of
from backend.pool.look import PoolLook
from wire.circuits import Circuit
from wire.client import WrongServer, check_server
from wire.records import PROTOCOL
from wire.workers import WorkerRecord

router = APIRouter(tags=["health"])


@router.get("/health/live", summary="The process runs")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/metrics/streams", include_in_schema=False)
async def streams(request: Request) -> dict[str, int]:
    """Callers of this process who have an answer open, streamed or waited for. It asks nobody: it is a set's length."""
    return {"streams": len(house_of(request).trails.open)}


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
        async with asyncio.timeout(house.settings.redis_seconds):
            await check_server(house.redis)
            await house.pools.own.jobs.admits()
    except (RedisError, OSError, TimeoutError) as error:
        refusal = queue_refuses(error)
        return f"redis: {refusal.message}" if refusal else "redis: it does not answer"
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
    look = await house.looks.newest(anew=True)
    workers = [_worker(name, worker) for name, pool in look.pools.items() for worker in pool.workers]
    models = (await house.catalogue.models()).known
    body: dict[str, Any] = {
        "status": "ok" if workers else "degraded",
        "reason": None if workers else "no worker is alive: jobs wait until one starts",
        "pool": house.settings.pool,
        "protocol": PROTOCOL,
        "jobs": look.depth,
        "streams": len(house.fan_in.readers),
        "models": [{"name": name, **about} for name, about in sorted(models.items())],
        "workers": workers,
        "pools": [_pool(name, pool) for name, pool in look.pools.items()],
        "circuits": [_circuit(name, each) for name, pool in look.pools.items() for each in pool.circuits.values()],
    }
    return JSONResponse(body)


def _pool(name: str, pool: PoolLook) -> dict[str, Any]:
    return {
        "name": name,
        "jobs": pool.depth,
        "workers": len(pool.workers),
        "slots": sum(worker.slots for worker in pool.workers),
    }


def _circuit(pool: str, circuit: Circuit) -> dict[str, Any]:
    """Of an engine and a model in trouble; what is not listed is closed."""
    return {
        "pool": pool,
        "engine": circuit.engine,
        "model": circuit.model,
        "state": circuit.state,
        "failures": circuit.failures,
        "opened_at": moment(circuit.opened) if circuit.opened else None,
        "reason": circuit.reason,
    }


def _worker(pool: str, worker: WorkerRecord) -> dict[str, Any]:
    return {
        "id": worker.incarnation,
        "pool": pool,
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
