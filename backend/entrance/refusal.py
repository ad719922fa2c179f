"""An error as its caller gets it: in the shape of the protocol that the request speaks (`protocols.py`).

A 500 has a `trace` beside it in development.
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

from backend.entrance.context import request_id
from backend.entrance.protocols import spoken
from backend.errors import ApiError, as_api_error
from backend.store.database import DatabaseAway
from wire.link import LinkLost
from wire.reader import JobLost

log = structlog.get_logger()


def error_response(error: ApiError, scope: Scope, trace: str | None = None) -> Response:
    """The refusal of the request that `scope` describes."""
    status, body = spoken(scope).refuse(error, request_id())
    if trace:
        body["trace"] = trace
    return Response(orjson.dumps(body), status, error.headers, "application/json")


async def answer(request: Request, error: Exception) -> Response:
    """The response to a foreseen exception."""
    return error_response(as_api_error(error), request.scope)


def install(app: FastAPI) -> None:
    """Answer foreseen exceptions where they are raised; all others reach `ErrorBoundary`."""
    foreseen = (ApiError, RedisError, LinkLost, TimeoutError, DatabaseAway, JobLost)
    for kind in (*foreseen, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)


class ErrorBoundary:
    """Middleware inside the request's context: logs an unforeseen exception, once, and answers it in the same shape as
    any other error."""

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
        except ClientDisconnect:  # the caller left while it was sending its request: there is no reader for an answer
            log.info("the caller left before its request was whole", action="request.left")
        except Exception as error:
            log.exception("request failed", action="request.failed")
            if started:
                raise
            trace = "".join(traceback.format_exception(error)) if self._development else None
            await error_response(as_api_error(error), scope, trace)(scope, receive, send)
