"""An answer of several choices: a job for each, told together.

`n` answers to one question, or one to each of several prompts. Whole, their choices stand in one object; streamed, each
choice's chunks carry its index and come as its job makes them. One that fails ends all. `X-Sluice-Job` lists the jobs
in the order of their choices; a chunk's `id:` is of an event of its own choice's job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson
from fastapi import Request
from starlette.responses import Response
from starlette.types import Message, Send

from backend.chat.relay import Streamed, Ticket, relay
from backend.chat.serving import answered
from backend.chat.several import all_outcomes, headers_of, leave_all, let_all_in, together
from backend.dialects.common.door import Asked, Choice, ChoiceDoor
from backend.entrance.body import read_object
from backend.errors import TooLarge, told_with
from backend.house import house_of
from backend.pace import pace_of


async def serve_choices(request: Request, door: ChoiceDoor) -> Response:
    """Answer one request of `door`, however many choices it asks for. Raises ApiError before the response opens."""
    house = house_of(request)
    parsed, body = await read_object(request)
    asked = door.read(parsed, house.settings.max_messages)
    if not asked.others:
        return await answered(request, door, asked, body)
    if len(body) * (parsed.get("n") or 1) > house.settings.max_body_bytes:
        raise TooLarge("So many answers to a request of this size are more than a request may be; send a smaller 'n'.")
    pace, jobs = pace_of(request), [job.model_copy(update={"door": door.name}) for job in asked.jobs]
    tickets = await let_all_in(house, request, jobs, body)
    if asked.stream:
        return RelayChoices(tickets, [door.choice(asked, tickets, place) for place in range(len(tickets))], pace)
    return await _whole(request, door, asked, tickets)


async def _whole(request: Request, door: ChoiceDoor, asked: Asked, tickets: Sequence[Ticket]) -> Response:
    headers = headers_of(tickets)
    with told_with(headers):
        outcomes = await all_outcomes(tickets, request.receive)
    return Response(orjson.dumps(door.all_choices(asked, tickets, outcomes)), 200, headers, "application/json")


class ChoiceFailed(Exception):
    """Its error was sent, which is the stream's last word."""


class RelayChoices(Streamed):
    """Streams several jobs to one caller, as their bursts come. Leaves all tickets whatever happens."""

    def __init__(self, tickets: Sequence[Ticket], choices: Sequence[Choice], pace: float = 0) -> None:
        super().__init__(choices[0].media_type, headers_of(tickets))
        self._tickets = tickets
        self._choices = choices
        self._pace = pace
        self._failed = False

    async def _write(self, send: Send) -> None:
        pairs = zip(self._tickets, self._choices, strict=True)
        try:
            await together([asyncio.create_task(self._relay(ticket, choice, send)) for ticket, choice in pairs])
        except ChoiceFailed:
            return
        if not self._gone:
            closing = self._choices[0].closing([choice.end for choice in self._choices])
            await send({"type": "http.response.body", "body": closing, "more_body": True})

    def _hang_up(self) -> None:
        for ticket in self._tickets:
            ticket.reader.hang_up()

    async def _leave(self) -> None:
        await leave_all(self._tickets, gone=self._gone or self._failed)

    async def _relay(self, ticket: Ticket, choice: Choice, send: Send) -> None:
        """Raises ChoiceFailed. From its error on, the other choices say nothing more."""

        async def send_unless_over(message: Message) -> None:
            if not self._failed:
                self._failed = choice.done and not choice.end
                await send(message)

        await relay(ticket, choice, self._pace, send_unless_over)
        if not (choice.end or self._gone):
            raise ChoiceFailed
