"""OpenAI's `/v1/responses` as a door: `…_request` says what it takes, `…_stream` and `…_object` what it tells."""

from __future__ import annotations

from typing import Any

from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.dialects.common.door import AnswersWhole, Asked
from backend.dialects.openai.errors import read_as
from backend.dialects.responses.object import Asked as AskedResponse
from backend.dialects.responses.object import ended, output_of
from backend.dialects.responses.refused import check_possible
from backend.dialects.responses.request import DOOR_NAME, ResponsesRequest
from backend.dialects.responses.stream import ResponseEvents
from backend.errors import Invalid


class ResponsesDoor:
    """A request that continues a response is read without it, and without the items that it only names:
    `backend.responses` puts both where they belong."""

    name = DOOR_NAME

    def read(self, body: dict[str, Any], max_messages: int) -> Asked:
        items = body.get("input")
        if isinstance(items, list) and len(items) > max_messages:
            raise Invalid(f"input: {len(items):,} items are too many; at most {max_messages:,}.", "too_many_messages")
        check_possible(body)
        wanted = read_as(ResponsesRequest, body)
        return Asked(wanted.to_job(), bool(wanted.stream), wanted)

    def stream(self, asked: Asked, ticket: Ticket) -> ResponseEvents:
        return ResponseEvents(AskedResponse(ticket.job, ticket.model, asked.job))

    def whole(self, asked: Asked, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        told = AskedResponse(ticket.job, ticket.model, asked.job)
        return ended(told, outcome.end, output_of(ticket.job, outcome))


class CountDoor(AnswersWhole):
    """How many tokens the input of a response is. Nothing is kept of it."""

    name = "openai.input_tokens"

    def read(self, body: dict[str, Any], max_messages: int) -> Asked:
        asked = DOOR.read({**body, "stream": False, "background": False}, max_messages)
        return asked._replace(stream=False)

    def whole(self, asked: Asked, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        counted = outcome.end.get("usage", {}).get("prompt_tokens", 0)
        return {"object": "response.input_tokens", "input_tokens": counted}


DOOR = ResponsesDoor()
COUNT = CountDoor()
