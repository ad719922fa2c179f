"""`/v1/messages`, and `/v1/models` for clients that send Anthropic's version header. No other route needs that header,
and a key in `x-api-key` is not looked at."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from backend.accounts.caller import Caller
from backend.accounts.needs import needs
from backend.dialects.anthropic import models as anthropic_models
from backend.dialects.anthropic.door import AnthropicCount, AnthropicMessages
from backend.dialects.anthropic.models import MarkedRoute, Page
from backend.dialects.anthropic.request import CountRequest, MessagesRequest
from backend.dialects.common.models import listed_ids
from backend.dialects.common.openapi import takes
from backend.dialects.common.serving import serve
from backend.pool.models.catalogue import catalogue_of

router = APIRouter(prefix="/v1/messages", tags=["Anthropic"])
Chatter = Annotated[Caller, needs("chat")]
models_router = APIRouter(
    prefix="/v1/models", route_class=MarkedRoute, include_in_schema=False, dependencies=[needs("models")]
)

MESSAGES, COUNT = AnthropicMessages(), AnthropicCount()


@router.post("", openapi_extra=takes(MessagesRequest), summary="A message, as Anthropic makes it")
async def messages(request: Request, caller: Chatter) -> Response:
    """One object; `"stream": true` gives Anthropic's sequence of events."""
    return await serve(request, caller, MESSAGES)


@router.post("/count_tokens", openapi_extra=takes(CountRequest), summary="How many tokens a message's input is")
async def count_tokens(request: Request, caller: Chatter) -> Response:
    """Counted by the engine that would answer, with its own tokenizer and template."""
    return await serve(request, caller, COUNT)


@models_router.get("")
async def models(request: Request) -> dict[str, Any]:
    """Pages of the models there are; an alias is one more id."""
    catalogue = catalogue_of(request)
    ids = listed_ids(models := await catalogue.models(), await catalogue.present_aliases())
    page = Page.of(request.query_params)
    return anthropic_models.listed({id: models.about(name) for id, name in ids.items()}, page)


@models_router.get("/{model:path}")
async def model(model: str, request: Request) -> dict[str, Any]:
    """A model's name may hold slashes, be an alias, or `provider/model`."""
    catalogue = catalogue_of(request)
    name = await catalogue.resolve(model)
    return anthropic_models.described(model, (await catalogue.models()).about(name))
