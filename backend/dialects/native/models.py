"""`/api/models`: the models that a chat may name, and the engines that answer."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from backend.accounts.needs import needs
from backend.bounds import bounds_of
from backend.pool.look import looks_of
from backend.pool.models.catalogue import catalogue_of
from backend.pool.models.names import Models, find
from wire.workers import WorkerRecord

router = APIRouter(tags=["models"], dependencies=[needs("models")])
SIMULATED = "simulated"


@router.get("/api/models", summary="The models a chat may name, live ones first")
async def models(request: Request) -> dict[str, Any]:
    """`live`: a living worker offers the model now. `default`: the model of a chat that names none. `context_length` 0:
    not known. `aliases`: other names of the model. `advice`: how to connect a real model, where all answers are
    simulated. `limits`: how many of a conversation's last messages reach a model, and how many bytes a request may
    have."""
    catalogue, bounds = catalogue_of(request), bounds_of(request)
    known, default = await catalogue.models(), await catalogue.resolve(None)
    offers, workers = await catalogue.by_pool(), (await looks_of(request).newest()).workers
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
        "engines": sorted({worker.info.engine for worker in workers if worker.info.engine}),
        "workers": len(workers),
        "advice": advice(workers),
        "limits": {"messages": bounds.context_messages, "body_bytes": bounds.body_bytes},
    }


def _order(names: dict[str, Any], live: dict[str, Any]) -> list[str]:
    return sorted(names, key=lambda name: (name not in live, name))


def _pools(name: str, offers: dict[str, Models]) -> dict[str, Any]:
    """`pools`: all pools that offer the model, those with a living worker first. `pool`: the first of them."""
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
    """The detail of a simulated worker, where no other worker lives."""
    engines = {worker.info.engine for worker in workers}
    return workers[0].info.detail or None if engines == {SIMULATED} else None
