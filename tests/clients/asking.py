"""The clients' requests: the same tools, pictures and forms in all of their languages."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any, Literal

from pydantic import BaseModel

WEATHER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"location": {"type": "string", "description": "A city."}},
    "required": ["location"],
}
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather of a city.", "parameters": WEATHER_SCHEMA},
}
EACH_CITY = "Tell the weather for each of: Paris, Rome and Oslo."
CITIES = ["Paris", "Rome", "Oslo"]


PAINT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}, "warm": {"type": "boolean"}},
    "required": ["colour", "warm"],
    "additionalProperties": False,
}
# A tool that any model can be made to call: each of its arguments has a bound.
PAINT: dict[str, Any] = {
    "type": "function",
    "function": {"name": "paint", "description": "Paints the wall.", "parameters": PAINT_SCHEMA},
}


class Person(BaseModel):
    """A form to be filled."""

    name: str
    age: int


class Colour(BaseModel):
    """A form that a model with random weights ends some day: each of its fields has a bound."""

    colour: Literal["red", "blue"]
    warm: bool


PERSON = "Fill in the form: 'Anna' is 31 years old."


def words(count: int) -> str:
    """The answer to `!tokens <count>`."""
    return " ".join(f"w{n}" for n in range(count))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int) -> bytes:
    """A whole picture, all black."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes(width) for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


PICTURE = base64.b64encode(png(7, 5)).decode()
PICTURE_URL = f"data:image/png;base64,{PICTURE}"
SEEN = "I see a PNG image of 7x5 pixels."


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def cities_of(arguments: list[str]) -> list[str]:
    """The places in calls whose arguments are JSON."""
    return [json.loads(text)["location"] for text in arguments]
