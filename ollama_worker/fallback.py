"""Where a job goes on when its engine fails: to the next of its alternatives, before the first token only.

What has been said cannot be taken back, and another model's words never follow it.
"""

from __future__ import annotations

from ollama_worker.engines.base import EngineDenied, EngineError, EngineUnavailable
from wire.records import JobRequest, Target

# What speaks against an engine with a model. All else speaks against the request, and would meet it anywhere.
FAULTS = frozenset(
    {
        *("engine_unavailable", "engine_denied", "engine_failed", "engine_silent"),
        *("model_not_found", "out_of_memory", "stream_cut"),
    }
)


def next_place(request: JobRequest, error: EngineError, pool: str) -> Target | None:
    """The first alternative that this failure, met in `pool`, leaves open; None: none.

    Where the engine itself is away, or does not let us in, its other models are too.
    """
    if error.code not in FAULTS:
        return None
    away = isinstance(error, EngineUnavailable | EngineDenied)
    return next((place for place in request.fallback if not (away and place.pool == pool)), None)


def as_spoken(request: JobRequest, model: str, pool: str) -> JobRequest | None:
    """The request for the model that has begun to answer it in `pool`, empty for its own; None: it does not name it."""
    if model in ("", request.model):
        return request
    places = list(request.fallback)
    place = Target(pool=pool, model=model)
    if place not in places:
        return None
    behind = tuple(places[places.index(place) + 1 :])
    return request.model_copy(update={"model": model, "fallback": behind})


def as_other_model(request: JobRequest) -> JobRequest:
    """The same request for its first alternative; the others are left for when that fails too."""
    first, *rest = request.fallback
    return request.model_copy(update={"model": first.model, "fallback": tuple(rest)})
