"""The bounds of any answer to any request: no fault of ours, whole, and an error in its dialect's own shape."""

from __future__ import annotations

from typing import Any

import orjson

OLLAMA = ("/api/chat", "/api/generate", "/api/embed", "/api/show", "/api/tags", "/api/ps", "/api/version")
OURS = ("internal_error", "engine_error")  # codes in the middle of a stream that mean that we failed


class Wrong(AssertionError):
    """An answer that breaks the bounds."""


def check(path: str, status: int, media_type: str, body: bytes, anthropic: bool = False) -> None:
    """Raises Wrong. `anthropic`: the client sent the headers of Anthropic's."""
    if status >= 500:
        raise Wrong(f"{path} answered {status}: {body[:500]!r}")
    if status >= 400:
        return check_refusal(path, body, anthropic)
    if "json" in media_type and "ndjson" not in media_type:
        orjson.loads(body)
    for line in body.split(b"\n"):
        if any(b'"' + code.encode() + b'"' in line for code in OURS):
            raise Wrong(f"{path} failed in its stream: {line[:500]!r}")


def check_refusal(path: str, body: bytes, anthropic: bool) -> None:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Wrong(f"{path} refused with what is not JSON: {body[:200]!r}") from None
    if not has_shape(path, parsed, anthropic):
        raise Wrong(f"{path} refused in another's shape: {body[:300]!r}")


def has_shape(path: str, parsed: Any, anthropic: bool) -> bool:
    error = parsed.get("error") if isinstance(parsed, dict) else None
    if path.startswith(OLLAMA):
        return isinstance(error, str)
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return False
    if path.startswith("/v1/messages") or (anthropic and path.startswith("/v1/models")):
        return parsed.get("type") == "error" and isinstance(error.get("type"), str)
    if path.startswith("/v1/"):
        return {"message", "type", "param", "code"} <= error.keys()
    return isinstance(error.get("code"), str)
