"""Several jobs for one request: let in side by side, read together, left together.

One that fails, or a caller who leaves, ends all the others: nobody would read them. Knows no dialect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from fastapi import Request
from starlette.types import Receive

from backend.chat.relay import Outcome, Ticket
from backend.chat.serving import submit
from backend.house import House
from wire.records import JobRequest

AT_ONCE = 16  # jobs that are being let in: each has less than a second for it, also where the machine is busy

Value = TypeVar("Value")


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
        outcome.fold(entries)
    return outcome.checked()


async def leave_all(tickets: Sequence[Ticket], gone: bool) -> None:
    for ticket in tickets:
        await ticket.leave(gone=gone and not ticket.reader.at_end)


def headers_of(tickets: Sequence[Ticket]) -> dict[str, str]:
    """Of the first job, with the ids of all."""
    return {**tickets[0].headers, "X-Sluice-Job": ", ".join(ticket.job for ticket in tickets)}
