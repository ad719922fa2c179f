"""Where a job goes on when its engine fails: to the next of its alternatives, before the first token only.

What has been said cannot be taken back, and another model's words never follow it.
"""

from __future__ import annotations

from ollama_worker.engines.base import EngineDenied, EngineError, EngineUnavailable, ModelNotFound
from wire.records import ANY_MODEL, JobRequest, Target

# What speaks against an engine with a model. All else speaks against the request, and would meet it anywhere.
FAULTS = frozenset(
    {
        *("engine_unavailable", "engine_denied", "engine_failed", "engine_silent"),
        *("model_not_found", "out_of_memory", "stream_cut"),
    }
)


def next_place(ask: JobRequest, error: EngineError, pool: str) -> Target | None:
    """The first alternative that this failure, met in `pool`, leaves open; None: none.

    Where the engine itself is away, or does not let us in, its other models are too. Any model of the worker stands in
    for one that is missing, not for one that is there and fails: that may be the same.
    """
    if error.code not in FAULTS:
        return None
    away = isinstance(error, EngineUnavailable | EngineDenied)
    missing = isinstance(error, ModelNotFound)
    left = (place for place in ask.fallback if missing or place.model != ANY_MODEL)
    return next((place for place in left if not (away and place.pool == pool)), None)


def as_spoken(ask: JobRequest, model: str, pool: str) -> JobRequest | None:
    """The request for the model that has begun to answer it in `pool`, empty for its own; None: it does not name it."""
    if model in ("", ask.model):
        return ask
    places = list(ask.fallback)
    place = Target(pool=pool, model=model)
    if place not in places:
        return None
    behind = tuple(places[places.index(place) + 1 :])
    return ask.model_copy(update={"model": model, "fallback": behind})


def as_other_model(ask: JobRequest, model: str) -> JobRequest:
    """The same request for `model`, its first alternative; the others are left for when that fails too."""
    return ask.model_copy(update={"model": model, "fallback": ask.fallback[1:]})
