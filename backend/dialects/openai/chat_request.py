"""The body of `POST /v1/chat/completions`: what is passed on, what is ignored, and what is refused.

| passed on | as |
| --- | --- |
| `messages` | see `messages.py` |
| `tools`, `tool_choice` (none, auto, required, a function, allowed_tools), `parallel_tool_calls` | the job's own |
| `response_format`, `guided_*`, `structured_outputs`, `grammar` | see `format.py`, `guided.py` |
| `reasoning_effort` or `reasoning.effort` | `think`: none → False, minimal → low, xhigh and max → high, else the word |
| `chat_template_kwargs.enable_thinking`, where no effort is given | `think` |
| `temperature`, `top_p`, `presence_penalty`, `frequency_penalty`, `seed`, `stop` | options of that name |
| `n` (up to 8) | so many jobs, each a choice |
| `max_completion_tokens`, else `max_tokens` | `num_predict` |
| `logit_bias` | the option of that name; an engine without it refuses the job |
| `logprobs`, `top_logprobs`, `stream`, `stream_options.include_usage` | themselves |

| refused with 400 | because |
| --- | --- |
| `n` > 8 | each answer is a job |
| `functions`, `function_call`, messages of role `function` | `tools` have taken their place |
| `web_search_options`, `moderation` that are not empty | nothing here searches or moderates |
| a `tool_choice` of a tool that is no function | it runs elsewhere |
| `audio`, `modalities` with more than text, `input_audio`, files that are no text, what must be fetched | no engine |

Left out: tools of type `custom`, which no engine keeps to the grammar of; the functions beside them are offered.
Ignored, since the answer is the same without them: `user`, `metadata`, `store` (what is kept is the operator's
choice), `service_tier`, `prediction`, `prompt_cache_*`, `safety_identifier`, `verbosity`, and whatever is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from backend.dialects.common.tools import TOOLS_MAX, Name, Tool, as_tools
from backend.dialects.openai.elsewhere import check_choice, runs_elsewhere
from backend.dialects.openai.errors import BadParameter, NotOffered
from backend.dialects.openai.format import ResponseFormat
from backend.dialects.openai.guided import AnswerForm
from backend.dialects.openai.messages import OpenAiMessage, as_messages
from backend.dialects.openai.sampling import Count, Sampling, StreamOptions, check_extras
from wire.records import JobRequest

THINK: dict[str, bool | Literal["low", "medium", "high"]] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
IMPOSSIBLE = {
    "functions": "'functions' is the older form: send 'tools'.",
    "function_call": "'function_call' is the older form: send 'tool_choice'.",
    "web_search_options": "Nothing here searches the web; leave 'web_search_options' out, or offer a tool that does.",
    "moderation": "Nothing here moderates; leave 'moderation' out.",
    "audio": "Answers are text; leave 'audio' out.",
}


Word = Literal["none", "auto", "required"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Named(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: Name


class OfferedTool(Tool):
    """A tool as it is offered. Of a tool that runs elsewhere nothing is read."""

    elsewhere: bool = Field(False, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def only_functions(cls, value: object) -> object:
        return {"function": {"name": "-"}, "elsewhere": True} if runs_elsewhere(value) else value


class NamedFunction(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["function"] = "function"
    function: Named


class Allowed(BaseModel):
    model_config = ConfigDict(extra="ignore")

    mode: Literal["auto", "required"]
    tools: list[NamedFunction] = Field(min_length=1, max_length=TOOLS_MAX)


class ChatToolChoice(BaseModel):
    """A request's `tool_choice`; a word alone is its `type`."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["none", "auto", "required", "function", "allowed_tools"]
    function: Named | None = None
    allowed_tools: Allowed | None = None

    @model_validator(mode="after")
    def names_what_it_needs(self) -> ChatToolChoice:
        if self.type in ("function", "allowed_tools") and getattr(self, self.type) is None:
            raise ValueError(f"type {self.type} needs the field {self.type}")
        return self


WORDS: dict[str, Word] = {"none": "none", "auto": "auto", "required": "required", "function": "required"}


