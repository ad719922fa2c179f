"""A cursor names the place where a page of a list ended. It is opaque to callers, so that its content may change."""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from backend.errors import Invalid

STREAM_PLACE = re.compile(r"(\d{1,19}-\d{1,19}) ([a-z0-9][a-z0-9_.-]{0,62})")
PLACE = re.compile(r"(\d{1,15}) ([\x21-\x7e]{1,64})")


class Cursor(NamedTuple):
    """The last row of a page from SQL: the time by which the list is ordered, in Unix milliseconds, and the row's
    id."""

    at: int
    id: str


def write_cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(" ".join(map(str, parts)).encode()).decode().rstrip("=")


def read_stream_place(cursor: str | None) -> tuple[str, str]:
    """The id and the pool of the stream's entry behind which the next page begins, both "" for the first page. Raises
    Invalid."""
    if not cursor:
        return "", ""
    match = STREAM_PLACE.fullmatch(_decoded(cursor))
    if match is None:
        raise wrong_cursor()
    return match[1], match[2]


def read_cursor(cursor: str | None) -> Cursor | None:
    """The row behind which the next page begins, None for the first page. Raises Invalid."""
    if not cursor:
        return None
    match = PLACE.fullmatch(_decoded(cursor))
    if match is None:
        raise wrong_cursor()
    return Cursor(int(match[1]), match[2])


def _decoded(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise wrong_cursor() from None


def wrong_cursor() -> Invalid:
    return Invalid("This cursor is not one of this list's; begin without it.", "invalid_cursor")
