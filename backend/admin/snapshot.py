"""A look at the pools, as an operator sees it."""

from __future__ import annotations

from typing import Any

from backend.admin.points import Point
from backend.admin.pulse import Pulse
from backend.moments import moment
from backend.pool.look import Look, PoolLook
from wire.places import Lengths
from wire.workers import WorkerRecord

TENANTS_SHOWN = 50  # of a class; those with the most waiting jobs


def snapshot(look: Look, pulse: Pulse, point: Point) -> dict[str, Any]:
    """`depth`: waiting and running jobs together. A class's `waiting` counts those that came back (`returned`) too."""
    return {
        "at": moment(look.at),
        "queue": {
            "depth": look.depth,
            "running": look.running,
            "waiting": look.waiting,
            "classes": [_class(name, lengths) for name, lengths in look.classes.items()],
        },
        "pools": [_pool(name, pool) for name, pool in look.pools.items()],
        "workers": [_worker(worker, name, look, pulse) for name, pool in look.pools.items() for worker in pool.workers],
        "point": point.view(),
    }


def _pool(name: str, pool: PoolLook) -> dict[str, Any]:
    return {
        "pool": name,
        "depth": pool.depth,
        "running": pool.running,
        "waiting": sum(pool.waiting.values()),
        "workers": len(pool.workers),
    }


def _class(name: str, lengths: Lengths) -> dict[str, Any]:
    tenants = sorted(lengths.tenants, key=lambda pair: -pair[1])[:TENANTS_SHOWN]
    return {
        "class": name,
        "waiting": lengths.waiting,
        "returned": lengths.front,
        "tenants": [{"tenant": tenant, "waiting": waiting} for tenant, waiting in tenants],
    }


def _worker(worker: WorkerRecord, pool: str, look: Look, pulse: Pulse) -> dict[str, Any]:
    """`beat_age_ms`: since the worker's latest beat, by pool time."""
    info = worker.info
    return {
        "id": worker.incarnation,
        "pool": pool,
        "engine": info.engine,
        "detail": info.detail,
        "host": info.host,
        "slots": worker.slots,
        "running": worker.owned,
        "state": pulse.state(worker, look.now),
        "beat_age_ms": max(0, look.at - worker.seen),
        "since": moment(worker.since),
        "job_seconds": info.job_seconds,
        "tokens_per_second": pulse.rate(worker),
        "models": [{"name": name, "loaded": bool(about.get("loaded"))} for name, about in sorted(info.models.items())],
        "gpus": [gpu._asdict() for gpu in info.gpus],
    }
