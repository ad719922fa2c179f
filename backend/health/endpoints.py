"""`/health*`: live (the process runs), ready (it can let jobs in), detailed (queue, workers, models, circuits).
`/metrics/streams`: the number that an autoscaler reads. No ingress leads to a path below /metrics.

No worker alive is `degraded`, not red: the pool may be scaled to zero, and a waiting job starts a worker.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from backend.accounts.needs import needs
from backend.health.readiness import readiness_of
from backend.moments import moment
from backend.pool.look import PoolLook, looks_of
from backend.pool.models.catalogue import catalogue_of
from backend.pool.pools import pools_of
from backend.pool.trail import trails_of
from wire.circuits import Circuit
from wire.records import PROTOCOL
from wire.workers import WorkerRecord

router = APIRouter(tags=["health"])
PUBLIC = [needs("public")]


@router.get("/health/live", dependencies=PUBLIC, summary="The process runs")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/metrics/streams", dependencies=PUBLIC, include_in_schema=False)
async def streams(request: Request) -> dict[str, int]:
    """How many callers of this process have an answer open, streamed or waited for. The number is the length of a set:
    no request to Redis is made."""
    return {"streams": len(trails_of(request).open)}


@router.get("/health", dependencies=PUBLIC, summary="Ready to let jobs in")
@router.get("/health/ready", dependencies=PUBLIC, summary="Ready to let jobs in, or why not")
@router.get("/api/health", dependencies=PUBLIC, summary="Ready to let jobs in")
async def ready(request: Request) -> JSONResponse:
    reason = await readiness_of(request).why_not()
    if reason:
        return JSONResponse({"status": "unavailable", "reason": reason}, 503, {"Retry-After": "1"})
    return JSONResponse({"status": "ok"})


@router.get("/health/detailed", dependencies=[needs("operate")], summary="Queue, workers and models")
async def detailed(request: Request) -> JSONResponse:
    readiness, pools = readiness_of(request), pools_of(request)
    reason = await readiness.why_not()
    if reason:
        return JSONResponse({"status": "unavailable", "reason": reason}, 503, {"Retry-After": "1"})
    look = await looks_of(request).newest(anew=True)
    workers = [_worker(name, worker) for name, pool in look.pools.items() for worker in pool.workers]
    models = (await catalogue_of(request).models()).known
    body: dict[str, Any] = {
        "status": "ok" if workers else "degraded",
        "reason": None if workers else "no worker is alive: jobs wait until one starts",
        "pool": pools.own.name,
        "protocol": PROTOCOL,
        "jobs": look.depth,
        "streams": readiness.readers,
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
    """The circuit of an engine and a model that failed. A circuit that is not listed is closed."""
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
        "engine": worker.info.engine,
        "detail": worker.info.detail,
        "host": worker.info.host,
        "slots": worker.slots,
        "running": worker.owned,
        "asking": worker.asking,
        "beat": worker.beat,
        "job_seconds": worker.info.job_seconds,
        "models": sorted(worker.info.models),
    }
