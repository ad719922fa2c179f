"""The jobs of one request, one or more: each has a ticket, and a party of tickets is followed and left as one.

A caller who goes away leaves all jobs of a request. One job that fails ends the others, because no answer is made of
them any more. Knows no dialect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import TypeVar

from starlette.types import Message, Receive

from backend.chat.outcome import Outcome
from backend.pool.trail import Trail
from wire.ids import JobId

Value = TypeVar("Value")


class Ticket:
    """A job that was submitted or joined for one caller: its reader, and what happens when the caller leaves."""

    def __init__(self, job: JobId, model: str, reader: Trail, leave: Callable[[bool], Awaitable[None]]) -> None:
        self.job = job
        self.model = model  # as the catalogue spells it
        self.reader = reader
        self.joins = False  # an earlier request made the job
        self.headers: dict[str, str] = {"X-Sluice-Job": job}
        self._leave = leave
        self._left = False

    async def leave(self, gone: bool) -> None:
        """Detach from the job, once. `gone`: the caller went away before the job's end."""
        if not self._left:
            self._left = True
            await self._leave(gone)


class Party:
    """The tickets of one request. `gone`: no caller reads the rest of the answers, so that leaving does to the
    jobs what their caller wants of a disconnect.
    """

    def __init__(self, tickets: Sequence[Ticket]) -> None:
        self.tickets = tickets
        self.gone = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the first job, with the ids of all jobs."""
        return {**self.tickets[0].headers, "X-Sluice-Job": ", ".join(ticket.job for ticket in self.tickets)}

    # -- hanging up --------------------------------------------------------------------------------------------
    def hang_up(self) -> None:
        """The caller has gone away: what reads a job's events for this caller stops."""
        self.gone = True
        for ticket in self.tickets:
            ticket.reader.hang_up()

    def hearing(self, receive: Receive) -> Receive:
        """The same `receive`; the party hangs up when a disconnect comes through it."""

        async def hear() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.hang_up()
            return message

        return hear

    @asynccontextmanager
    async def watched(self, receive: Receive) -> AsyncIterator[None]:
        """Inside, the party hangs up as soon as its caller goes away."""

        async def watch() -> None:
            hear = self.hearing(receive)
            while (await hear())["type"] != "http.disconnect":
                pass

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()

    async def leave(self) -> None:
        """Detach from every job, once. A job that has not ended is cancelled where the party is `gone`."""
        for ticket in self.tickets:
            await ticket.leave(gone=self.gone and not ticket.reader.at_end)

    # -- the whole answer --------------------------------------------------------------------------------------
    async def outcomes(self, receive: Receive | None = None) -> list[Outcome]:
        """Wait for every job's end, then leave. The outcomes in the order of the tickets; they are incomplete where the
        caller went away, which `receive` reports. Raises the failure of the first job that fails.
        """
        try:
            async with nullcontext() if receive is None else self.watched(receive):
                return await together([asyncio.create_task(outcome_of(ticket)) for ticket in self.tickets])
        except Exception:
            self.gone = self.gone or len(self.tickets) > 1  # no caller waits for the other jobs any more
            raise
        finally:
            await self.leave()


async def outcome_of(ticket: Ticket) -> Outcome:
    """The whole of the answer, once the job has ended. Raises JobFailed."""
    outcome = Outcome()
    while (entries := await ticket.reader.next_burst()) is not None:
        outcome.fold(entries)
    return outcome.checked()


async def together(tasks: Sequence[asyncio.Task[Value]]) -> list[Value]:
    """All results in order, or the first exception that any task raises, with the other tasks stopped."""
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
