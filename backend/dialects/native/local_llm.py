"""`POST /api/v1/local-llm/generate`: a prompt in, one JSON object out, errors in our own shape.

A provider is a pool or an engine; with a model it makes the name `provider/model`, as everywhere. It is a preference:
where it has no such model, any worker that has it answers, and the answer names it. Alone it means the default model
if that provider has it, else the first of its models that chats.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.dialects.common.door import AnswersWhole, Incoming, Parsed
from backend.dialects.common.options import ModelName
from backend.dialects.common.reading import read_as
from wire.records import JobRequest, Message

PROVIDERS = {"local_ollama": "ollama", "auto": "", "local": "", "any": ""}  # words for it; others are names themselves
POOL = re.compile(r"pool=([^;\s]+)")


class LocalRequest(BaseModel):
    """The body of `POST /api/v1/local-llm/generate`."""

    model_config = ConfigDict(extra="ignore")

    prompt: Annotated[str, Field(min_length=1)]
    system_prompt: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_048_576)] | None = None
    provider_preference: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="A pool or an engine, like ollama or openai."
    )
    model_preference: ModelName | None = Field(None, description="Left out: the default one, or one of the provider's.")
    use_cache: bool | None = Field(None, description="Take the answer to the same request, where one was made before.")

    @property
    def preferred(self) -> str:
        """The model at its provider, by the name that routing knows; "" the default."""
        preference, model = self.provider_preference or "", self.model_preference or ""
        provider = PROVIDERS.get(preference, preference)
        return f"{provider}/{model}" if provider else model

    def to_ask(self, model: str) -> JobRequest:
        system = (Message(role="system", content=self.system_prompt),) if self.system_prompt else ()
        options = {"temperature": self.temperature, "num_predict": self.max_tokens}
        return JobRequest(
            model=model,
            messages=(*system, Message(role="user", content=self.prompt)),
            options={name: value for name, value in options.items() if value is not None},
        )


class LocalGenerate(AnswersWhole):
    """The door of one prompt. `anywhere`: a preferred provider is passed over; any that has the model will do."""

    name = "local_llm.generate"

    def __init__(self, anywhere: bool = False) -> None:
        self._anywhere = anywhere

    def read(self, incoming: Incoming) -> Parsed:
        wanted = read_as(LocalRequest, incoming.fields)
        model = wanted.model_preference or "" if self._anywhere else wanted.preferred
        return Parsed(wanted.to_ask(model), stream=False, reuse=wanted.use_cache)

    def whole(self, parsed: Parsed, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        end = outcome.end
        pool = POOL.search(ticket.headers.get("X-Sluice-Route", ""))
        return {
            "id": ticket.job,
            "response": "".join(outcome.text),
            "model": end.get("model") or ticket.model,
            "provider": pool[1] if pool else None,
            "usage": end.get("usage"),
            "timings": end.get("timings"),
            "cached": ticket.headers.get("X-Sluice-Cache") == "hit",
        }
