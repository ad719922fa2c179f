"""Reads values of Redis keys. Any worker may have written them, and one bad value must end no process.

No function here raises. A value that does not decode reads as if it were absent: 0 for a text that is no number or out
of its range, {} for one that is no JSON object. Bytes that are no UTF-8 read as U+FFFD.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

import orjson

NUMBER_MAX = 10**14  # the largest number that scripts read (guards.lua); in milliseconds the year 5138
LONGEST_DIGITS = 20  # no number has more, and Python takes quadratic time for a million digits


def text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def whole_or_none(value: bytes | str | None, most: int = NUMBER_MAX) -> int | None:
    """A whole number between -`most` and `most`; None for any other text."""
    if value is None or len(value) > LONGEST_DIGITS:
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if -most <= number <= most else None


def whole(value: bytes | str | None, most: int = NUMBER_MAX) -> int:
    return whole_or_none(value, most) or 0


def is_number(value: object, most: float = NUMBER_MAX) -> TypeGuard[int | float]:
    """Whether a value of a JSON object is a finite number between 0 and `most`, and no boolean."""
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= most
    )


def json_object(value: bytes | None) -> dict[str, Any]:
    try:
        read = orjson.loads(value or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}


def texts(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    """The fields of a hash, or of a stream's entry, as text."""
    return {text(name): text(value) for name, value in fields.items()}
