"""OpenAI's chat messages, read. One flat model for all roles, so that a complaint names the place and not a union.

| role | content | also |
| --- | --- | --- |
| `system`, `developer` (the same) | text | |
| `user` | text, `image_url` parts with data URLs | |
| `assistant` | text, `refusal` parts, or none | `tool_calls`, `refusal`; `reasoning_content` or `reasoning` |
| `tool` | text, or none | `tool_call_id`, of a call that an assistant message before it has |

`file` parts are read as the text in them. A message's text parts are joined with line feeds. Roles are read in upper
and lower case. `name` is ignored: no engine here takes it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from backend.dialects.common.images import IMAGES_MAX, of_data_url
from backend.dialects.common.reading import lowered
from backend.dialects.common.text_files import named_text, text_of_file
from backend.dialects.common.tools import TOOLS_MAX, Name, arguments_of, check_arguments
from backend.dialects.openai.errors import BadParameter
from wire.records import Message

CallId = Annotated[str, Field(min_length=1, max_length=256)]


class ImageUrl(BaseModel):
    """An image of a message. Once it is read, `url` holds the base64."""

    model_config = ConfigDict(extra="ignore")

    url: Annotated[str, AfterValidator(of_data_url)]
    detail: Literal["auto", "low", "high", "original"] | None = None


class FilePart(BaseModel):
    """A file of a message. Once it is read, `file_data` holds the text."""

    model_config = ConfigDict(extra="ignore")

    file_data: Annotated[str, AfterValidator(text_of_file)]
    filename: Annotated[str, Field(max_length=256)] | None = None


class ChatPart(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["text", "image_url", "refusal", "file"]
    text: str | None = None
    image_url: ImageUrl | None = None
    refusal: str | None = None
    file: FilePart | None = None

    @model_validator(mode="after")
    def holds_the_field_of_its_type(self) -> ChatPart:
        if getattr(self, self.type) is None:
            raise ValueError(f"a part of type {self.type} needs the field {self.type}")
        return self

    @property
    def words(self) -> str:
        """The text that a model reads of this part, "" of an image."""
        if self.file:
            return named_text(self.file.filename, self.file.file_data)
        return self.text or self.refusal or ""


def as_parts(content: object) -> object:
    if content is None:
        return []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


ChatParts = Annotated[
    list[ChatPart], Field(fail_fast=True), BeforeValidator(as_parts, json_schema_input_type=str | list[ChatPart] | None)
]


class CalledFunction(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: Name
    arguments: str = ""


class Call(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: CallId
    type: Literal["function"] = "function"
    function: CalledFunction


class OpenAiMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: Annotated[Literal["system", "developer", "user", "assistant", "tool"], BeforeValidator(lowered)]
    content: ChatParts = Field(default_factory=list)
    refusal: str | None = None
    tool_calls: list[Call] | None = Field(None, max_length=TOOLS_MAX)
    tool_call_id: CallId | None = None
    reasoning_content: str | None = Field(None, validation_alias=AliasChoices("reasoning_content", "reasoning"))

    @model_validator(mode="after")
    def is_of_its_role(self) -> OpenAiMessage:
        kinds = {part.type for part in self.content}
        if "image_url" in kinds and self.role != "user":
            raise ValueError(f"a {self.role} message is text; images belong to a user message")
        if sum(part.type == "image_url" for part in self.content) > IMAGES_MAX:
            raise ValueError(f"a message holds at most {IMAGES_MAX} images")
        if ("refusal" in kinds and self.role != "assistant") or (self.tool_calls and self.role != "assistant"):
            raise ValueError("only an assistant message has a refusal or tool_calls")
        if self.role == "tool" and self.tool_call_id is None:
            raise ValueError("a tool message needs tool_call_id: the id of the call that it answers")
        if not (self.content or self.role == "tool" or self.has_other_content):
            raise ValueError(f"a {self.role} message needs content")
        return self

    @property
    def has_other_content(self) -> bool:
        """An assistant's message may be nothing but calls, thoughts, or a refusal."""
        others = self.tool_calls or self.reasoning_content or self.refusal
        return self.role == "assistant" and bool(others)

    def text(self) -> str:
        texts = [part.words for part in self.content if part.type != "image_url"]
        return "\n".join(texts or ([self.refusal or ""] if self.role == "assistant" else []))

    def images(self) -> tuple[str, ...] | None:
        return tuple(part.image_url.url for part in self.content if part.image_url) or None


def as_messages(messages: list[OpenAiMessage]) -> tuple[Message, ...]:
    """A job's messages. Raises BadParameter for a tool's result without a call: engines answer nonsense to one."""
    check_arguments(call.function.arguments for message in messages for call in message.tool_calls or ())
    called: dict[str, str] = {}  # call id → function's name
    return tuple(_as_message(message, place, called) for place, message in enumerate(messages))


def _as_message(message: OpenAiMessage, place: int, called: dict[str, str]) -> Message:
    if message.role == "tool" and message.tool_call_id not in called:
        param = f"messages[{place}].tool_call_id"
        raise BadParameter(param, f"{param}: no assistant message before it has a call with this id.")
    calls = message.tool_calls or ()
    called |= {call.id: call.function.name for call in calls}
    return Message(
        role="system" if message.role == "developer" else message.role,
        content=message.text(),
        thinking=message.reasoning_content if message.role == "assistant" else None,
        images=message.images(),
        tool_calls=tuple(_as_call(call) for call in calls) or None,
        tool_name=called.get(message.tool_call_id or "") if message.role == "tool" else None,
        tool_call_id=message.tool_call_id if message.role == "tool" else None,
    )


def _as_call(call: Call) -> dict[str, Any]:
    return {"id": call.id, "function": {"name": call.function.name, "arguments": arguments_of(call.function.arguments)}}
