"""A request's id and the protocol that it speaks. The id is bound for every log line of the request, and sent back in
`X-Request-ID`.

Pure ASGI: Starlette's BaseHTTPMiddleware costs 30 µs a chunk, which on a token stream is most of the budget.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.entrance.headers import Header, missing_headers
from backend.entrance.protocols import SPOKEN, Protocols

# Where the scope has the server's own `send`. Once a response has started, the wrappers that frameworks put around
# `send` have nothing left to do, yet each would cost a coroutine a chunk.
SERVER_SEND = "sluice.send"
HEALTH = ("/health", "/api/health", "/metrics")  # a watcher of this process asks for these every few seconds
USABLE = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
log = structlog.get_logger()


def request_id() -> str:
    """The id of the request being served; "" outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def header(scope: Scope, name: bytes) -> bytes:
    """A request header's value; b"" where it is missing. `name` in lower case."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value for key, value in headers if key == name), b"")


def has_body(scope: Scope) -> bool:
    """Whether a body follows the head."""
    return header(scope, b"content-length") not in (b"", b"0") or bool(header(scope, b"transfer-encoding"))


class RequestContext:
    """Outermost middleware: the request's id and protocol, one log line a request, headers that no answer may lack."""

    def __init__(self, app: ASGIApp, protocols: Protocols) -> None:
        self._app = app
        self._protocols = protocols

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        sent = header(scope, b"x-request-id")
        id = sent if USABLE.fullmatch(sent) else secrets.token_hex(8).encode()
        scope[SERVER_SEND] = send
        scope[SPOKEN] = self._protocols.of(scope)
        ids = [(name, id) for name in (b"x-request-id", *self._protocols.id_headers(scope))]
        with structlog.contextvars.bound_contextvars(request_id=id.decode(), path=scope["path"]):
            await _answer(self._app, scope, receive, send, ids)


async def _answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send, ids: list[Header]) -> None:
    """`ids`: the headers with the request's id."""
    began, status = time.monotonic(), 0

    async def send_with_id(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = [*message.get("headers", ()), *ids]
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
