"""`POST /api/generate`: one prompt, in the model's template or, with `raw` or a `suffix`, as it stands."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.chat.relay import Dialect
from backend.dialects.common.door import Incoming, Parsed
from backend.dialects.common.options import ModelName, Options, given
from backend.dialects.common.reading import read_as
from backend.dialects.ollama.answer import TEXT, OllamaChunks, text_envelope, whole
from backend.dialects.ollama.chat_request import Format, Image, KeepAlive, Think, TopLogprobs, thought
from backend.dialects.ollama.loading import loaded, loading
from wire.records import JobRequest, Message


class GenerateRequest(BaseModel):
    """The body of `POST /api/generate`. `template` and `context` are read and ignored: both belong to one machine."""

    model_config = ConfigDict(extra="ignore")

    model: ModelName | None = Field(None, description="Left out: the pool's default model.")
    prompt: str | None = Field(None, description="Empty: the model is loaded, and nothing is answered.")
    system: str | None = None
    suffix: str | None = Field(None, description="What comes behind the text that is to be filled in.")
    images: Annotated[list[Image], Field(max_length=32)] | None = None
    raw: bool | None = Field(None, description="The prompt as it stands, without the model's template.")
    template: str | None = None
    context: Annotated[list[int], Field(fail_fast=True)] | None = None
    stream: bool | None = Field(None, description="Left out: true.")
    format: Format | None = None
    think: Think | None = None
    options: Options | None = None
    keep_alive: KeepAlive | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None

    @model_validator(mode="after")
    def bare_prompts_stand_alone(self) -> GenerateRequest:
        if self.raw and (self.system or self.template or self.context or self.suffix):
            raise ValueError("raw goes without system, template, context and suffix: the prompt is all there is")
        if self.bare and (self.images or self.system):
            raise ValueError("images and system need the model's template: leave out raw and suffix")
        return self

    @property
    def bare(self) -> bool:
        """No template around it."""
        return bool(self.raw or self.suffix)

    def to_ask(self) -> JobRequest:
        prompt = self.prompt or ""
        return JobRequest(
            kind="generate" if self.bare else "chat",
            model=self.model or "",
            messages=() if self.bare else self._messages(prompt),
            prompt=prompt if self.bare else None,
            suffix=self.suffix or None,
            options=given(self.options),
            format=self.format or None,
            **thought(self.think),
            keep_alive=self.keep_alive,
            logprobs=self.logprobs,
            top_logprobs=self.top_logprobs,
        )

    def _messages(self, prompt: str) -> tuple[Message, ...]:
        system = (Message(role="system", content=self.system),) if self.system else ()
        images = tuple(self.images) if self.images else None
        return (*system, Message(role="user", content=prompt, images=images))


class OllamaGenerate:
    name = "ollama.generate"

    def read(self, incoming: Incoming) -> Parsed:
        wanted = read_as(GenerateRequest, incoming.fields)
        if not (wanted.prompt or wanted.suffix or wanted.images):
            return loading(wanted.model, wanted.keep_alive, "prompt")
        return Parsed(wanted.to_ask(), wanted.stream is not False)

    def stream(self, parsed: Parsed, ticket: Ticket) -> Dialect:
        return OllamaChunks(ticket.model, TEXT)

    def whole(self, parsed: Parsed, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        if parsed.extra:
            return loaded(text_envelope(ticket.model, "", True), parsed.extra)
        return whole(ticket.model, outcome, TEXT)
