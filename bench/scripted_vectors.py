"""Vectors without a model: each word and each three letters push a text in a direction of their own.

The same text gives the same vector anywhere; texts that share words lie near each other; every vector has length 1.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence

DIMENSIONS = 64
WORD_WEIGHT = 3.0  # a shared word counts more than three shared letters


def vector_of(given: str | Sequence[int], dimensions: int = DIMENSIONS) -> list[float]:
    """The vector of a text, or of token ids."""
    directions = [0.0] * dimensions
    for feature, weight in _features(given):
        digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        place = int.from_bytes(digest[:4]) % dimensions
        directions[place] += weight if digest[4] & 1 else -weight
    length = math.sqrt(math.fsum(value * value for value in directions))
    return [value / length for value in directions] if length else [1.0] + [0.0] * (dimensions - 1)


def _features(given: str | Sequence[int]) -> Iterable[tuple[str, float]]:
    if not isinstance(given, str):
        return ((f"id {number}", 1.0) for number in given)
    text = given.lower()
    words = ((f"word {word}", WORD_WEIGHT) for word in text.split())
    threes = ((f"three {text[place : place + 3]}", 1.0) for place in range(max(len(text) - 2, 1)))
    return (*words, *threes)
