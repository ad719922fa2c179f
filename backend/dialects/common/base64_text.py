"""Base64 as clients write it: with line breaks and blanks between its characters, which every decoder passes over."""

from __future__ import annotations

import base64


def compact(data: str) -> str:
    """The same base64 without its blanks and line breaks."""
    return "".join(data.split())


def decoded(data: str) -> bytes:
    """The bytes. Raises ValueError for a text that is no base64; blanks are none."""
    return base64.b64decode(data, validate=True)


def of_data_url(url: str) -> str:
    """`data:text/plain;base64,…` → the part behind the comma. Raises ValueError."""
    head, comma, data = url.partition(",")
    scheme, _, about = head.lower().partition(":")
    if scheme != "data" or not comma or "base64" not in about.split(";")[1:]:
        raise ValueError("this is no data URL of base64, like data:text/plain;base64,…")
    return data
