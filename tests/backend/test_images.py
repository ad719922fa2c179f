"""An image is let in whole or not at all, in every dialect."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from backend.dialects.anthropic.request import read_messages
from backend.dialects.common.images import of_base64, of_data_url
from backend.dialects.ollama.chat_request import parse_chat
from backend.dialects.openai.chat import CHAT
from backend.dialects.responses.door import DOOR
from backend.errors import ApiError
from tests.backend.incoming import incoming
from tests.backend.pictures import GIF, JPEG, KINDS, PNG
from wire.records import JobRequest


def said(content: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content, **more}]}


def source(image: str) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}}


def url(image: str) -> str:
    return f"data:image/png;base64,{image}"


ASK: dict[str, Callable[[str], JobRequest]] = {
    "Ollama": lambda image: parse_chat(said("look", images=[image]), 9).to_ask(),
    "Anthropic": lambda image: read_messages({**said([source(image)]), "max_tokens": 9}, 9).to_ask(),
    "OpenAI's chat": lambda image: (
        CHAT.read(incoming(said([{"type": "image_url", "image_url": {"url": url(image)}}]), 9)).ask
    ),
    "OpenAI's responses": lambda image: (
        DOOR.read(
            incoming({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url(image)}]}]}, 9)
        ).ask
    ),
}


def cut(image: str, less: int) -> str:
    """Without its last bytes."""
    return base64.b64encode(base64.b64decode(image)[:-less]).decode()


@pytest.mark.parametrize("dialect", ASK)
def test_half_an_image_is_refused_in_every_dialect(dialect: str) -> None:
    assert ASK[dialect](PNG).messages[0].images == (PNG,)
    with pytest.raises(ApiError, match="a part of it is missing") as refused:
        ASK[dialect](cut(PNG, 30))
    assert refused.value.status in (400, 422)


@pytest.mark.parametrize("dialect", ASK)
def test_base64_with_line_breaks_is_read_in_every_dialect(dialect: str) -> None:
    broken = "\r\n".join(PNG[at : at + 20] for at in range(0, len(PNG), 20)) + " \n\t"
    assert ASK[dialect](broken).messages[0].images == (PNG,), "engines get it without"


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_whole_or_is_none(kind: str) -> None:
    whole = KINDS[kind]
    assert of_base64(whole) == whole
    for less in range(2, len(base64.b64decode(whole)) - 12):
        with pytest.raises(ValueError, match="a part of it is missing"):
            of_base64(cut(whole, less))


def test_bytes_behind_an_image_s_end_are_not_looked_at() -> None:
    for whole in (PNG, JPEG, GIF):
        longer = base64.b64encode(base64.b64decode(whole) + b"more").decode()
        assert of_base64(longer) == longer


BROKEN = {
    "a PNG of its first bytes": b"\x89PNG\r\n\x1a\n",
    "a PNG that begins in its middle": b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0IDAT" + bytes(4) + b"\0\0\0\0IEND" + bytes(4),
    "a PNG without pixels": base64.b64decode(PNG)[:33] + b"\0\0\0\0IEND" + bytes(4),
    "a PNG without end": b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0IHDR" + bytes(4) + (b"\0\0\0\0IDAT" + bytes(4)) * 300_000,
    "a JPEG of a thumbnail": base64.b64decode(JPEG)[:40],
    "a JPEG of nothing": b"\xff\xd8\xff\xd9",
    "a JPEG of marks": b"\xff\xd8" + b"\xff" * 300_000,
    "a GIF of nothing": b"GIF89a;",
    "a GIF that draws nothing": b"GIF89a" + bytes(7) + b";",
    "a WebP of nothing": b"RIFF\x04\0\0\0WEBP",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_only_begins_like_an_image_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a part of it is missing"):
        of_base64(base64.b64encode(BROKEN[name]).decode())


def test_a_common_misspelling_of_a_media_type_is_understood() -> None:
    assert of_data_url(f"data:image/jpg;base64,{JPEG}") == JPEG
    with pytest.raises(ValueError, match="is base64 and one of"):
        of_data_url(f"data:image/tiff;base64,{JPEG}")
