"""The two doors of Anthropic's messages: an answer, and the number of tokens of a question."""

from __future__ import annotations

from typing import Any

from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.chat.relay import Dialect
from backend.dialects.anthropic.answer import AnthropicEvents, whole
from backend.dialects.anthropic.request import read_count, read_messages
from backend.dialects.common.door import AnswersWhole, Incoming, Parsed


class AnthropicMessages:
    """The door of messages. `extra`: whether thoughts are sent."""

    name = "anthropic.messages"

    def read(self, incoming: Incoming) -> Parsed:
        wanted = read_messages(incoming.fields, incoming.bounds.messages)
        return Parsed(wanted.to_ask(), bool(wanted.stream), wanted.thoughts)

    def stream(self, parsed: Parsed, ticket: Ticket) -> Dialect:
        return AnthropicEvents(ticket.job, ticket.model, parsed.extra)

    def whole(self, parsed: Parsed, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        return whole(ticket.job, ticket.model, parsed.extra, outcome)


class AnthropicCount(AnswersWhole):
    """The door that counts tokens."""

    name = "anthropic.count_tokens"

    def read(self, incoming: Incoming) -> Parsed:
        return Parsed(read_count(incoming.fields, incoming.bounds.messages), stream=False)

    def whole(self, parsed: Parsed, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        return {"input_tokens": outcome.end.get("usage", {}).get("prompt_tokens", 0)}
