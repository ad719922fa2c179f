"""Requests as doors read them, for tests that make them by hand."""

from __future__ import annotations

from typing import Any

from backend.bounds import RequestBounds
from backend.dialects.common.door import Incoming


def bounds(messages: int) -> RequestBounds:
    return RequestBounds(messages=messages, context_messages=20, body_bytes=8_000_000, embed_batch=32)


def incoming(fields: dict[str, Any], messages: int = 100) -> Incoming:
    """A request with this body, of which so many messages are allowed."""
    return Incoming(fields, bounds(messages))
