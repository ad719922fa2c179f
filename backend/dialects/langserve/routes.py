"""Our admission in front of LangServe's own routes: a request's jobs are let in before LangServe reads it.

So a refusal is a real status on every route, `X-Sluice-Job` is known before the response opens, and what LangServe
answers, and runs, is about jobs that are already there. When the caller goes, or LangServe gives up, they are left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import orjson
import structlog
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from backend.accounts.caller import caller_in
from backend.bounds import RequestBounds, bounds_of
from backend.chat.party import Party, Ticket
from backend.chat.service import chat_of
from backend.dialects.common.serving import submit
from backend.dialects.langserve.model import Events, Follow, QueueChat
from backend.dialects.langserve.requests import Chat, checked, filters_of, parse_many, parse_one
from backend.dialects.langserve.trim import Room, context_of, room_of, text_tokens, trim
from backend.entrance.body import read_object
from backend.errors import ApiError
from backend.pool.models.catalogue import Catalogue, catalogue_of
from wire.records import JobRequest

# LangServe's playground needs nothing from elsewhere. Its forms compile JSON schemas with `new Function`.
PLAYGROUND_CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
CONTEXT = "X-Sluice-Context-Messages"  # so many of the conversation's last messages were read; absent: all of them
log = structlog.get_logger()

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Prepared(NamedTuple):
    """One conversation before its job is let in. `context`: how many of its messages are read; None: all."""

    room: Room
    model: QueueChat
    job: JobRequest
    context: int | None


class LetIn(NamedTuple):
    """One conversation whose job is there: what the chain's steps need when LangServe runs it."""

    room: Room
    model: QueueChat
    ticket: Ticket


class Members(NamedTuple):
    """The conversations of one request, and the party of their jobs."""

    party: Party
    chats: list[LetIn]

    @property
    def headers(self) -> dict[str, str]:
        """Of a batch only its jobs: they may have gone different ways."""
        headers = self.party.headers
        return headers if len(self.chats) == 1 else {"X-Sluice-Job": headers["X-Sluice-Job"]}


class LetInFirst(APIRoute):
    """A route of LangServe's. Its POSTs make jobs; its playground is told to load nothing from elsewhere."""

    def get_route_handler(self) -> Handler:
        langserve = super().get_route_handler()
        if "POST" in (self.methods or ()):
            return _letting_in(langserve, many=self.path.endswith("/batch"))
        return _confined(langserve) if "/playground" in self.path else langserve


def _letting_in(langserve: Handler, many: bool) -> Handler:
    async def serve(request: Request) -> Response:
        fields, body = await read_object(request)
        limit = bounds_of(request).messages
        chats = parse_many(fields, limit) if many else [parse_one(fields, limit)]
        members = await let_in(request, chats, body)
        request.state.members = iter(members.chats)
        asked = {"inputs": [c.input for c in chats], "config": [{}] * len(chats)} if many else {"input": chats[0].input}
        try:
            async with members.party.watched(request.receive):
                response = await langserve(_with_body(request, {**asked, **filters_of(fields)}))
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


async def let_in(request: Request, chats: list[Chat], body: bytes) -> Members:
    """All or none: every chat is checked before the first job is made."""
    catalogue, bounds = catalogue_of(request), bounds_of(request)
    async with asyncio.timeout(chat_of(request).answer_seconds):
        ready = [await _prepare(chat, catalogue, bounds) for chat in chats]
    turn = chats[0].turn and chats[0].turn._replace(context_messages=ready[0].context)
    party = await submit(request, caller_in(request.scope), [chat.job for chat in ready], body, turn=turn, trimmed=True)
    return Members(party, [_as_let_in(chat, ticket) for chat, ticket in zip(ready, party.tickets, strict=True)])


async def _prepare(chat: Chat, catalogue: Catalogue, bounds: RequestBounds) -> Prepared:
    """The job that the chain's own steps would make of it. Raises Invalid and NotFound."""
    asked = chat.model.model  # the caller's word: the router needs it as it is
    name = await catalogue.resolve(asked)
    model = chat.model.model_copy(update={"model": name})
    window = await catalogue.context_length(name)
    room = room_of(
        bounds.context_messages,
        min(window, model.num_ctx or window) or model.num_ctx or 0,
        model.num_predict,
        beside=text_tokens(orjson.dumps(model.tools).decode()) if model.tools else 0,
    )
    kept = trim(chat.messages, room)
    job = checked(lambda: model.to_job(kept), "messages")
    return Prepared(room, model, job.model_copy(update={"model": asked}), context_of(chat.messages, kept))


def _as_let_in(chat: Prepared, ticket: Ticket) -> LetIn:
    ticket.headers |= {} if chat.context is None else {CONTEXT: str(chat.context)}
    known = {"model": ticket.model, "follow": _following(ticket)}
    return LetIn(chat.room, chat.model.model_copy(update=known), ticket)


def _following(ticket: Ticket) -> Follow:
    @asynccontextmanager
    async def follow(job: JobRequest) -> AsyncIterator[Events]:
        """The job is there already: LangServe opens its response before it runs the chain."""
        yield ticket.reader

    return follow


async def _give_up(members: Members, error: BaseException) -> None:
    """LangServe has no answer. A batch is given up with its first failure: nobody reads the other answers."""
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
        except ApiError as error:  # LangServe has told the stream's reader that it failed, and raises it once more
            log.info("job failed in a stream", action="stream.failed", code=error.code)
            self._party.gone = True  # of an answer that was interrupted nobody reads the rest
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._party.leave()
