"""`/api/models`: which models a chat may ask for, and who answers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from backend.bounds import bounds_of
from backend.pool.models.catalogue import catalogue_of
from backend.pool.models.names import Models, find
from backend.pool.sights import sights_of
from wire.workers import WorkerRecord

router = APIRouter(tags=["models"])
SIMULATED = "simulated"


@router.get("/api/models", summary="The models a chat may name, live ones first")
async def models(request: Request) -> dict[str, Any]:
    """`live`: a living worker offers it now; `default`: what a chat gets that names none; `context_length` 0: not
    known; `aliases`: other names for it. `advice`: how to connect a real model, where all answers are simulated.
    `limits`: so many of a conversation's last messages reach a model, and so many bytes a request may have."""
    catalogue, bounds = catalogue_of(request), bounds_of(request)
    known, default = await catalogue.models(), await catalogue.resolve(None)
    offers, workers = await catalogue.by_pool(), await sights_of(request).workers()
    default = find(default, known.known) or default
    about = {**known.known, default: known.about(default)}
    return {
        "models": [
            {
                **_model(name, about[name], name == default, name in known.live),
                **_pools(name, offers),
                "aliases": [alias for alias, model in catalogue.aliases.items() if find(model, [name])],
            }
            for name in _order(about, known.live)
        ],
        "engines": sorted({str(engine) for worker in workers if (engine := worker.info.get("engine"))}),
        "workers": len(workers),
        "advice": advice(workers),
        "limits": {"messages": bounds.context_messages, "body_bytes": bounds.body_bytes},
    }


def _order(names: dict[str, Any], live: dict[str, Any]) -> list[str]:
    return sorted(names, key=lambda name: (name not in live, name))


def _pools(name: str, offers: dict[str, Models]) -> dict[str, Any]:
    """`pools`: all that offer it, those with a living worker first; `pool` is the first of them."""
    known = [pool for pool, models in offers.items() if find(name, models.known)]
    pools = sorted(known, key=lambda pool: not find(name, offers[pool].live))
    return {"pool": pools[0] if pools else None, "pools": pools}


def _model(name: str, about: dict[str, Any], default: bool, live: bool) -> dict[str, Any]:
    return {
        "name": name,
        "default": default,
        "live": live,
        "loaded": live and bool(about.get("loaded")),
        "context_length": int(about.get("context_length") or 0),
        "capabilities": list(about.get("capabilities") or ()),
    }


def advice(workers: list[WorkerRecord]) -> str | None:
    """What a simulated worker says of itself, where there is no other."""
    engines = {worker.info.get("engine") for worker in workers}
    return str(workers[0].info.get("detail", "")) or None if engines == {SIMULATED} else None
