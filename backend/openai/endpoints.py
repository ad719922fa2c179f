"""`/v1`: what OpenAI's clients ask for. Every answer is a job like any other."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from backend.chat.serving import serve
from backend.dialects.openai_chat import CHAT
from backend.dialects.openai_chat_request import ChatRequest
from backend.openapi import takes

router = APIRouter(prefix="/v1", tags=["openai"])


@router.post("/chat/completions", openapi_extra=takes(ChatRequest), summary="Chat, as OpenAI does it")
async def chat_completions(request: Request) -> Response:
    return await serve(request, CHAT)
