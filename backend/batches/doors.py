"""The routes that a batch may use: each line is one job, which that route's own door reads and answers."""

from __future__ import annotations

from typing import Any

import orjson

from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.dialects.common.door import AnswersWhole, Door, Incoming, Parsed
from backend.dialects.openai import embeddings as openai_embeddings
from backend.dialects.openai.chat import CHAT
from backend.dialects.openai.completions import COMPLETIONS
from backend.dialects.openai.errors import NotOffered
from backend.dialects.responses.door import DOOR as RESPONSES
from backend.errors import ApiError


class EmbeddingsDoor(AnswersWhole):
    """The vectors of a line. Outside of a batch a long list is split over workers; here each line is one job."""

    name = "openai.embeddings"

    def read(self, incoming: Incoming) -> Parsed:
        wanted = openai_embeddings.read(incoming.fields)
        return Parsed(wanted.ask, False, wanted.as_base64)

    def whole(self, parsed: Parsed, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        if len(outcome.embeddings) != len(parsed.ask.inputs):
            text = f"The engine made {len(outcome.embeddings)} vectors of {len(parsed.ask.inputs)} inputs."
            raise ApiError(text, "engine_error")
        tokens = outcome.end.get("usage", {}).get("prompt_tokens", 0)
        pieces = openai_embeddings.answer(ticket.model, outcome.embeddings, tokens, bool(parsed.extra))
        answer: dict[str, Any] = orjson.loads(b"".join(pieces))
        return answer


def alone(parsed: Parsed) -> Parsed:
    """The same. Raises NotOffered for an answer of several choices: a line is one job."""
    if parsed.others:
        raise NotOffered("n", "A line of a batch gets one answer: leave 'n' out, and send each prompt as a line.")
    return parsed


EMBEDDINGS = EmbeddingsDoor()
DOORS: dict[str, Door] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETIONS,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/responses": RESPONSES,
}
