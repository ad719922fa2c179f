"""Vectors as the log holds them: little-endian 32-bit floats in base64, in events that a reader can take live."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterator, Sequence

from wire.events import Token

BURST_BYTES = 128 * 1024  # half of what a reader holds in memory: after a longer message it reads from the log


def packed(vector: Sequence[float]) -> str:
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def bursts(vectors: Sequence[Sequence[float]]) -> Iterator[Token]:
    """Events that hold all vectors in their order: in each as many as fit, and at least one. Vectors are no tokens."""
    burst: list[str] = []
    size = 0
    for vector in vectors:
        body = packed(vector)
        if burst and size + len(body) > BURST_BYTES:
            yield Token(embeddings=burst, n=0)
            burst, size = [], 0
        burst.append(body)
        size += len(body)
    if burst:
        yield Token(embeddings=burst, n=0)