def as_choice(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


Chosen = Annotated[
    ChatToolChoice,
    BeforeValidator(as_choice, json_schema_input_type=Literal["none", "auto", "required"] | ChatToolChoice),
]


class ChatReasoning(BaseModel):
    """The newer place of `reasoning_effort`, which some clients use here too."""

    model_config = ConfigDict(extra="ignore")

    effort: Effort | None = None


class TemplateWords(BaseModel):
    """A request's `chat_template_kwargs`, of which only the switch for thinking is read."""

    model_config = ConfigDict(extra="ignore")

    enable_thinking: bool | None = None


class OpenAiChatRequest(Sampling):
    """No `model` stands for the default one."""

    messages: list[OpenAiMessage] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Count | None = None
    modalities: list[Literal["text"]] | None = None
    tools: list[OfferedTool] | None = Field(None, max_length=TOOLS_MAX)
    tool_choice: Chosen | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: Effort | None = None
    reasoning: ChatReasoning | None = None
    chat_template_kwargs: TemplateWords | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None

    def to_ask(self) -> JobRequest:
        """Raises BadParameter where one part of the request contradicts another."""
        self._check()
        choice, tools = self._choice()
        form, effort = self._form(), self.reasoning_effort or (self.reasoning.effort if self.reasoning else None)
        return JobRequest(
            model=self.model or "",
            messages=as_messages(self.messages),
            options=self.options(self.max_completion_tokens or self.max_tokens) | form.options,
            tools=as_tools(tools),
            tool_choice=choice if tools else None,
            tool_name=self._tool_name(),
            parallel_tool_calls=self.parallel_tool_calls if tools else None,
            format=form.format,
            think=THINK[effort] if effort else self._switched(),
            effort=effort,
            logprobs=self.logprobs,
            top_logprobs=self.top_logprobs,
        )

    def _form(self) -> AnswerForm:
        return self.form(self.response_format.as_format() if self.response_format else None)

    def _switched(self) -> bool | None:
        return self.chat_template_kwargs.enable_thinking if self.chat_template_kwargs else None

    def _check(self) -> None:
        if self.stream_options and not self.stream:
            raise BadParameter("stream_options", "'stream_options' belongs to a request with stream: true.")
        if self.top_logprobs and not self.logprobs:
            raise BadParameter("top_logprobs", "'top_logprobs' needs logprobs: true.")

    @property
    def _functions(self) -> list[OfferedTool]:
        return [tool for tool in self.tools or () if not tool.elsewhere]

    def _choice(self) -> tuple[Word | None, list[OfferedTool]]:
        """How the model is to choose, and of which tools. Raises BadParameter for a choice of what is not there."""
        tools, choice = self._functions, self.tool_choice
        if choice is None:
            return None, tools
        if choice.type == "required" and not tools:
            raise BadParameter("tool_choice", "'tool_choice' needs 'tools' to choose from.")
        if choice.allowed_tools and choice.type == "allowed_tools":
            return choice.allowed_tools.mode, self._named([tool.function for tool in choice.allowed_tools.tools])
        if choice.function and choice.type == "function":
            self._named([choice.function])
        return WORDS[choice.type], tools

    def _tool_name(self) -> str | None:
        choice = self.tool_choice
        return choice.function.name if choice and choice.type == "function" and choice.function else None

    def _named(self, wanted: list[Named]) -> list[OfferedTool]:
        tools = {tool.function.name: tool for tool in self._functions}
        for function in wanted:
            if function.name not in tools:
                raise BadParameter("tool_choice", f"'tool_choice' names {function.name!r}, which is not among 'tools'.")
        return [tools[function.name] for function in wanted]


def check_possible(body: Mapping[str, Any]) -> None:
    """Raises NotOffered for a wish that OpenAI's API fulfils and no engine here can."""
    for name, advice in IMPOSSIBLE.items():
        if body.get(name):
            raise NotOffered(name, advice)
    check_extras(body)
    check_choice(body.get("tool_choice"))
    messages = body.get("messages")
    for place, message in enumerate(messages if isinstance(messages, list) else ()):
        _check_message(place, message)


def _check_message(place: int, message: Any) -> None:
    if not isinstance(message, dict):
        return
    if message.get("role") == "function" or message.get("function_call"):
        advice = "Function calls are the older form: send 'tool_calls', and messages of role 'tool'."
        raise NotOffered(f"messages[{place}]", advice)
    content = message.get("content")
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, dict):
            _check_part(f"messages[{place}].content[{number}]", part)


def _check_part(where: str, part: dict[str, Any]) -> None:
    file = part.get("file")
    if part.get("type") == "input_audio":
        raise NotOffered(where, "No engine here reads 'input_audio' parts.")
    if part.get("type") == "file" and isinstance(file, dict) and not file.get("file_data"):
        raise NotOffered(where, "Send a file's text as base64, in 'file_data'; nothing is fetched or looked up.")
