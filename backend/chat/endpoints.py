"""`POST /api/chat`: Ollama's request in; NDJSON, one JSON object, or our native events as SSE out."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from backend.body import read_object
from backend.chat.requests import ChatRequest, parse_chat
from backend.chat.serving import submit
from backend.dialects.native import NativeEvents
from backend.dialects.ollama import OllamaChunks, whole
from backend.house import house_of
from backend.relay import RelayResponse, collect

router = APIRouter(tags=["chat"])

CHAT_DOC: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": ChatRequest.model_json_schema()}}},
    "parameters": [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": about,
            "schema": {"type": "string"},
        }
        for name, about in (
            ("Idempotency-Key", "The same key and body joins the live job; with another body it is a 422."),
            ("X-Sluice-On-Disconnect", "cancel (default), continue, or grace:<seconds>."),
            ("X-Request-ID", "Bound to every log line of this job, here and in the worker."),
        )
    ],
}


@router.post("/api/chat", openapi_extra=CHAT_DOC, summary="Chat, as Ollama does it")
async def chat(request: Request) -> Response:
    """Streams NDJSON; `"stream": false` gives one object; `Accept: text/event-stream` gives native events."""
    house = house_of(request)
    parsed, body = await read_object(request)
    wanted = parse_chat(parsed, house.settings.max_messages)
    ticket = await submit(house, request, wanted.to_job(), body)
    if wants_events(request):
        return RelayResponse(ticket, NativeEvents())
    if wanted.stream:
        return RelayResponse(ticket, OllamaChunks(ticket.model))
    answer = orjson.dumps(whole(ticket.model, await collect(ticket, request.receive)), option=orjson.OPT_UTC_Z)
    return Response(answer, headers=ticket.headers, media_type="application/json")


def wants_events(request: Request) -> bool:
    """Native events: asked for by `Accept`, or by our page's header."""
    return "text/event-stream" in request.headers.get("accept", "") or request.headers.get("x-sluice-events") == "1"
