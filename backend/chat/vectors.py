"""Vectors for many inputs: the ask is split into jobs that lie in the queue side by side, and put together again.

    parts_of → submit all → vectors_of: wait for all → one list, in the order of the inputs

Knows no dialect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from starlette.types import Receive

from backend.chat.party import Party
from backend.errors import ApiError, Unavailable, refused_with
from wire.records import JobRequest

BREATH = 32  # vectors that are written before other requests have a turn

Inputs = tuple[str | tuple[int, ...], ...]


class Embedded(NamedTuple):
    """The vectors of one request, one for each input, in order: little-endian 32-bit floats in base64.

    `headers`: of the answer; `X-Sluice-Job` lists all jobs. `total_ms` and `load_ms` are those of the slowest job,
    waiting included.
    """

    vectors: list[str]
    prompt_tokens: int
    model: str
    headers: dict[str, str]
    total_ms: int
    load_ms: int


def parts_of(ask: JobRequest, size: int) -> list[JobRequest]:
    """The asks of which each has at most `size` of the inputs."""
    return [ask.model_copy(update={"inputs": part}) for part in split(ask.inputs, size)]


async def vectors_of(party: Party, inputs: int, receive: Receive) -> Embedded:
    """The vectors that the jobs of a party make of so many inputs, at least one. Raises ApiError."""
    with refused_with(party.headers):
        outcomes = await party.outcomes(receive)
        vectors = [vector for outcome in outcomes for vector in outcome.embeddings]
        ends = [outcome.end for outcome in outcomes]
        if all(ends):
            check(ends, len(vectors), inputs)
    return Embedded(
        vectors,
        sum(end.get("usage", {}).get("prompt_tokens", 0) for end in ends),
        party.tickets[0].model,
        party.headers,
        max(end.get("timings", {}).get("queued_ms", 0) + end.get("timings", {}).get("total_ms", 0) for end in ends),
        max(end.get("timings", {}).get("load_ms", 0) for end in ends),
    )


def check(ends: Sequence[dict[str, Any]], vectors: int, inputs: int) -> None:
    """Raises ApiError for what is worse than no answer: the vector of another input, or of another model."""
    if vectors != inputs:
        raise ApiError(f"The engine made {vectors} vectors of {inputs} inputs.", "engine_error")
    if len(models := {end.get("model") or "" for end in ends}) > 1:
        text = f"The vectors are of different models ({', '.join(sorted(models))}); send the request again."
        raise Unavailable(text, "models_mixed")


def split(inputs: Inputs, size: int) -> list[Inputs]:
    """Parts of at most `size` inputs, as equal as can be: the caller waits for the slowest part."""
    count = -(-len(inputs) // size)
    bounds = [len(inputs) * part // count for part in range(count + 1)]
    return [inputs[start:end] for start, end in pairwise(bounds)]


async def joined(pieces: Iterable[bytes]) -> bytes:
    """The bytes of an answer of many vectors, made piece by piece; other requests have a turn now and then."""
    made = []
    for piece in pieces:
        made.append(piece)
        if len(made) % BREATH == 0:
            await asyncio.sleep(0)
    return b"".join(made)
