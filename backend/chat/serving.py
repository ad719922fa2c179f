"""The one handler of all dialects: read → submit → relay, or wait for the whole answer.

`submit` is the one admission path: what the request's headers say, then the service.
"""

from __future__ import annotations

import orjson
from fastapi import Request
from starlette.responses import Response

from backend.accounts.caller import principal_of
from backend.chat.disconnect import OnDisconnect, parse_on_disconnect
from backend.chat.relay import RelayResponse, Ticket, collect
from backend.chat.service import Submission
from backend.chat.turn import Turn
from backend.dialects.common.door import Asked, Door
from backend.entrance.body import read_object
from backend.entrance.crowd import leave
from backend.errors import told_with
from backend.house import House, house_of
from backend.pace import pace_of
from backend.routing.affinity import parse_conversation
from wire.idempotency import body_hash
from wire.records import JobRequest


async def serve(request: Request, door: Door) -> Response:
    """Answer one request of `door`. Raises ApiError before the response opens."""
    parsed, body = await read_object(request)
    return await answered(request, door, door.read(parsed, house_of(request).settings.max_messages), body)


async def answered(request: Request, door: Door, asked: Asked, body: bytes) -> Response:
    """The same for a request that was read, of one job."""
    house, pace = house_of(request), pace_of(request)
    reuse = request.headers.get("x-sluice-cache") == "allow" if asked.reuse is None else asked.reuse
    ticket = await submit(house, request, asked.job.model_copy(update={"door": door.name}), body, reuse=reuse)
    if asked.stream:
        return RelayResponse(ticket, door.stream(asked, ticket), pace)
    return await whole(request, door, asked, ticket)


async def whole(request: Request, door: Door, asked: Asked, ticket: Ticket) -> Response:
    """The answer as one object, when it is there. A failure, too, is told with the job's headers."""
    with told_with(ticket.headers):
        answer = door.whole(asked, ticket, await collect(ticket, request.receive))
    return Response(orjson.dumps(answer, option=orjson.OPT_UTC_Z), 200, ticket.headers, "application/json")


async def submit(
    house: House,
    request: Request,
    job: JobRequest,
    body: bytes,
    part: str = "",
    turn: Turn | None = None,
    on_disconnect: OnDisconnect | None = None,
    trimmed: bool = False,
    reuse: bool = False,
) -> Ticket:
    """Let one job of a request in. `on_disconnect`: where it is not the caller's header that says it. `trimmed`: its
    messages were cut to what fits. `reuse`: an answer from the cache will do.

    `part` tells the jobs of one request apart, where it makes several. A turn has a key anyhow: an answer has one job.
    """
    key = turn.key if turn else request.headers.get("idempotency-key")
    ticket = await house.chat.submit(
        Submission(
            request=job,
            principal=principal_of(),
            on_disconnect=on_disconnect or parse_on_disconnect(request.headers.get("x-sluice-on-disconnect")),
            idempotency_key=key,
            part=part,
            turn=turn,
            body=body_hash(request.url.path.encode() + b"\0" + body),
            conversation=parse_conversation(request.headers.get("x-sluice-conversation")),
            overflow=request.headers.get("x-sluice-overflow") == "allow",
            trimmed=trimmed,
            reuse=reuse,
        )
    )
    leave(request.scope)
    return ticket
