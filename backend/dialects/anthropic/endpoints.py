"""`/v1/messages`. Anthropic's version header is not asked for, and a key in `x-api-key` is not looked at."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from backend.dialects.anthropic.door import AnthropicCount, AnthropicMessages
from backend.dialects.anthropic.request import CountRequest, MessagesRequest
from backend.dialects.common.openapi import takes
from backend.dialects.common.serving import serve

router = APIRouter(prefix="/v1/messages", tags=["Anthropic"])

MESSAGES, COUNT = AnthropicMessages(), AnthropicCount()


@router.post("", openapi_extra=takes(MessagesRequest), summary="A message, as Anthropic makes it")
async def messages(request: Request) -> Response:
    """One object; `"stream": true` gives Anthropic's sequence of events."""
    return await serve(request, MESSAGES)


@router.post("/count_tokens", openapi_extra=takes(CountRequest), summary="How many tokens a message's input is")
async def count_tokens(request: Request) -> Response:
    """Counted by the engine that would answer, with its own tokenizer and template."""
    return await serve(request, COUNT)
