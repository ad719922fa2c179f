"""`/v1/responses`: create, and for a day after: look, stream again from any event on, cancel, delete."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from backend.accounts.caller import Caller
from backend.accounts.needs import needs
from backend.chat.disconnect import CONTINUE
from backend.chat.pace import pace_of
from backend.chat.party import Ticket
from backend.chat.relay import RelayResponse
from backend.dialects.common.door import Parsed
from backend.dialects.common.openapi import takes
from backend.dialects.common.serving import answered, incoming, submit, whole
from backend.dialects.openai.errors import BadParameter
from backend.dialects.responses.door import COUNT, DOOR
from backend.dialects.responses.object import Origin, response
from backend.dialects.responses.references import read_on
from backend.dialects.responses.request import ResponsesRequest, is_stored
from backend.dialects.responses.service import input_of, responses_of
from backend.dialects.responses.stream import ResponseEvents
from backend.entrance.body import read_object

router = APIRouter(prefix="/v1/responses", tags=["OpenAI"])
Id = Annotated[str, Path(description="A response's id: resp_ and 32 hexadecimal digits.")]
Chatter = Annotated[Caller, needs("chat")]


@router.post("", openapi_extra=takes(ResponsesRequest), summary="Create a response, as OpenAI does it")
async def create(request: Request, caller: Chatter) -> Response:
    """`stream`: server-sent events; `background`: at once, with status queued; else when the answer is whole."""
    responses = responses_of(request)
    fields, body = await read_object(request)
    parsed = DOOR.read(incoming(request, fields))
    parsed = await read_on(responses, caller, parsed, fields, len(body))
    ask = parsed.ask.model_copy(update={"door": DOOR.name})
    background, pace = bool(fields.get("background")), pace_of(request)
    on_disconnect = CONTINUE if background else None
    party = await submit(request, caller, [ask], body, on_disconnect=on_disconnect, keeps_ask=is_stored(ask))
    [ticket] = party.tickets
    parsed = await _as_let_in(request, caller, parsed, ticket)
    if parsed.stream:
        return RelayResponse(ticket, DOOR.stream(parsed, ticket), pace)
    if background:
        await ticket.leave(gone=False)
        return answer(response(Origin(ticket.job, ticket.model, parsed.ask), "queued", []), ticket.headers)
    return await whole(request, DOOR, parsed, ticket)


@router.post("/input_tokens", openapi_extra=takes(ResponsesRequest), summary="How many tokens a response's input is")
async def input_tokens(request: Request, caller: Chatter) -> Response:
    """Counted by the engine that would answer, with its own tokenizer and template."""
    responses = responses_of(request)
    fields, body = await read_object(request)
    parsed = COUNT.read(incoming(request, fields))
    parsed = await read_on(responses, caller, parsed, fields, len(body))
    return await answered(
        request, caller, COUNT, parsed._replace(ask=parsed.ask.model_copy(update={"kind": "count"})), body
    )


@router.get("/{response_id}", summary="A response as it is now, or its events from any one on")
async def show(
    request: Request,
    caller: Chatter,
    response_id: Id,
    stream: bool = False,
    starting_after: Annotated[int | None, Query(ge=0, description="With stream: a sequence_number.")] = None,
) -> Response:
    responses = responses_of(request)
    stored = await responses.find(caller, response_id)
    if starting_after is not None and not stream:
        raise BadParameter("starting_after", "'starting_after' belongs to a request with stream=true.")
    if not stream:
        return answer(await responses.now(stored))
    after = -1 if starting_after is None else starting_after
    pace = pace_of(request)
    return RelayResponse(await responses.followed(stored), ResponseEvents(stored.origin, after), pace)


@router.delete("/{response_id}", summary="Delete a response; one that lives is cancelled first")
async def delete(request: Request, caller: Chatter, response_id: Id) -> Response:
    """Request, answer and events are gone for good: the job cannot be found any more."""
    responses = responses_of(request)
    await responses.forget(caller, await responses.find(caller, response_id))
    return answer({"id": response_id, "object": "response", "deleted": True})


@router.post("/{response_id}/cancel", summary="End a response; its worker stops within 100 ms")
async def cancel(request: Request, caller: Chatter, response_id: Id) -> Response:
    """Answers with the response as it is then: cancelling what has ended changes nothing, and is no error."""
    responses = responses_of(request)
    await responses.cancel(caller, await responses.find(caller, response_id))
    return answer(await responses.now(await responses.find(caller, response_id)))


@router.get("/{response_id}/input_items", summary="The input of a response")
async def input_items(
    request: Request,
    caller: Chatter,
    response_id: Id,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> Response:
    """The instructions are left out, and so is the conversation that the response continues."""
    items = input_of(await responses_of(request).find(caller, response_id))
    items = items if order == "asc" else items[::-1]
    ids = [item["id"] for item in items]
    if after is not None and after not in ids:
        raise BadParameter("after", f"after: this response has no input item {after[:64]!r}.", "invalid_cursor")
    first = 0 if after is None else ids.index(after) + 1
    page, more = items[first : first + limit], len(items) > first + limit
    ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
    return answer({"object": "list", "data": page, **ends, "has_more": more})


async def _as_let_in(request: Request, caller: Caller, parsed: Parsed, ticket: Ticket) -> Parsed:
    """The request as the job's record has it: with an idempotency key it may be an earlier request's."""
    named = "idempotency-key" in request.headers
    stored = await responses_of(request).kept(caller, ticket.job) if named else None
    return parsed._replace(ask=stored.origin.ask) if stored else parsed


def answer(body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), 200, headers, "application/json")
