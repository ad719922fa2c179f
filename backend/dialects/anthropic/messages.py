"""Anthropic's messages, read. One flat model for all blocks, so that a complaint names the place and not a union.

| role | blocks |
| --- | --- |
| `user` | `text`, `image` with base64, `document` that is text, `tool_result` of a call that stands before it |
| `assistant` | `text`, `thinking`, `redacted_thinking` (dropped: only its author can read it), `tool_use` |
| `system` | `text` |

A document is read as texts: its title, its context, and what is in it. So is `is_error`, as words before a result.
A message's texts are joined with line feeds. Results become messages of their own, before the user's other parts;
images in a result follow as the user's, since few engines take one from a tool.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from backend.dialects.common.images import IMAGES_MAX, of_base64
from backend.dialects.common.reading import lowered
from backend.dialects.common.tools import Name
from wire.records import Message

FAILED = "The tool failed:"
CallId = Annotated[str, Field(min_length=1, max_length=256)]
NEEDED = {
    "text": ("text",),
    "image": ("source",),
    "thinking": ("thinking",),
    "redacted_thinking": (),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
}
ALLOWED = {
    "system": ("text",),
    "user": ("text", "image", "tool_result"),
    "assistant": ("text", "thinking", "redacted_thinking", "tool_use"),
}


def never_fetched(kind: object) -> object:
    """Checked before anything else: a URL is the commonest reason why an image is refused."""
    if kind in ("url", "file"):
        raise ValueError("images are sent as base64; URLs and files are never fetched")
    return kind


class Source(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Annotated[Literal["base64"], BeforeValidator(never_fetched)]
    media_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp"]
    data: Annotated[str, AfterValidator(of_base64)]


def as_blocks(content: object) -> object:
    """Raises ValueError for a document that is no text."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [one for block in content for one in _opened(block)] if isinstance(content, list) else content


def _opened(block: object) -> list[object]:
    """A document's parts; of all else, itself."""
    if not isinstance(block, dict) or block.get("type") != "document":
        return [block]
    source = block.get("source")
    kind = source.get("type") if isinstance(source, dict) else None
    if not isinstance(source, dict) or kind not in ("text", "content"):
        raise ValueError("a document is sent as text, its source of type text or content; files are not read here")
    inner = source.get("data" if kind == "text" else "content")
    about = [{"type": "text", "text": block[name]} for name in ("title", "context") if block.get(name)]
    return [*about, *(inner if isinstance(inner, list) else [{"type": "text", "text": inner}])]


class ResultPart(BaseModel):
    """The result of a tool."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["text", "image"]
    text: str | None = None
    source: Source | None = None

    @model_validator(mode="after")
    def holds_the_fields_of_its_type(self) -> ResultPart:
        _check_needed(self, NEEDED[self.type])
        return self


class Block(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["text", "image", "thinking", "redacted_thinking", "tool_use", "tool_result"]
    text: str | None = None
    source: Source | None = None
    thinking: str | None = None
    id: CallId | None = None
    name: Name | None = None
    input: dict[str, Any] | None = None
    tool_use_id: CallId | None = None
    is_error: bool | None = None
    content: Annotated[
        list[ResultPart],
        Field(fail_fast=True),
        BeforeValidator(as_blocks, json_schema_input_type=str | list[ResultPart] | None),
    ] = Field(default_factory=list)

    @model_validator(mode="after")
    def holds_the_fields_of_its_type(self) -> Block:
        _check_needed(self, NEEDED[self.type])
        return self


def _check_needed(block: BaseModel, names: tuple[str, ...]) -> None:
    """Raises ValueError."""
    for name in names:
        if getattr(block, name) is None:
            raise ValueError(f"a block of type {block.type} needs the field {name}")  # type: ignore[attr-defined]


class TextBlock(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["text"]
    text: str


Blocks = Annotated[
    list[Block], Field(fail_fast=True), BeforeValidator(as_blocks, json_schema_input_type=str | list[Block])
]
System = Annotated[
    list[TextBlock],
    Field(fail_fast=True),
    BeforeValidator(as_blocks, json_schema_input_type=str | list[TextBlock] | None),
]


class AnthropicMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: Annotated[Literal["user", "assistant", "system"], BeforeValidator(lowered)]
    content: Blocks

    @model_validator(mode="after")
    def blocks_fit_the_role(self) -> AnthropicMessage:
        for block in self.content:
            if block.type not in ALLOWED[self.role]:
                raise ValueError(f"a message of role {self.role} has no block of type {block.type}")
        if len(self.images) > IMAGES_MAX:
            raise ValueError(f"a message holds at most {IMAGES_MAX} images")
        return self

    @property
    def images(self) -> tuple[str, ...]:
        """The results' first, then its own."""
        in_results = [part.source for block in self.content for part in block.content]
        return tuple(source.data for source in (*in_results, *(block.source for block in self.content)) if source)

    def of(self, kind: str) -> list[Block]:
        return [block for block in self.content if block.type == kind]


def check_results(messages: list[AnthropicMessage]) -> None:
    """Raises ValueError for a result whose call does not stand before it."""
    called: set[str | None] = set()
    for place, message in enumerate(messages):
        for block in message.of("tool_result"):
            if block.tool_use_id not in called:
                raise ValueError(f"messages.{place}: a tool_result needs its tool_use in a message before it")
        called |= {block.id for block in message.of("tool_use")}


def job_messages(system: list[TextBlock], messages: list[AnthropicMessage]) -> tuple[Message, ...]:
    """The messages as a job carries them."""
    names = {block.id: block.name for message in messages for block in message.of("tool_use")}
    made = [Message(role="system", content=joined(system))] if system else []
    for message in messages:
        made += _users(message, names) if message.role == "user" else [_others(message)]
    return tuple(made)


def _users(message: AnthropicMessage, names: dict[str | None, str | None]) -> list[Message]:
    results = [
        Message(
            role="tool",
            content=_result(block),
            tool_call_id=block.tool_use_id,
            tool_name=names.get(block.tool_use_id),
        )
        for block in message.of("tool_result")
    ]
    text, images = joined(message.content), message.images
    if results and not (text or images):
        return results
    return [*results, Message(role="user", content=text, images=images or None)]


def _result(block: Block) -> str:
    return "\n".join(text for text in (FAILED if block.is_error else "", joined(block.content)) if text)


def _others(message: AnthropicMessage) -> Message:
    calls = [
        {"id": block.id, "function": {"name": block.name, "arguments": block.input}} for block in message.of("tool_use")
    ]
    return Message(
        role="assistant" if message.role == "assistant" else "system",
        content=joined(message.content),
        thinking="\n".join(block.thinking or "" for block in message.of("thinking")) or None,
        tool_calls=tuple(calls) or None,
    )


def joined(blocks: list[TextBlock] | list[Block] | list[ResultPart]) -> str:
    return "\n".join(block.text for block in blocks if block.text is not None)
