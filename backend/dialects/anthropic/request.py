"""The requests of `/v1/messages` and `/v1/messages/count_tokens`, and the jobs that are made of them.

Left out: Anthropic's own tools (search, code, bash, …), which agents offer beside theirs. Refused, since nothing here
could fulfil them and to pass over them would be a lie: a `tool_choice` that needs such a tool, MCP servers. Passed
over, since an answer is as right without them: cache_control, service_tier, metadata, container, context_management,
the size of a thinking budget, effort.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.dialects.anthropic.messages import AnthropicMessage, System, check_results, job_messages
from backend.dialects.common.answer_schema import Enforceable
from backend.dialects.common.options import ModelName, Share
from backend.dialects.common.reading import bound_messages, read_as
from backend.dialects.common.tools import TOOLS_MAX, Name, Schema
from wire.records import JobRequest

STOPS_MAX = 256  # no engine is known to take more; an engine that takes fewer refuses the job
BUDGET_MIN = 1_024  # Anthropic's own least thinking budget
CHOICES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "any": "required",
    "tool": "required",
}


def only_custom(tool: object) -> object:
    """Only the name is read of a tool that Anthropic runs or defines: such a tool has no schema."""
    kind = tool.get("type") if isinstance(tool, dict) else None
    if not isinstance(tool, dict) or not isinstance(kind, str) or kind == "custom":
        return tool
    return {"type": "elsewhere", "name": tool.get("name"), "input_schema": {}}


class AnthropicTool(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["custom", "elsewhere"] | None = None
    name: Name
    description: str | None = None
    input_schema: Schema
    strict: bool | None = None

    _of_its_kind = model_validator(mode="before")(only_custom)

    def as_tool(self) -> dict[str, Any]:
        """The tool as a job carries it."""
        about = {"name": self.name, "description": self.description}
        function = {**about, "parameters": self.input_schema, "strict": self.strict}
        return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}


class ToolChoice(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["auto", "any", "tool", "none"]
    name: Name | None = None  # with "tool"
    disable_parallel_tool_use: bool = False


class Thinking(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Annotated[int, Field(ge=BUDGET_MIN)] | None = None  # with "enabled"
    display: Literal["summarized", "omitted"] | None = None


class JsonFormat(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["json_schema"]
    schema_: Enforceable = Field(alias="schema")


class OutputConfig(BaseModel):
    model_config = ConfigDict(extra="ignore")

    format: JsonFormat | None = None


class CountRequest(BaseModel):
    """The body of `POST /v1/messages/count_tokens`."""

    model_config = ConfigDict(extra="ignore")

    model: ModelName = Field(description="Empty: the default model.")
    messages: list[AnthropicMessage] = Field(min_length=1)
    system: System = Field(default_factory=list)
    tools: list[AnthropicTool] | None = Field(None, max_length=TOOLS_MAX)
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: JsonFormat | None = None
    mcp_servers: list[Any] | None = Field(None, max_length=0)

    @model_validator(mode="after")
    def agrees_with_itself(self) -> CountRequest:
        check_results(self.messages)
        choice, names = self.tool_choice, {tool.name for tool in self.own_tools}
        if choice and not names and (choice.type == "any" or (choice.type == "auto" and not self.tools)):
            raise ValueError("tool_choice needs tools, which describe their input by input_schema")
        if choice and choice.type == "tool" and choice.name not in names:
            raise ValueError("tool_choice.name must be one of the tools that describe their input by input_schema")
        return self

    @property
    def own_tools(self) -> list[AnthropicTool]:
        """The tools that do not run elsewhere."""
        return [tool for tool in self.tools or () if tool.type != "elsewhere"]

    def to_ask(self) -> JobRequest:
        choice = self.tool_choice if self.own_tools else None
        wanted = self.output_format or (self.output_config and self.output_config.format)
        return JobRequest(
            model=self.model,
            messages=job_messages(self.system, self.messages),
            tools=tuple(tool.as_tool() for tool in self.own_tools) or None,
            tool_choice=CHOICES[choice.type] if choice else None,
            tool_name=choice.name if choice and choice.type == "tool" else None,
            parallel_tool_calls=False if choice and choice.disable_parallel_tool_use else None,
            format=wanted.schema_ if wanted else None,
            think=self.think,
        )

    @property
    def think(self) -> bool | None:
        """A request without `thinking` gets no thoughts, as at Anthropic; `adaptive` leaves it to the model."""
        kind = self.thinking.type if self.thinking else "disabled"
        return {"enabled": True, "disabled": False}.get(kind)

    @property
    def thoughts(self) -> bool:
        """Whether thoughts are sent."""
        return self.thinking is not None and self.think is not False and self.thinking.display != "omitted"


class MessagesRequest(CountRequest):
    """The body of `POST /v1/messages`."""

    max_tokens: Annotated[int, Field(ge=1, le=1_048_576)]
    stop_sequences: (
        Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(max_length=STOPS_MAX)] | None
    ) = None
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    stream: bool | None = None

    @model_validator(mode="after")
    def leaves_room_for_an_answer(self) -> MessagesRequest:
        budget = self.thinking.budget_tokens if self.thinking else None
        if budget is not None and budget >= self.max_tokens:
            raise ValueError("thinking.budget_tokens must be less than max_tokens")
        return self

    def to_ask(self) -> JobRequest:
        options = {
            "num_predict": self.max_tokens,
            "stop": self.stop_sequences or None,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
        }
        given = {name: value for name, value in options.items() if value is not None}
        return super().to_ask().model_copy(update={"options": given})


def read_messages(body: dict[str, Any], max_messages: int) -> MessagesRequest:
    """Raises Invalid."""
    bound_messages(body, max_messages)
    return read_as(MessagesRequest, body)


def read_count(body: dict[str, Any], max_messages: int) -> JobRequest:
    """Raises Invalid."""
    bound_messages(body, max_messages)
    return read_as(CountRequest, body).to_ask().model_copy(update={"kind": "count"})
