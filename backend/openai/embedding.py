"""Vectors for many inputs: the request is split into jobs that lie in the queue side by side, and put together again.

    split → let all in → wait for all → one list, in the order of the inputs

One that fails, or a caller who leaves, ends all the others: nobody would read them. Knows no dialect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from fastapi import Request
from starlette.types import Receive

from backend.chat.serving import submit
from backend.errors import ApiError, Unavailable, told_with
from backend.house import House, house_of
from backend.relay import Outcome, Ticket
from wire.records import JobRequest

AT_ONCE = 16  # jobs that are being let in: each has less than a second for it, also where the machine is busy
BREATH = 32  # vectors that are written before everybody else has a turn

Inputs = tuple[str | tuple[int, ...], ...]
Value = TypeVar("Value")


class Embedded(NamedTuple):
    """`vectors`: one an input, in order, each little-endian 32-bit floats in base64. `headers`: for the answer,
    `X-Sluice-Job` lists all jobs. `total_ms` and `load_ms` are those of the slowest job, waiting included.
    """

    vectors: list[str]
    prompt_tokens: int
    model: str
    headers: dict[str, str]
    total_ms: int
    load_ms: int


async def embed(request: Request, job: JobRequest, body: bytes) -> Embedded:
    """The vectors of `job.inputs`, at least one. `body`: the request as it was sent. Raises ApiError."""
    house = house_of(request)
    parts = split(job.inputs, house.settings.embed_batch)
    tickets = await let_all_in(house, request, [job.model_copy(update={"inputs": part}) for part in parts], body)
    headers = {**tickets[0].headers, "X-Sluice-Job": ", ".join(ticket.job for ticket in tickets)}
    with told_with(headers):
        outcomes = await all_outcomes(tickets, request.receive)
        vectors = [vector for outcome in outcomes for vector in outcome.embeddings]
        ends = [outcome.end for outcome in outcomes]
        if all(ends):
            check(ends, len(vectors), len(job.inputs))
    return Embedded(
        vectors,
        sum(end.get("usage", {}).get("prompt_tokens", 0) for end in ends),
        tickets[0].model,
        headers,
        max(end.get("timings", {}).get("queued_ms", 0) + end.get("timings", {}).get("total_ms", 0) for end in ends),
        max(end.get("timings", {}).get("load_ms", 0) for end in ends),
    )


def check(ends: Sequence[dict[str, Any]], vectors: int, inputs: int) -> None:
    """Raises ApiError for what would be worse than no answer: a vector that is another input's, or another model's."""
    if vectors != inputs:
        raise ApiError(f"The engine made {vectors} vectors of {inputs} inputs.", "engine_error")
    if len(models := {end.get("model") or "" for end in ends}) > 1:
        told = f"The vectors are of different models ({', '.join(sorted(models))}); send the request again."
        raise Unavailable(told, "models_mixed")


def split(inputs: Inputs, size: int) -> list[Inputs]:
    """Parts of at most `size`, as equal as can be: the slowest of them is what the caller waits for."""
    count = -(-len(inputs) // size)
    bounds = [len(inputs) * part // count for part in range(count + 1)]
    return [inputs[start:end] for start, end in pairwise(bounds)]


async def let_all_in(house: House, request: Request, jobs: Sequence[JobRequest], body: bytes) -> list[Ticket]:
    """A ticket for each, or none: where one is refused, those that are in leave again."""
    several, room = len(jobs) > 1, asyncio.Semaphore(AT_ONCE)

    async def let_in(number: int, job: JobRequest) -> Ticket:
        async with room:
            return await submit(house, request, job, body, f"#{number}" if several else "")

    answers = await asyncio.gather(*[let_in(n, job) for n, job in enumerate(jobs)], return_exceptions=True)
    tickets = [answer for answer in answers if isinstance(answer, Ticket)]
    for answer in answers:
        if isinstance(answer, BaseException):
            await leave_all(tickets, gone=True)
            raise answer
    return tickets


async def all_outcomes(tickets: Sequence[Ticket], receive: Receive) -> list[Outcome]:
    """Every job's, in order; incomplete where the caller went away. Raises the failure of the first that fails."""
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        for ticket in tickets:
            ticket.reader.hang_up()

    watching = asyncio.create_task(watch())
    try:
        return await together([asyncio.create_task(outcome_of(ticket)) for ticket in tickets])
    except Exception:
        gone = True  # for the others' sake: nobody waits for them any more
        raise
    finally:
        watching.cancel()
        await leave_all(tickets, gone)


async def together(tasks: Sequence[asyncio.Task[Value]]) -> list[Value]:
    """All results in order, or the first exception that any of them raises, with the others stopped."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def outcome_of(ticket: Ticket) -> Outcome:
    outcome = Outcome()
    while (entries := await ticket.reader.next_burst()) is not None:
        for entry in entries:
            outcome.add(entry)
    return outcome.checked()


async def leave_all(tickets: Sequence[Ticket], gone: bool) -> None:
    for ticket in tickets:
        await ticket.leave(gone=gone and not ticket.reader.at_end)


async def joined(pieces: Iterable[bytes]) -> bytes:
    """An answer of many vectors, made piece by piece with a breath for everybody else now and then."""
    held = []
    for piece in pieces:
        held.append(piece)
        if len(held) % BREATH == 0:
            await asyncio.sleep(0)
    return b"".join(held)
