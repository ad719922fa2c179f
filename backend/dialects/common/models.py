"""The part that the protocols' lists of models have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.pool.models.names import Models

About = Mapping[str, Any]  # what a worker reports of a model


def listed_ids(models: Models, aliases: Mapping[str, str]) -> dict[str, str]:
    """Each id under which a model may be requested → the model's name; those of live models first."""
    names = {**{name: name for name in models.known}, **aliases}
    return {id: names[id] for id in sorted(names, key=lambda id: (not models.is_live(names[id]), id))}
