"""The turn of a request in LangServe's form: its ids stand in `config.configurable`, its text and images in the last
message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from pydantic import ValidationError

from backend.chat.turn import Turn, TurnFields, turn_of
from backend.dialects.common.images import of_base64
from backend.errors import Invalid, explain

FIELDS = tuple(TurnFields.model_fields)
DATA_URL = re.compile(r"data:(image/[a-z0-9][a-z0-9.+-]{0,60});base64,(.*)", re.DOTALL)


def parse_turn(where: str, config: Any, messages: Sequence[BaseMessage]) -> Turn | None:
    """The turn of a request, None where the request names no thread. `where` names the place of `config` in its body.

    Raises Invalid.
    """
    configurable = config.get("configurable") if isinstance(config, dict) else None
    if not isinstance(configurable, dict) or not any(name in configurable for name in FIELDS):
        return None
    place = f"{where}.configurable"
    fields, last = _fields(place, configurable), messages[-1]
    if not isinstance(last, HumanMessage):
        raise Invalid("input.messages: the last message of a turn must be the user's (human).", "invalid_turn")
    text, images = _content(last.content)
    return turn_of(place, fields, text, images)


def refuse_turns(where: str, config: Any) -> None:
    """Raises Invalid where a batch names a thread: the answers of a batch have no order to be written in."""
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


def _image(image: Any) -> dict[str, str]:
    url = image.get("url") if isinstance(image, dict) else image
    match = DATA_URL.fullmatch(url) if isinstance(url, str) else None
    try:
        if match is None:
            raise ValueError("images are sent as data:image/…;base64,…; URLs are never fetched")
        return {"mime": match[1], "data": of_base64(match[2])}
    except ValueError as error:
        raise Invalid(f"input.messages: {error}") from None
