"""Embeddings as an engine sends them: as many lists of numbers as there were texts."""

from __future__ import annotations

from ollama_worker.engines.base import EngineFailed
from ollama_worker.engines.http import fields_of
from wire.events import counted


def vectors_of(told: object) -> list[list[float]]:
    """Raises `EngineFailed` for anything that is not a list of lists of numbers."""
    if not isinstance(told, list) or not all(map(_is_vector, told)):
        raise EngineFailed("The engine answered with embeddings that are no lists of numbers")
    return told


def vectors_in_order(told: object) -> list[list[float]]:
    """Of rows `{"index", "embedding"}`, in whatever order they came."""
    rows = [fields_of(row) for row in told] if isinstance(told, list) else []
    return vectors_of([row.get("embedding") for row in sorted(rows, key=lambda row: counted(row.get("index")))])


def _is_vector(told: object) -> bool:
    return isinstance(told, list) and all(isinstance(number, int | float) for number in told)
