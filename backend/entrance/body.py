"""A request's body is read here: bounded, as strict JSON, before anything else looks at it."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.entrance.context import header
from backend.entrance.crowd import begin
from backend.entrance.nested import depth, has_nul, openings, structure
from backend.entrance.protocols import is_upload, takes_numbers
from backend.entrance.refusal import error_response
from backend.errors import Invalid, TooLarge

# Pydantic, here and in the worker, fails at some 250 levels; no schema of a tool comes near this.
DEPTH_MAX = 100
# Everything that checks a parsed container, pydantic first, takes some 3 µs for it, and up to 10 µs for a wrong value:
# so many of them hold the loop for 0.2 s. The largest real requests have a tenth: two thousand messages with their
# parts, a hundred tools.
CONTAINERS_MAX = 50_000
VALUES_MAX = 100_000
FORM = 64 * 1024  # bytes that a form may have around its file


class Limit(NamedTuple):
    """How many bytes a body may have, and the message for a body that has more, which names the setting."""

    bytes: int
    message: str

    def refusal(self) -> TooLarge:
        return TooLarge(self.message)


class BodyLimit:
    """Middleware that refuses a body over `limit` bytes: at once where `Content-Length` gives its length, else as soon
    as the body has grown past the limit.

    `file_limit` bounds an upload; the form around the file is not counted.
    """

    def __init__(self, app: ASGIApp, limit: int, file_limit: int) -> None:
        self._app = app
        self._body = Limit(limit, f"The body is larger than {limit:,} bytes (SLUICE_MAX_BODY_BYTES).")
        self._upload = Limit(
            file_limit + FORM, f"The file is larger than {file_limit:,} bytes (SLUICE_MAX_FILE_BYTES)."
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = self._upload if is_upload(scope) else self._body
        length = header(scope, b"content-length")
        if length.isdigit() and int(length) > limit.bytes:
            return await error_response(limit.refusal(), scope)(scope, receive, send)
        await self._app(scope, _bounded(receive, limit), send)


def _bounded(receive: Receive, limit: Limit) -> Receive:
    held = 0

    async def bounded() -> Message:
        nonlocal held
        message = await receive()
        held += len(message.get("body", b""))
        if held > limit.bytes:
            raise limit.refusal()
        return message

    return bounded


def parse_json(body: bytes, numbers: bool = False) -> Any:
    """The value of a body in strict JSON: no NaN, no lone surrogates, no endless nesting; and no NUL, which no engine's
    C string survives. Raises Invalid.

    A body that would take long to parse, or to check, is refused before it is parsed. `numbers`: lists of any length
    are expected, of token ids.
    """
    if not body:
        raise Invalid("The body is empty; send a JSON object.", "invalid_json")
    shape = structure(body) if openings(body) > DEPTH_MAX or body.count(b",") > VALUES_MAX else b""
    if openings(shape) > CONTAINERS_MAX:
        raise Invalid(f"The body has more than {CONTAINERS_MAX:,} objects and lists; send fewer.", "too_many_values")
    if shape.count(b",") > VALUES_MAX and not numbers:
        raise Invalid(f"The body has more than {VALUES_MAX:,} values; send fewer.", "too_many_values")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The body is not valid JSON: {error}", "invalid_json") from None
    if depth(shape) > DEPTH_MAX:
        raise Invalid(f"The body is nested more than {DEPTH_MAX} levels deep.", "nested_too_deep")
    if has_nul(body):
        raise Invalid("The body has a NUL character (\\u0000) in a text; remove it.", "nul_character")
    return parsed


async def read_object(request: Request) -> tuple[dict[str, Any], bytes]:
    """The body as a JSON object, and its bytes as they were sent. Raises ApiError."""
    body = await request.body()
    await begin(request.scope)
    parsed = parse_json(body, takes_numbers(request.scope))
    if not isinstance(parsed, dict):
        raise Invalid("The body must be a JSON object.", "invalid_json")
    return parsed, body
