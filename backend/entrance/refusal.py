"""An error as a client hears it: in the shape of the dialect whose path it asked for.

Our own shape is `{"error": {"code", "message", "request_id"}}`, with `trace` for a 500 in development.
"""

from __future__ import annotations

import traceback

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.dialects.anthropic import answer as anthropic
from backend.dialects.common.door import Refuse
from backend.dialects.native import events as native
from backend.dialects.ollama import answer as ollama
from backend.dialects.openai import errors as openai_errors
from backend.entrance.context import is_anthropic, request_id
from backend.errors import ApiError, as_api_error
from backend.store.database import DatabaseAway
from wire.link import LinkLost
from wire.reader import JobLost

log = structlog.get_logger()


# First match wins: a longer prefix stands before a shorter one.
SHAPES: tuple[tuple[str, Refuse], ...] = (
    *((path, ollama.refusal) for path in ollama.PATHS),
    ("/v1/messages", anthropic.refusal),
    ("/v1/", openai_errors.refusal),
)
SHARED = "/v1/models"


def shape_of(path: str) -> Refuse:
    """Of the path's dialect; on the path that OpenAI's and Anthropic's clients share, of the client's."""
    if path.startswith(SHARED) and is_anthropic():
        return anthropic.refusal
    return next((shape for prefix, shape in SHAPES if path.startswith(prefix)), native.refusal)


def error_response(error: ApiError, path: str, trace: str | None = None) -> Response:
    status, body = shape_of(path)(error, request_id())
    if trace:
        body["trace"] = trace
    return Response(orjson.dumps(body), status, error.headers, "application/json")


async def answer(request: Request, error: Exception) -> Response:
    """A foreseen exception, told."""
    return error_response(as_api_error(error), request.url.path)


def install(app: FastAPI) -> None:
    """Foreseen exceptions become answers where they are raised; the rest reaches `ErrorBoundary`."""
    foreseen = (ApiError, RedisError, LinkLost, TimeoutError, DatabaseAway, JobLost)
    for kind in (*foreseen, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)


class ErrorBoundary:
    """Middleware inside the request's context: what nobody foresaw is logged once, and answered in the same shape."""

    def __init__(self, app: ASGIApp, development: bool) -> None:
        self._app = app
        self._development = development

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:  # while it was sending its request: there is nobody to answer
            log.info("the caller left before its request was whole", action="request.left")
        except Exception as error:
            log.exception("request failed", action="request.failed")
            if started:
                raise
            trace = "".join(traceback.format_exception(error)) if self._development else None
            await error_response(as_api_error(error), scope["path"], trace)(scope, receive, send)
