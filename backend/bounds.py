"""The bounds of one request, from the settings: what a handler needs to know of them, and no more."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request

from backend.settings import ApiSettings


class RequestBounds(NamedTuple):
    """`messages`: of one request. `context_messages`: of a conversation, those that reach a model. `body_bytes`: of a
    request. `embed_batch`: inputs of one embedding job.
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
