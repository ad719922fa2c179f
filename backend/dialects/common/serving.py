"""The one handler of all doors: read the request, submit its jobs, and relay or return their answer.

`submit` is the one way in for the jobs of a request: it reads the request's headers, the service does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from backend.accounts.caller import Caller
from backend.bounds import bounds_of
from backend.chat.choices import RelayChoices
from backend.chat.disconnect import OnDisconnect, parse_on_disconnect
from backend.chat.pace import pace_of
from backend.chat.party import Party, Ticket
from backend.chat.relay import RelayResponse
from backend.chat.service import chat_of
from backend.chat.submission import Submission
from backend.chat.turn import Turn
from backend.dialects.common.door import ChoiceDoor, Door, Incoming, Parsed
from backend.entrance.body import read_object
from backend.entrance.crowd import leave
from backend.entrance.protocols import own_path
from backend.errors import TooLarge, refused_with
from backend.routing.affinity import parse_conversation
from wire.idempotency import body_hash
from wire.records import JobRequest


async def serve(request: Request, caller: Caller, door: Door) -> Response:
    """Answer one request of `door`. Raises ApiError before the response opens."""
    fields, body = await read_object(request)
    return await answered(request, caller, door, door.read(incoming(request, fields)), body)


async def serve_choices(request: Request, caller: Caller, door: ChoiceDoor) -> Response:
    """Answer one request of `door`, however many choices it wants. Raises ApiError before the response opens."""
    bounds = bounds_of(request)
    fields, body = await read_object(request)
    parsed = door.read(incoming(request, fields))
    if not parsed.others:
        return await answered(request, caller, door, parsed, body)
    if len(body) * (fields.get("n") or 1) > bounds.body_bytes:
        raise TooLarge("So many answers to a request of this size are more than a request may be; send a smaller 'n'.")
    pace = pace_of(request)
    party = await submit(request, caller, [of_door(ask, door) for ask in parsed.asks], body)
    if parsed.stream:
        choices = [door.choice(parsed, party.tickets, place) for place in range(len(party.tickets))]
        return RelayChoices(party, choices, pace)
    with refused_with(party.headers):
        answer = door.all_choices(parsed, party.tickets, await party.outcomes(request.receive))
    return Response(orjson.dumps(answer), 200, party.headers, "application/json")


async def answered(request: Request, caller: Caller, door: Door, parsed: Parsed, body: bytes) -> Response:
    """The answer to a request that its door has read, of one job."""
    pace = pace_of(request)
    reuse = request.headers.get("x-sluice-cache") == "allow" if parsed.reuse is None else parsed.reuse
    [ticket] = (await submit(request, caller, [of_door(parsed.ask, door)], body, turn=parsed.turn, reuse=reuse)).tickets
    if parsed.stream:
        return RelayResponse(ticket, door.stream(parsed, ticket), pace)
    return await whole(request, door, parsed, ticket)


async def whole(request: Request, door: Door, parsed: Parsed, ticket: Ticket) -> Response:
    """The answer as one object, once it is complete. A failure, too, is sent with the job's headers."""
    with refused_with(ticket.headers):
        [outcome] = await Party([ticket]).outcomes(request.receive)
        answer = door.whole(parsed, ticket, outcome)
    return Response(orjson.dumps(answer, option=orjson.OPT_UTC_Z), 200, ticket.headers, "application/json")


async def submit(
    request: Request,
    caller: Caller,
    asks: Sequence[JobRequest],
    body: bytes,
    *,
    turn: Turn | None = None,
    on_disconnect: OnDisconnect | None = None,
    trimmed: bool = False,
    reuse: bool = False,
    keeps_ask: bool = False,
) -> Party:
    """Submit the jobs of a request, all or none. Raises ApiError.

    `turn`: of the only job; a turn has a key of its own, since an answer has one job. `on_disconnect`: in place of the
    caller's header. The others are those of a Submission.
    """
    headers = request.headers
    submission = Submission(
        ask=asks[0],
        caller=caller,
        on_disconnect=on_disconnect or parse_on_disconnect(headers.get("x-sluice-on-disconnect")),
        idempotency_key=turn.key if turn else headers.get("idempotency-key"),
        turn=turn,
        body=body_hash(request.url.path.encode() + b"\0" + body),
        conversation=parse_conversation(headers.get("x-sluice-conversation")),
        overflow=headers.get("x-sluice-overflow") == "allow",
        trimmed=trimmed,
        reuse=reuse,
        keeps_ask=keeps_ask,
    )
    party = await chat_of(request).submit_all([submission._replace(ask=ask) for ask in asks])
    leave(request.scope)
    return party


def incoming(request: Request, fields: dict[str, Any]) -> Incoming:
    """The request for a door to read. `fields`: its body, parsed."""
    return Incoming(fields, bounds_of(request), own_path(request.scope), request.query_params, request.headers)


def of_door(ask: JobRequest, door: Door) -> JobRequest:
    return ask.model_copy(update={"door": door.name})
