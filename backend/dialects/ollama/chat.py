"""`POST /api/chat`: Ollama's own answer to it, or our native events as SSE for a caller that wants nothing else."""

from __future__ import annotations

from typing import Any

from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.chat.relay import Dialect
from backend.dialects.common.door import Incoming, Parsed
from backend.dialects.native.events import NativeEvents
from backend.dialects.ollama.answer import OllamaChunks, envelope, whole
from backend.dialects.ollama.chat_request import parse_chat
from backend.dialects.ollama.loading import loaded, loading


class OllamaChat:
    name = "ollama.chat"

    def read(self, incoming: Incoming) -> Parsed:
        fields, most = incoming.fields, incoming.bounds.messages
        if fields.get("model") and fields.get("messages", []) in ([], None) and not fields.get("turn"):
            wanted = parse_chat({**fields, "messages": [{"role": "user"}]}, most)
            return loading(wanted.model, wanted.keep_alive, "messages")
        wanted = parse_chat(fields, most)
        return Parsed(wanted.to_ask(), wanted.stream is not False, turn=wanted.to_turn())

    def stream(self, parsed: Parsed, ticket: Ticket) -> Dialect:
        return OllamaChunks(ticket.model)

    def whole(self, parsed: Parsed, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        if parsed.extra:
            return loaded(envelope(ticket.model, "", True), parsed.extra)
        return whole(ticket.model, outcome)


class NativeChat(OllamaChat):
    """The same request, its stream with every event as it is in the log. `stream: false` has Ollama's answer."""

    name = "native.chat"

    def stream(self, parsed: Parsed, ticket: Ticket) -> Dialect:
        return NativeEvents()
