"""A request in LangServe's form becomes jobs: each conversation is trimmed to what its model can read, checked by the
rules of `/api/chat`, and let in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import orjson
from starlette.requests import Request

from backend.accounts.caller import Caller
from backend.bounds import RequestBounds, bounds_of
from backend.chat.party import Party, Ticket
from backend.chat.service import chat_of
from backend.dialects.common.serving import submit
from backend.dialects.langserve.model import Events, Follow, QueueChat
from backend.dialects.langserve.requests import Chat, checked
from backend.dialects.langserve.trim import Room, context_of, room_of, text_tokens, trim
from backend.pool.models.catalogue import Catalogue, catalogue_of
from wire.records import JobRequest

CONTEXT = "X-Sluice-Context-Messages"  # so many of the conversation's last messages were read; absent: all of them


class Prepared(NamedTuple):
    """One conversation before its job is let in. `context`: how many of its messages are read; None: all."""

    room: Room
    model: QueueChat
    ask: JobRequest
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
        """The headers of a batch are only its jobs: each may have gone another way."""
        headers = self.party.headers
        return headers if len(self.chats) == 1 else {"X-Sluice-Job": headers["X-Sluice-Job"]}


async def let_in(request: Request, caller: Caller, chats: list[Chat], body: bytes) -> Members:
    """All or none: every chat is checked before the first job is made."""
    catalogue, bounds = catalogue_of(request), bounds_of(request)
    async with asyncio.timeout(chat_of(request).answer_seconds):
        ready = [await _prepare(chat, catalogue, bounds) for chat in chats]
    turn = chats[0].turn and chats[0].turn._replace(context_messages=ready[0].context)
    party = await submit(request, caller, [chat.ask for chat in ready], body, turn=turn, trimmed=True)
    return Members(party, [_as_let_in(chat, ticket) for chat, ticket in zip(ready, party.tickets, strict=True)])


async def _prepare(chat: Chat, catalogue: Catalogue, bounds: RequestBounds) -> Prepared:
    """The job that the chain's own steps would make of it. Raises Invalid and NotFound."""
    requested = chat.model.model  # the caller's name for the model, which the router needs as it is
    name = await catalogue.resolve(requested)
    model = chat.model.model_copy(update={"model": name})
    window = await catalogue.context_length(name)
    room = room_of(
        bounds.context_messages,
        min(window, model.num_ctx or window) or model.num_ctx or 0,
        model.num_predict,
        beside=text_tokens(orjson.dumps(model.tools).decode()) if model.tools else 0,
    )
    kept = trim(chat.messages, room)
    ask = checked(lambda: model.to_ask(kept), "messages")
    return Prepared(room, model, ask.model_copy(update={"model": requested}), context_of(chat.messages, kept))


def _as_let_in(chat: Prepared, ticket: Ticket) -> LetIn:
    ticket.headers |= {} if chat.context is None else {CONTEXT: str(chat.context)}
    known = {"model": ticket.model, "follow": _following(ticket)}
    return LetIn(chat.room, chat.model.model_copy(update=known), ticket)


def _following(ticket: Ticket) -> Follow:
    @asynccontextmanager
    async def follow(ask: JobRequest) -> AsyncIterator[Events]:
        """The job is there already: LangServe opens its response before it runs the chain."""
        yield ticket.reader

    return follow
