"""The requests of LangServe's routes: `{"input": {"messages": […]}, "config": {"configurable": {…}}}`, or many inputs.

They are checked in full, and made into chats, before anything is enqueued and before LangServe sees any of them: it
answers with a 500 whatever it does not expect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeVar

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from backend.chat.turn import Turn
from backend.dialects.langserve.model import QueueChat
from backend.dialects.langserve.turns import parse_turn, refuse_turns
from backend.errors import ApiError, Invalid, explain

BATCH_MAX = 100  # jobs a request: each holds a subscription and a place in the queue while the caller waits for all
CONFIGURABLE = {
    "model": "Left out: the pool's default model.",
    "temperature": "0 is the likeliest answer; higher is more varied.",
    "top_p": "Only the likeliest tokens that together have this probability.",
    "top_k": "Only this many of the likeliest tokens.",
    "seed": "The same seed and request give the same answer.",
    "num_predict": "The most tokens an answer may have.",
    "num_ctx": "The context window in tokens, at most the model's.",
    "stop": "The answer ends before any of these texts.",
    "format": '"json", or a JSON schema that the answer must fit.',
    "reasoning": "true, false, low, medium or high; thoughts come in additional_kwargs.reasoning_content.",
    "keep_alive": "How long the model stays loaded after this answer, like 5m.",
    "tools": "Tools that the model may call, in OpenAI's form.",
}
CHUNKS = {f"{name}MessageChunk": kind for name, kind in (("AI", "ai"), ("Human", "human"), ("System", "system"))}
CHUNKS |= {"ToolMessageChunk": "tool"}

AnyKnown = Annotated[HumanMessage | AIMessage | SystemMessage | ToolMessage, Field(discriminator="type")]
Made = TypeVar("Made")


# The playground breaks at the first `null` in a schema, and LangChain's own of a message has dozens.
SHOWN_MESSAGES = {
    "type": "array",
    "title": "Messages",
    "items": {
        "type": "object",
        "required": ["type", "content"],
        "properties": {
            "type": {"type": "string", "enum": ["human", "ai", "system", "tool"]},
            "content": {"type": "string"},
        },
    },
    "widget": {"type": "chat", "input": "messages"},
}


class ChatInput(BaseModel):
    """The chain's input, as its schema and its playground show it. Role and content pairs are taken as well."""

    messages: Annotated[list[AnyKnown], WithJsonSchema(SHOWN_MESSAGES)]


class Filters(BaseModel):
    """The runs that `stream_log` and `stream_events` are to leave out."""

    model_config = ConfigDict(extra="ignore")

    include_names: list[str] | None = None
    include_types: list[str] | None = None
    include_tags: list[str] | None = None
    exclude_names: list[str] | None = None
    exclude_types: list[str] | None = None
    exclude_tags: list[str] | None = None


class Chat(NamedTuple):
    """One conversation and the model that is to answer it. `turn` None: it is in no thread."""

    messages: list[BaseMessage]
    model: QueueChat
    turn: Turn | None = None

    @property
    def input(self) -> dict[str, Any]:
        """The input in a form that LangServe always reads."""
        return {"messages": [message.model_dump(mode="json") for message in self.messages]}


def parse_one(body: dict[str, Any], max_messages: int) -> Chat:
    """Raises Invalid."""
    if "input" not in body:
        raise Invalid('input: missing; send {"input": {"messages": [...]}}.')
    checked(lambda: Filters.model_validate(body), "")
    chat = _chat("input", body["input"], "config", body.get("config"), max_messages)
    return chat._replace(turn=parse_turn("config", body.get("config"), chat.messages))


def parse_many(body: dict[str, Any], max_messages: int) -> list[Chat]:
    """Raises Invalid. `config` is one for all inputs, or a list with one for each."""
    inputs, config = body.get("inputs"), body.get("config")
    if not isinstance(inputs, list) or not inputs:
        raise Invalid('inputs: must be a list of at least one {"messages": [...]}.')
    if len(inputs) > BATCH_MAX:
        raise Invalid(f"inputs: {len(inputs):,} are too many; at most {BATCH_MAX} a batch.", "too_many_inputs")
    if (total := sum(map(_count, inputs))) > max_messages:
        raise Invalid(f"inputs: {total:,} messages are too many; at most {max_messages:,}.", "too_many_messages")
    refuse_turns("config", config)
    configs = config if isinstance(config, list) else [config] * len(inputs)
    if len(configs) != len(inputs):
        raise Invalid(f"config: {len(configs)} for {len(inputs)} inputs; send one for all, or one for each.")
    return [
        _chat(f"inputs.{n}", one, "config", about, max_messages)
        for n, (one, about) in enumerate(zip(inputs, configs, strict=True))
    ]


def filters_of(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in Filters.model_fields if name in body}


def _chat(where: str, given: Any, config_where: str, config: Any, max_messages: int) -> Chat:
    return Chat(_messages(where, given, max_messages), _model(config_where, config))


def _count(given: Any) -> int:
    messages = given.get("messages") if isinstance(given, dict) else None
    return len(messages) if isinstance(messages, list) else 0


def _messages(where: str, given: Any, max_messages: int) -> list[BaseMessage]:
    messages = given.get("messages") if isinstance(given, dict) else None
    if not isinstance(messages, list) or not messages:
        raise Invalid(f'{where}: must be {{"messages": [...]}} with at least one message.')
    if len(messages) > max_messages:
        raise Invalid(
            f"{where}.messages: {len(messages):,} are too many; at most {max_messages:,}.", "too_many_messages"
        )
    return [_message(f"{where}.messages.{n}", message) for n, message in enumerate(messages)]


def _message(where: str, given: Any) -> BaseMessage:
    """LangChain's own forms (a text, a pair, a dict, its constructor's envelope), or role and content."""
    if isinstance(given, dict) and given.get("type") in CHUNKS:
        given = {**given, "type": CHUNKS[given["type"]]}
    [message] = checked(lambda: convert_to_messages([given]), where)
    return message


def _model(where: str, config: Any) -> QueueChat:
    config = {} if config is None else config
    configurable = config.get("configurable") if isinstance(config, dict) else ""
    if configurable is None:
        configurable = {}
    if not isinstance(configurable, dict):
        raise Invalid(f'{where}: must be {{"configurable": {{...}}}}.')
    chosen = {name: configurable[name] for name in CONFIGURABLE if configurable.get(name) is not None}
    return checked(lambda: QueueChat(**chosen), f"{where}.configurable")


def checked(make: Callable[[], Made], where: str) -> Made:
    """The value that `make` returns; every exception becomes an Invalid.

    LangChain may raise any exception at an input that it does not expect, and every such input came from outside.
    """
    try:
        return make()
    except ApiError:
        raise
    except ValidationError as error:
        problems = explain(list(error.errors(include_url=False, include_input=False, include_context=False)))
        raise Invalid(f"{where}: {problems}" if where else problems) from None
    except Exception:
        raise Invalid(f"{where}: not a message in a form of LangChain's, nor one with role and content.") from None
