"""The input of `/v1/responses`: items become a job's messages, and messages become items again.

| item | becomes |
| --- | --- |
| `message` (or no type) of role `user`, `assistant`, `system`, `developer` (the same) | a message of that role |
| `function_call` | a call of the assistant's message before it, else of a new one |
| `function_call_output` | a tool's message; its call must stand before it, also in the response that is continued |
| `custom_tool_call`, `local_shell_call` and their outputs | the same: what other tools than functions did is history |
| `reasoning` | the thoughts of the assistant's message or call behind it: its content, else its summary |
| `item_reference` | the item of an earlier response that it names: `references` puts it there |

Parts are `input_text`, `output_text`, `refusal`, `input_image` with a data URL, and `input_file` with base64 of text. A
message's text parts are joined with line feeds. Images in an output follow the outputs as the user's, since few engines
take one from a tool.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from backend.dialects.common.images import IMAGES_MAX, of_data_url
from backend.dialects.common.reading import lowered
from backend.dialects.common.text_files import named_text, text_of_file
from backend.dialects.common.tools import Name, arguments_of, check_arguments, hex_of, written_of
from backend.dialects.openai.errors import BadParameter
from backend.dialects.openai.messages import CallId
from wire.ids import JobId
from wire.records import Message

FIELDS = {"input_image": "image_url", "input_file": "file_data", "refusal": "refusal"}  # a part's; others have `text`
CALLS = {"custom_tool_call": "function_call", "local_shell_call": "function_call"}
OUTPUTS = {"custom_tool_call_output": "function_call_output", "local_shell_call_output": "function_call_output"}


class InputPart(BaseModel):
    """A part of an item. Once it is read, `image_url` holds the base64, and `file_data` the text."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["input_text", "output_text", "text", "refusal", "input_image", "input_file"]
    text: str | None = None
    refusal: str | None = None
    image_url: Annotated[str, AfterValidator(of_data_url)] | None = None
    file_data: Annotated[str, AfterValidator(text_of_file)] | None = None
    filename: Annotated[str, Field(max_length=256)] | None = None

    @model_validator(mode="after")
    def holds_the_field_of_its_type(self) -> InputPart:
        field = FIELDS.get(self.type, "text")
        if getattr(self, field) is None:
            raise ValueError(f"a part of type {self.type} needs the field {field}")
        return self

    @property
    def words(self) -> str:
        """The text that a model reads of this part, "" of an image."""
        if self.type == "input_file":
            return named_text(self.filename, self.file_data or "")
        return self.text or self.refusal or ""


def as_parts(content: object) -> object:
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else content


InputParts = Annotated[
    list[InputPart], Field(fail_fast=True), BeforeValidator(as_parts, json_schema_input_type=str | list[InputPart])
]


class Thought(BaseModel):
    model_config = ConfigDict(extra="ignore")

    text: str


class Item(BaseModel):
    """One flat model for all kinds, so that a complaint names the place and not a union."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["message", "function_call", "function_call_output", "reasoning", "item_reference"] = "message"
    id: Annotated[str, Field(max_length=128)] | None = None
    role: Annotated[Literal["user", "assistant", "system", "developer"] | None, BeforeValidator(lowered)] = None
    content: InputParts | None = None
    call_id: CallId | None = None
    name: Name | None = None
    arguments: str | None = None
    output: InputParts | None = None
    summary: Annotated[list[Thought], Field(fail_fast=True)] | None = None

    @model_validator(mode="before")
    @classmethod
    def is_one_of_few_kinds(cls, value: object) -> object:
        """An item of reasoning has parts of its own; the full parts hold more than the summary."""
        if not isinstance(value, dict):
            return value
        kind = value.get("type")
        if kind == "reasoning":
            return {"type": "reasoning", "summary": value.get("content") or value.get("summary")}
        if isinstance(kind, str) and (kind in CALLS or kind in OUTPUTS):
            return _as_function(kind, value)
        return {**value, "type": "item_reference"} if is_reference(value) else value

    @model_validator(mode="after")
    def has_what_it_needs(self) -> Item:
        needed = {
            "message": ("role", "content"),
            "function_call": ("call_id", "name", "arguments"),
            "function_call_output": ("call_id", "output"),
            "item_reference": ("id",),
        }
        for field in needed.get(self.type, ()):
            if getattr(self, field) is None:
                raise ValueError(f"an item of type {self.type} needs the field {field}")
        if images_of(self.content) and self.role != "user":
            raise ValueError(f"a message of role {self.role} is text; images belong to role user")
        if len(images_of(self.content) or images_of(self.output) or ()) > IMAGES_MAX:
            raise ValueError(f"a message holds at most {IMAGES_MAX} images")
        return self

    @property
    def thoughts(self) -> str:
        """The text of an item of reasoning."""
        return "\n".join(thought.text for thought in self.summary or ())


def _as_function(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    """A call of another kind of tool as a function's, and what it gave back."""
    if kind in OUTPUTS:
        return {**value, "type": OUTPUTS[kind], "call_id": value.get("call_id") or value.get("id")}
    free = value.get("input") if kind == "custom_tool_call" else value.get("action")
    arguments = orjson.dumps({"input": free} if kind == "custom_tool_call" else free).decode()
    name = value.get("name") or kind.removesuffix("_call")
    return {**value, "type": CALLS[kind], "name": name, "arguments": arguments}


