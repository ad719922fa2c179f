"""OpenAI's `/v1/responses` as a door: `request.py` reads requests, `stream.py` and `object.py` write answers."""

from __future__ import annotations

from typing import Any

from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.dialects.common.door import AnswersWhole, Incoming, Parsed
from backend.dialects.openai.errors import read_as
from backend.dialects.responses.object import Origin, ended, output_of
from backend.dialects.responses.refused import check_possible
from backend.dialects.responses.request import DOOR_NAME, ResponsesRequest
from backend.dialects.responses.stream import ResponseEvents
from backend.errors import Invalid


class ResponsesDoor:
    """The door of responses. It reads a request without the response that the request continues, and without items that
    are only named: `service.py` and `references.py` put both where they belong.
    """

    name = DOOR_NAME

    def read(self, incoming: Incoming) -> Parsed:
        items, most = incoming.fields.get("input"), incoming.bounds.messages
        if isinstance(items, list) and len(items) > most:
            raise Invalid(f"input: {len(items):,} items are too many; at most {most:,}.", "too_many_messages")
        check_possible(incoming.fields)
        wanted = read_as(ResponsesRequest, incoming.fields)
        return Parsed(wanted.to_ask(), bool(wanted.stream), wanted)

    def stream(self, parsed: Parsed, ticket: Ticket) -> ResponseEvents:
        return ResponseEvents(Origin(ticket.job, ticket.model, parsed.ask))

    def whole(self, parsed: Parsed, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        origin = Origin(ticket.job, ticket.model, parsed.ask)
        return ended(origin, outcome.end, output_of(ticket.job, outcome))


class CountDoor(AnswersWhole):
    """The door that counts the tokens of a response's input. Nothing is kept of the input."""

    name = "openai.input_tokens"

    def read(self, incoming: Incoming) -> Parsed:
        at_once = {**incoming.fields, "stream": False, "background": False}
        return DOOR.read(incoming._replace(fields=at_once))._replace(stream=False)

    def whole(self, parsed: Parsed, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        counted = outcome.end.get("usage", {}).get("prompt_tokens", 0)
        return {"object": "response.input_tokens", "input_tokens": counted}


DOOR = ResponsesDoor()
COUNT = CountDoor()
