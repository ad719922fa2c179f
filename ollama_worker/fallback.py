"""Where a job goes on when its engine fails: as the next of its alternatives, before the first token only.

A token that has gone out cannot be taken back, and another model's words never follow it.
"""

from __future__ import annotations

from ollama_worker.engines.base import EngineDenied, EngineError, EngineUnavailable, ModelNotFound
from wire.records import ANY_MODEL, JobRequest, Target

# The failures that speak against an engine with a model. All others speak against the request: it would fail anywhere.
FAULTS = frozenset(
    {
        *("engine_unavailable", "engine_denied", "engine_failed", "engine_silent"),
        *("model_not_found", "out_of_memory", "stream_cut"),
    }
)


def next_place(ask: JobRequest, error: EngineError, pool: str) -> Target | None:
    """The first alternative that this failure in `pool` leaves open; None where it leaves none.

    An engine that is away, or refuses our key, has no other model for us either. `ANY_MODEL` stands in for a model that
    is missing, and not for one that is there and fails: it may be the same model.
    """
    if error.code not in FAULTS:
        return None
    away = isinstance(error, EngineUnavailable | EngineDenied)
    missing = isinstance(error, ModelNotFound)
    left = (place for place in ask.fallback if missing or place.model != ANY_MODEL)
    return next((place for place in left if not (away and place.pool == pool)), None)


def as_begun(ask: JobRequest, model: str, pool: str) -> JobRequest | None:
    """The ask for the model that has begun its answer in `pool` ("": the ask's own); None: the ask does not name it."""
    if model in ("", ask.model):
        return ask
    places = list(ask.fallback)
    place = Target(pool=pool, model=model)
    if place not in places:
        return None
    behind = tuple(places[places.index(place) + 1 :])
    return ask.model_copy(update={"model": model, "fallback": behind})


def as_other_model(ask: JobRequest, model: str) -> JobRequest:
    """The same ask for `model`, its first alternative; the other alternatives are left for when that fails too."""
    return ask.model_copy(update={"model": model, "fallback": ask.fallback[1:]})
