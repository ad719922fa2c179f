"""`POST /api/chat`: Ollama's request in; NDJSON, one JSON object, or our native events as SSE out."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from backend.body import read_object
from backend.chat.disconnect import parse_on_disconnect
from backend.chat.requests import ChatRequest, parse_chat
from backend.chat.service import Submission
from backend.dialects.native import NativeEvents
from backend.dialects.ollama import OllamaChunks, whole
from backend.house import House, house_of
from backend.principal import principal_of
from backend.relay import RelayResponse, Ticket, collect
from backend.threads.turn import Turn
from wire.idempotency import body_hash
from wire.records import JobRequest

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


async def submit(
    house: House, request: Request, job: JobRequest, body: bytes, part: str = "", turn: Turn | None = None
) -> Ticket:
    """The one admission path of all dialects: what the headers say, then the service.

    `part` tells the jobs of one request apart, where it makes several: each has an idempotency key of its own. A turn
    has a key anyhow: an answer has one job.
    """
    key = turn.key if turn else request.headers.get("idempotency-key")
    return await house.chat.submit(
        Submission(
            request=job,
            principal=principal_of(),
            on_disconnect=parse_on_disconnect(request.headers.get("x-sluice-on-disconnect")),
            idempotency_key=key and key + part,
            turn=turn,
            body=body_hash(request.url.path.encode() + b"\0" + body),
        )
    )


def wants_events(request: Request) -> bool:
    """Native events: asked for by `Accept`, or by our page's header."""
    return "text/event-stream" in request.headers.get("accept", "") or request.headers.get("x-sluice-events") == "1"
