"""A turn: what one chat request says about the place of its question and its answer in a thread."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage, HumanMessage
from pydantic import BaseModel, ConfigDict, ValidationError

from backend.dialects.common.images import of_base64
from backend.errors import Invalid, explain
from backend.ids import MessageId, ThreadId, UsableMessageId, UsableThreadId

FIELDS = ("thread_id", "parent_id", "message_id", "answer_id")
DATA_URL = re.compile(r"data:(image/[a-z0-9][a-z0-9.+-]{0,60});base64,(.*)", re.DOTALL)


class TurnFields(BaseModel):
    """`configurable`'s part of a turn. `parent_id` null: the message begins the thread."""

    model_config = ConfigDict(extra="ignore")

    thread_id: UsableThreadId
    parent_id: UsableMessageId | None
    message_id: UsableMessageId
    answer_id: UsableMessageId


class Turn(NamedTuple):
    """The user's message and the answer that is to follow it. `images`: {"mime", "data"}, data in base64.

    `context_messages`: so many of the conversation's last messages, this one among them, the model is given; None: all.
    """

    thread: ThreadId
    parent: MessageId | None
    message: MessageId
    answer: MessageId
    text: str
    images: tuple[dict[str, str], ...] = ()
    context_messages: int | None = None

    @property
    def key(self) -> str:
        """An answer has one job: this is its idempotency key, whatever the header says."""
        return f"turn:{self.thread}:{self.answer}"


def parse_turn(where: str, config: Any, messages: Sequence[BaseMessage]) -> Turn | None:
    """None: the request names no thread. Raises Invalid; `where` names the place of `config` in the body."""
    configurable = config.get("configurable") if isinstance(config, dict) else None
    if not isinstance(configurable, dict) or not any(name in configurable for name in FIELDS):
        return None
    named = _fields(f"{where}.configurable", configurable)
    if named.parent_id == named.message_id or named.answer_id in (named.message_id, named.parent_id):
        raise Invalid(f"{where}.configurable: parent_id, message_id and answer_id must differ.", "invalid_turn")
    last = messages[-1]
    if not isinstance(last, HumanMessage):
        raise Invalid("input.messages: the last message of a turn must be the user's (human).", "invalid_turn")
    text, images = _content(last.content)
    return Turn(named.thread_id, named.parent_id, named.message_id, named.answer_id, text, images)


def refuse_turns(where: str, config: Any) -> None:
    """Raises Invalid where a batch names a thread: its answers have no order to be written in."""
    for one in config if isinstance(config, list) else [config]:
        configurable = one.get("configurable") if isinstance(one, dict) else None
        if isinstance(configurable, dict) and any(name in configurable for name in FIELDS):
            raise Invalid(f"{where}.configurable: a batch has no turns; use /stream.", "invalid_turn")


def _fields(where: str, configurable: dict[str, Any]) -> TurnFields:
    try:
        return TurnFields.model_validate(configurable, strict=True)
    except ValidationError as error:
        problems = explain(list(error.errors(include_url=False, include_input=False)))
        raise Invalid(f"{where}: a turn needs {', '.join(FIELDS)}: {problems}", "invalid_turn") from None


def _content(content: Any) -> tuple[str, tuple[dict[str, str], ...]]:
    """A message's text and images, from a text or from parts."""
    parts = [content] if isinstance(content, str) else content
    texts = [part if isinstance(part, str) else part.get("text", "") for part in parts if _is_text(part)]
    images = [_image(part["image_url"]) for part in parts if isinstance(part, dict) and "image_url" in part]
    return "\n".join(texts), tuple(images)


def _is_text(part: Any) -> bool:
    return isinstance(part, str) or (part.get("type") == "text" and isinstance(part.get("text"), str))


def _image(given: Any) -> dict[str, str]:
    url = given.get("url") if isinstance(given, dict) else given
    found = DATA_URL.fullmatch(url) if isinstance(url, str) else None
    try:
        if found is None:
            raise ValueError("images are sent as data:image/…;base64,…; URLs are never fetched")
        return {"mime": found[1], "data": of_base64(found[2])}
    except ValueError as error:
        raise Invalid(f"input.messages: {error}") from None