def is_reference(item: object) -> bool:
    """An id with nothing beside it is a reference too."""
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        return False
    kind = item.get("type")
    return kind == "item_reference" or (kind is None and item.keys() <= {"id", "type"})


def as_items(value: object) -> object:
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


Items = Annotated[list[Item], Field(fail_fast=True), BeforeValidator(as_items, json_schema_input_type=str | list[Item])]


def text_of(parts: Iterable[InputPart] | None) -> str:
    return "\n".join(part.words for part in parts or () if part.type != "input_image")


def images_of(parts: Iterable[InputPart] | None) -> tuple[str, ...] | None:
    return tuple(part.image_url for part in parts or () if part.image_url and part.type == "input_image") or None


def as_messages(items: Sequence[Item]) -> list[Message]:
    """A job's messages, their results not yet held against the calls. References are no messages yet."""
    check_arguments(item.arguments for item in items)
    messages: list[Message] = []
    seen: tuple[str, ...] = ()  # in outputs: their images come behind the last of them
    waiting: list[str] = []  # thoughts, joined once: joined one by one they would be copied each time
    for item in items:
        if item.type != "function_call_output" and seen:
            messages.append(Message(role="user", images=seen))
            seen = ()
        if item.type == "reasoning":
            waiting.append(item.thoughts)
            continue
        thoughts, waiting = _joined(*waiting), []
        if item.type == "function_call":
            _add_call(messages, item, thoughts)
        elif item.type == "function_call_output":
            messages.append(Message(role="tool", content=text_of(item.output), tool_call_id=item.call_id))
            seen += images_of(item.output) or ()
        elif item.type == "message":
            messages.append(_message_of(item, thoughts))
    return [*messages, Message(role="user", images=seen)] if seen else messages


def _message_of(item: Item, thoughts: str) -> Message:
    role: Any = "system" if item.role == "developer" else item.role
    thinking = thoughts if role == "assistant" else ""  # thoughts before another role's words have led to nothing
    return Message(role=role, content=text_of(item.content), images=images_of(item.content), thinking=thinking or None)


def _add_call(messages: list[Message], item: Item, thoughts: str) -> None:
    call = {"id": item.call_id, "function": {"name": item.name, "arguments": arguments_of(item.arguments)}}
    before = messages.pop() if messages and messages[-1].role == "assistant" else Message(role="assistant")
    thinking = _joined(before.thinking or "", thoughts)
    more = {"tool_calls": (*(before.tool_calls or ()), call), "thinking": thinking or None}
    messages.append(before.model_copy(update=more))


def _joined(*texts: str) -> str:
    return "\n".join(text for text in texts if text)


def with_names(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Every tool's message with the function's name. Raises BadParameter for a result without a call."""
    called: dict[str, str] = {}
    named = []
    for message in messages:
        called |= {call["id"]: call["function"]["name"] for call in message.tool_calls or () if call.get("id")}
        if message.role == "tool" and message.tool_call_id not in called:
            wrong = str(message.tool_call_id)[:64]
            raise BadParameter("input", f"input: no function_call before it has the call_id {wrong!r}.")
        name = called.get(message.tool_call_id or "")
        named.append(message.model_copy(update={"tool_name": name}) if message.role == "tool" else message)
    return tuple(named)


# -- sent back ---------------------------------------------------------------------------------------------------
def input_items_of(job: JobId, messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The input items of a response, as `…/input_items` lists them; ids are made of the job's and their place."""
    items = [item for message in messages for item in _items_of(message)]
    kinds = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}
    return [{"id": f"{kinds[item['type']]}_{hex_of(job)}_in{n}", **item} for n, item in enumerate(items)]


def _items_of(message: Message) -> Iterable[dict[str, Any]]:
    if message.role == "tool":
        about = {"call_id": message.tool_call_id, "output": message.content}
        yield {"type": "function_call_output", "status": "completed", **about}
        return
    if message.thinking:
        summary = [{"type": "summary_text", "text": message.thinking}]
        yield {"type": "reasoning", "status": "completed", "summary": summary}
    if message.content or message.images or not message.tool_calls:
        yield {"type": "message", "status": "completed", "role": message.role, "content": _parts_of(message)}
    for call in message.tool_calls or ():
        function = call["function"]
        arguments = written_of(function.get("arguments", {}))
        about = {"call_id": call.get("id"), "name": function["name"], "arguments": arguments}
        yield {"type": "function_call", "status": "completed", **about}


def _parts_of(message: Message) -> list[dict[str, Any]]:
    if message.role == "assistant":
        return [{"type": "output_text", "text": message.content, "annotations": []}]
    text = [{"type": "input_text", "text": message.content}] if message.content or not message.images else []
    return [*text, *map(_image, message.images or ())]


def _image(data: str) -> dict[str, Any]:
    return {"type": "input_image", "detail": "auto", "image_url": f"data:{_kind(data)};base64,{data}"}


def _kind(data: str) -> str:
    """By the first characters of its base64."""
    marks = {"iVBOR": "image/png", "/9j/": "image/jpeg", "R0lG": "image/gif"}
    return next((kind for mark, kind in marks.items() if data.startswith(mark)), "image/webp")
