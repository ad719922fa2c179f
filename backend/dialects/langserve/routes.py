"""Our admission in front of LangServe's own routes: a request's jobs are let in before LangServe reads it.

So a refusal is a real status on every route, `X-Sluice-Job` is known before the response opens, and what LangServe
answers, and runs, is about jobs that are already there. When the caller goes, or LangServe gives up, they are left.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import structlog
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from backend.accounts.needs import Needs
from backend.bounds import bounds_of
from backend.chat.party import Party
from backend.dialects.langserve.door import Members, let_in
from backend.dialects.langserve.requests import filters_of, parse_many, parse_one
from backend.entrance.body import read_object
from backend.errors import ApiError

# LangServe's playground needs nothing from elsewhere. Its forms compile JSON schemas with `new Function`.
PLAYGROUND_CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
log = structlog.get_logger()

CHATS = Needs("chat")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class LetInFirst(APIRoute):
    """A route of LangServe's. Its POSTs make jobs; its playground may load nothing from elsewhere."""

    def get_route_handler(self) -> Handler:
        langserve = super().get_route_handler()
        if "POST" in (self.methods or ()):
            return _letting_in(langserve, many=self.path.endswith("/batch"))
        return _confined(langserve) if "/playground" in self.path else langserve


def _letting_in(langserve: Handler, many: bool) -> Handler:
    async def serve(request: Request) -> Response:
        caller = await CHATS(request)  # LangServe's handler looks at what the route needs once jobs are let in
        fields, body = await read_object(request)
        limit = bounds_of(request).messages
        chats = parse_many(fields, limit) if many else [parse_one(fields, limit)]
        members = await let_in(request, caller, chats, body)
        request.state.members = iter(members.chats)
        inputs = [chat.input for chat in chats]
        checked = {"inputs": inputs, "config": [{}] * len(inputs)} if many else {"input": inputs[0]}
        try:
            async with members.party.watched(request.receive):
                response = await langserve(_with_body(request, {**checked, **filters_of(fields)}))
        except BaseException as error:
            await _give_up(members, error)
            raise
        response.headers.update(members.headers)
        return Accompanied(response, members.party)

    return serve


def _confined(langserve: Handler) -> Handler:
    async def serve(request: Request) -> Response:
        response = await langserve(request)
        response.headers["Content-Security-Policy"] = PLAYGROUND_CSP
        return response

    return serve


async def _give_up(members: Members, error: BaseException) -> None:
    """LangServe has no answer. A batch is given up with its first failure, since its other answers are not read."""
    if isinstance(error, ApiError):
        error.headers.update(members.headers)
    members.party.gone = members.party.gone or isinstance(error, Exception)
    await members.party.leave()


def _with_body(request: Request, fields: dict[str, Any]) -> Request:
    """The same request with a body that LangServe's own checks cannot stumble over."""
    body = orjson.dumps(fields)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


class Accompanied(Response):
    """LangServe's response, and the party left at its end, or when the caller goes."""

    def __init__(self, response: Response, party: Party) -> None:
        super().__init__()
        self._response = response
        self._party = party

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._response(scope, self._party.hearing(receive), send)
        except ApiError as error:  # LangServe has sent the failure to the stream's reader, and raises it once more
            log.info("job failed in a stream", action="stream.failed", code=error.code)
            self._party.gone = True  # the rest of an answer that was interrupted is not read
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._party.leave()
