"""Embeddings as an engine sends them: as many lists of numbers as there were texts."""

from __future__ import annotations

from ollama_worker.engines.base import EngineFailed
from ollama_worker.engines.http import fields_of
from wire.events import counted


def vectors_of(value: object) -> list[list[float]]:
    """Raises `EngineFailed` for anything that is not a list of lists of numbers."""
    if not isinstance(value, list) or not all(map(_is_vector, value)):
        raise EngineFailed("The engine answered with embeddings that are no lists of numbers")
    return value


def vectors_in_order(value: object) -> list[list[float]]:
    """The vectors of rows `{"index", "embedding"}`, by their index; the rows come in any order."""
    rows = [fields_of(row) for row in value] if isinstance(value, list) else []
    return vectors_of([row.get("embedding") for row in sorted(rows, key=lambda row: counted(row.get("index")))])


def _is_vector(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(number, int | float) for number in value)
