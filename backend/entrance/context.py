"""Who asks, under which request id: bound for every log line of the request, and sent back in `X-Request-ID`.

Pure ASGI: Starlette's BaseHTTPMiddleware costs 30 µs a chunk, which on a token stream is most of the budget.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.entrance.headers import missing_headers

# The server's own `send`, in the scope: once a response has started, frameworks' wrappers around `send` have nothing
# left to do, yet each would cost a coroutine a chunk.
SERVER_SEND = "sluice.send"
# Whether the client of the request being served speaks Anthropic's protocol, which shares paths with OpenAI's.
_ANTHROPIC: ContextVar[bool] = ContextVar("anthropic", default=False)
HEALTH = ("/health", "/api/health", "/metrics")  # asked every few seconds by whoever watches this process
USABLE = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
log = structlog.get_logger()


def request_id() -> str:
    """The id of the request being served; "" outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def is_anthropic() -> bool:
    """Whether the request being served has `anthropic-version`, which Anthropic's clients send and nobody else."""
    return _ANTHROPIC.get()


def header(scope: Scope, name: bytes) -> bytes:
    """A request header's value; b"" where it is missing. `name` in lower case."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value for key, value in headers if key == name), b"")


def is_upload(scope: Scope) -> bool:
    """The one request whose body is a form with a file."""
    path: str = scope["path"]
    return scope["method"] == "POST" and path.removeprefix(scope.get("root_path", "")) == "/v1/files"


def has_body(scope: Scope) -> bool:
    """Whether a body follows the head."""
    return header(scope, b"content-length") not in (b"", b"0") or bool(header(scope, b"transfer-encoding"))


def names_of_id(path: str) -> tuple[bytes, ...]:
    """The headers that tell the request's id: Anthropic's clients look for theirs under a name of its own."""
    theirs = path.startswith("/v1/messages") or is_anthropic()
    return (b"x-request-id", b"request-id") if theirs else (b"x-request-id",)


class RequestContext:
    """Outermost middleware: request id, one log line a request, headers that no answer may lack."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        given = header(scope, b"x-request-id")
        name = given if USABLE.fullmatch(given) else secrets.token_hex(8).encode()
        scope[SERVER_SEND] = send
        _ANTHROPIC.set(bool(header(scope, b"anthropic-version")))
        with structlog.contextvars.bound_contextvars(request_id=name.decode(), path=scope["path"]):
            await _answer(self._app, scope, receive, send, name)


async def _answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send, name: bytes) -> None:
    began, status = time.monotonic(), 0

    async def send_with_id(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = [*message.get("headers", ()), *((key, name) for key in names_of_id(scope["path"]))]
            message["headers"] = [*headers, *missing_headers(scope["path"], headers)]
        await send(message)

    try:
        await app(scope, receive, send_with_id)
    finally:
        took = int((time.monotonic() - began) * 1000)
        quiet = scope["path"].startswith(HEALTH)
        (log.debug if quiet else log.info)(
            "request answered", action="request.answered", method=scope["method"], status=status, ms=took
        )
