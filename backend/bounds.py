"""The bounds of one request, from the settings: those that handlers need, and no others."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request

from backend.settings import ApiSettings


class RequestBounds(NamedTuple):
    """How large a request may be.

    `messages`: the most in one request. `context_messages`: the most of a conversation that reach a model.
    `body_bytes`: the most in one request. `embed_batch`: the most inputs of one embedding job.
    """

    messages: int
    context_messages: int
    body_bytes: int
    embed_batch: int


def bounds_from(settings: ApiSettings) -> RequestBounds:
    return RequestBounds(
        messages=settings.max_messages,
        context_messages=settings.max_context_messages,
        body_bytes=settings.max_body_bytes,
        embed_batch=settings.embed_batch,
    )


def bounds_of(request: Request) -> RequestBounds:
    bounds: RequestBounds = request.state.bounds
    return bounds
