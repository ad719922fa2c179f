"""The body of `POST /v1/responses`: what is passed on, what is sent back, and what is refused.

| passed on | as |
| --- | --- |
| `input`, `instructions` | messages, see `input.py`; the instructions are the first, a system message |
| `tools` of type function, `tool_choice`, `parallel_tool_calls` | the job's own; other tools are left out |
| `text.format` (text, json_object, json_schema) | `format` |
| `reasoning.effort` | `think`, as in OpenAI's chat |
| `temperature`, `top_p`, `max_output_tokens` | options; the last is `num_predict` |
| `include: ["message.output_text.logprobs"]`, `top_logprobs` | `logprobs`, `top_logprobs` |
| `previous_response_id` | the messages of that response and its answer, before the input |

`metadata`, `user`, `store`, `background`, `text.verbosity` stand in every answer again; `truncation` is read, and is
`disabled` in the answer: a conversation that is too long is refused and never cut. A wish that nothing here can fulfil
is refused with 400: see `refused.py`. All other fields change no answer and are ignored:
`service_tier`, `prompt_cache_*`, `safety_identifier`, `client_metadata`, `max_tool_calls` and `include` (of tools that
OpenAI runs), `context_management` (a conversation that is too long is refused), and fields that are not known yet.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from backend.dialects.common.answer_schema import Enforceable, object_schema
from backend.dialects.common.tools import TOOLS_MAX
from backend.dialects.openai.chat_request import THINK
from backend.dialects.openai.errors import BadParameter
from backend.dialects.openai.sampling import TOKENS_MAX
from backend.dialects.responses.input import Items, as_messages, with_names
from backend.dialects.responses.tools import Chosen, FunctionTool
from backend.moments import now_ms, seconds
from wire.records import JobRequest, Message

DOOR_NAME = "openai.responses"
LOGPROBS = "message.output_text.logprobs"
FIRST = "input: there is nothing to answer; send a text or items."

Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]


class TextFormat(BaseModel):
    """The form of an answer. With `strict` or without, an answer is held to the schema; OpenAI's cloud closes it."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["text", "json_object", "json_schema"]
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_-]+$")] | None = None
    description: str | None = None
    schema_: Annotated[Enforceable, AfterValidator(object_schema)] | None = Field(None, alias="schema")
    strict: bool | None = None

    @model_validator(mode="after")
    def has_its_schema(self) -> TextFormat:
        if self.type == "json_schema" and (self.schema_ is None or self.name is None):
            raise ValueError("type json_schema needs the fields name and schema")
        return self

    def as_format(self) -> Literal["json"] | dict[str, Any] | None:
        if self.type == "text":
            return None
        return "json" if self.type == "json_object" else self.schema_


class Text(BaseModel):
    model_config = ConfigDict(extra="ignore")

    format: TextFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ResponseReasoning(BaseModel):
    model_config = ConfigDict(extra="ignore")

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["none", "auto", "concise", "detailed"] | None = None


class ResponsesRequest(BaseModel):
    """No `model` stands for the default one."""

    model_config = ConfigDict(extra="ignore")

    model: Annotated[str, Field(max_length=200)] | None = None
    input: Items = Field(default_factory=list)
    instructions: str | None = None
    tools: list[FunctionTool] | None = Field(None, max_length=TOOLS_MAX)
    tool_choice: Chosen | None = None
    parallel_tool_calls: bool | None = None
    text: Text | None = None
    reasoning: ResponseReasoning | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    include: list[str] | None = Field(None, max_length=32)
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    metadata: Metadata | None = None
    user: str | None = Field(None, max_length=512)
    store: bool | None = None
    stream: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = Field(None, max_length=64)
    truncation: Literal["auto", "disabled"] | None = None

    def to_ask(self) -> JobRequest:
        """Raises BadParameter where one part of the request contradicts another."""
        self._check()
        tools = self._tools()
        logprobs = LOGPROBS in (self.include or ()) or bool(self.top_logprobs)
        return JobRequest(
            model=self.model or "",
            messages=self._messages(),
            options=self._options(),
            tools=tuple(tool.as_tool() for tool in tools) or None,
            tool_choice=self.tool_choice.word if self.tool_choice and tools else None,
            tool_name=self.tool_choice.name if self.tool_choice and self.tool_choice.type == "function" else None,
            parallel_tool_calls=self.parallel_tool_calls if tools else None,
            format=self.text.format.as_format() if self.text and self.text.format else None,
            think=THINK[self.reasoning.effort] if self.reasoning and self.reasoning.effort else None,
            effort=self.reasoning.effort if self.reasoning else None,
            logprobs=logprobs or None,
            top_logprobs=self.top_logprobs if logprobs else None,
            echo=self._echo(),
        )

    def _check(self) -> None:
        if self.background and self.store is False:
            raise BadParameter("background", "'background' needs 'store': what is not kept cannot be fetched later.")
        if not self.input and not self.previous_response_id:
            raise BadParameter("input", FIRST)

    @property
    def has_references(self) -> bool:
        return any(item.type == "item_reference" for item in self.input)

    def _messages(self) -> tuple[Message, ...]:
        """The request's messages. The calls of earlier responses are not known yet: their results are checked later."""
        messages, leans = as_messages(self.input), bool(self.previous_response_id) or self.has_references
        if not (messages or leans):
            raise BadParameter("input", FIRST)
        first = [Message(role="system", content=self.instructions)] if self.instructions else []
        return tuple(first + messages) if leans else with_names(first + messages)

    def _options(self) -> dict[str, Any]:
        limit = self.max_output_tokens
        named = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "num_predict": None if limit is None else min(limit, TOKENS_MAX),
        }
        return {name: value for name, value in named.items() if value is not None}

    @property
    def functions(self) -> list[FunctionTool]:
        """The tools that are the caller's own."""
        return [tool for tool in self.tools or () if tool.type == "function"]

    def _tools(self) -> list[FunctionTool]:
        """Those the model may choose from. Raises BadParameter for a choice of what is not there."""
        tools = {tool.name: tool for tool in self.functions}
        if self.tool_choice is None:
            return self.functions
        wanted = self.tool_choice.wanted
        if self.tool_choice.word == "required" and not (tools if wanted is None else wanted):
            raise BadParameter("tool_choice", "'tool_choice' needs a function among 'tools' to choose.")
        for name in wanted or ():
            if name not in tools:
                raise BadParameter("tool_choice", f"'tool_choice' names {name!r}, which is not among 'tools'.")
        allowed = wanted if self.tool_choice.type == "allowed_tools" else None
        return [tool for tool in self.functions if allowed is None or tool.name in allowed]

    def _echo(self) -> dict[str, Any]:
        """The fields of the request that every answer has again. `instructed`: the first message is the instructions;
        `own`: the place of the first message that this request brought itself."""
        echoed = self.model_dump(
            mode="json",
            by_alias=True,
            exclude_none=True,
            exclude={"model", "input", "instructions", "stream", "include", "tool_choice", "tools"},
        )
        echoed["tools"] = [tool.model_dump(mode="json", exclude_none=True) for tool in self.functions]
        choice = {"tool_choice": self.tool_choice.as_sent()} if self.tool_choice else {}
        instructed = bool(self.instructions)
        return {**echoed, **choice, "created_at": seconds(now_ms()), "instructed": instructed, "own": int(instructed)}


def is_stored(ask: JobRequest) -> bool:
    """Whether the job is a response that may be fetched again, with its input, and continued by another response."""
    return ask.door == DOOR_NAME and (ask.echo or {}).get("store") is not False
