"""Wishes that OpenAI's `/v1/responses` fulfils and no engine here can: they are refused before a request is read.

| refused with 400 | because |
| --- | --- |
| `conversation`, `prompt` | nothing is stored but responses |
| vLLM's `structured_outputs`, `guided_*`, llama.cpp's `grammar`, `logit_bias` | a chat takes them |
| a `tool_choice` of a tool that is no function, or of none that is left | the tool runs elsewhere |
| items of other types than `input.py` lists | what they hold would be lost |
| `input_audio`, images and files by id or address, files that are no text | no engine reads them |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from backend.dialects.openai.elsewhere import check_choice
from backend.dialects.openai.errors import NotOffered
from backend.dialects.responses.input import CALLS, OUTPUTS

ITEMS = frozenset({"message", "function_call", "function_call_output", "reasoning", "item_reference", *CALLS, *OUTPUTS})
PARTS = ("input_audio", "computer_screenshot")
FORMS = (
    "structured_outputs",
    "guided_json",
    "guided_grammar",
    "guided_regex",
    "guided_choice",
    "grammar",
    "logit_bias",
)
IMPOSSIBLE = {
    **dict.fromkeys(FORMS, "An answer's form is 'text.format' here; others are taken at /v1/chat/completions."),
    "conversation": "There are no conversations here; continue a response with 'previous_response_id'.",
    "prompt": "There are no stored prompts here; send 'instructions' and 'input'.",
}


def check_possible(body: Mapping[str, Any]) -> None:
    """Raises NotOffered for a wish that OpenAI's API fulfils and no engine here can."""
    for name, advice in IMPOSSIBLE.items():
        if body.get(name):
            raise NotOffered(name, advice)
    check_choice(body.get("tool_choice"))
    items = body.get("input")
    for place, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            _check_item(f"input[{place}]", item)


def _check_item(where: str, item: dict[str, Any]) -> None:
    kind = item.get("type")
    if isinstance(kind, str) and kind not in ITEMS:
        raise NotOffered(f"{where}.type", f"{where}: items of type {kind[:64]!r} are not known here.")
    for field in ("content", "output"):
        for number, part in enumerate(_parts(item.get(field))):
            _check_part(f"{where}.{field}[{number}]", part)


def _check_part(where: str, part: dict[str, Any]) -> None:
    kind = part.get("type")
    if kind in PARTS:
        raise NotOffered(where, f"No engine here reads {kind!r} parts.")
    if kind == "input_image" and part.get("file_id"):
        raise NotOffered(f"{where}.file_id", "Send an image as data, in 'image_url'; files are not looked into.")
    if kind == "input_file" and not part.get("file_data"):
        raise NotOffered(where, "Send a file's text as base64, in 'file_data'; nothing is fetched or looked up.")


def _parts(content: object) -> Iterable[dict[str, Any]]:
    return [part if isinstance(part, dict) else {} for part in content] if isinstance(content, list) else ()
