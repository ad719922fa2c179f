"""The request of `/api/chat`, as Ollama has it, checked in full before anything is enqueued."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from backend.chat.turn import Turn, TurnFields, turn_of
from backend.dialects.common.answer_schema import Enforceable
from backend.dialects.common.images import kind_of_base64, of_base64
from backend.dialects.common.options import ModelName, Options, given
from backend.dialects.common.reading import NullIsAbsent, bound_messages, read_as
from backend.dialects.common.tools import ToolCalls, Tools, as_tools
from backend.errors import Invalid
from wire.records import JobRequest, Message

DURATION_MAX = 100  # characters
# Ollama writes a duration as Go does: 300, "5m", "1h30m", "-1s" for ever; a number is seconds.
GO_DURATION = re.compile(r"[+-]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+)")


def go_duration(value: str | int | float) -> str | int | float:
    """The same duration. Raises ValueError for a text that is none."""
    if isinstance(value, str) and (len(value) > DURATION_MAX or not GO_DURATION.fullmatch(value)):
        raise ValueError("must be a time with its unit, like 5m or 1h30m, or a number of seconds")
    return value


def lowered(value: object) -> object:
    """Ollama's decoder writes roles in small letters."""
    return value.lower() if isinstance(value, str) else value


Format = Literal["json", ""] | Enforceable
Think = bool | Literal["low", "medium", "high", "max"]
KeepAlive = Annotated[str | int | float, AfterValidator(go_duration)]
TopLogprobs = Annotated[int, Field(ge=0, le=20)]
Image = Annotated[str, AfterValidator(of_base64)]


def thought(think: Think | None) -> dict[str, Any]:
    """How a job carries it: `max`, which new Ollamas know, is `high` to all engines that know no such word."""
    return {"think": "high", "effort": "max"} if think == "max" else {"think": think}


class ChatMessage(NullIsAbsent):
    model_config = ConfigDict(extra="ignore")

    role: Annotated[Literal["system", "user", "assistant", "tool"], BeforeValidator(lowered)]
    content: str = ""
    thinking: str | None = None
    images: list[Image] | None = Field(None, max_length=32)
    tool_calls: ToolCalls | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class ChatRequest(BaseModel):
    """The body of `POST /api/chat`."""

    model_config = ConfigDict(extra="ignore")

    model: ModelName | None = Field(None, description="Left out: the pool's default model.")
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = Field(None, description="Left out: true.")
    options: Options | None = None
    format: Format | None = None
    tools: Tools | None = None
    think: Think | None = None
    keep_alive: KeepAlive | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    turn: TurnFields | None = Field(
        None,
        description="Not Ollama's but ours: the thread that keeps the last message and its answer, and their ids.",
    )

    @model_validator(mode="after")
    def tools_answer_calls(self) -> ChatRequest:
        """A tool's result needs a call before it: engines answer nonsense to one that comes from nowhere."""
        called = False
        for message in self.messages:
            called = called or bool(message.tool_calls)
            if message.role == "tool" and not called:
                raise ValueError("a tool message needs an assistant message with tool_calls before it")
        return self

    def to_ask(self) -> JobRequest:
        """The engine-independent request. An empty model name stands for the default."""
        return JobRequest(
            model=self.model or "",
            messages=tuple(Message(**m.model_dump(exclude_none=True)) for m in self.messages),
            options=given(self.options),
            format=self.format or None,
            tools=as_tools(self.tools),
            **thought(self.think),
            keep_alive=self.keep_alive,
            logprobs=self.logprobs,
            top_logprobs=self.top_logprobs,
        )

    def to_turn(self) -> Turn | None:
        """Where question and answer belong in a thread; None: no thread keeps this chat. Raises Invalid."""
        if self.turn is None:
            return None
        last = self.messages[-1]
        if last.role != "user":
            raise Invalid("messages: the last message of a turn must be the user's.", "invalid_turn")
        images = [{"mime": kind_of_base64(image), "data": image} for image in last.images or ()]
        return turn_of("turn", self.turn, last.content, images)


def parse_chat(body: dict[str, Any], max_messages: int) -> ChatRequest:
    """Raises Invalid."""
    bound_messages(body, max_messages)
    return read_as(ChatRequest, body)
