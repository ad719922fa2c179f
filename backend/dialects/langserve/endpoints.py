"""`/api/lc/chat/stream`, which the page speaks: LangServe's format, and nothing of LangServe's package.

Where that package is not installed, its other routes answer how to install it.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from backend.accounts.caller import Caller
from backend.accounts.needs import needs
from backend.bounds import bounds_of
from backend.chat.pace import pace_of
from backend.chat.relay import RelayResponse
from backend.dialects.langserve.door import let_in
from backend.dialects.langserve.requests import parse_one
from backend.dialects.langserve.stream import LangServeEvents
from backend.entrance.body import read_object
from backend.errors import NotInstalled

PREFIX = "/api/lc/chat"
RUNS = ("invoke", "batch", "stream_log", "stream_events")
PAGES = ("input_schema", "output_schema", "config_schema", "playground/")
# Written by hand: the schemas of LangChain's messages are 2,000 lines, and `/input_schema` has them.
STREAM_DOC: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["input"],
                    "properties": {"input": {"type": "object"}, "config": {"type": "object"}},
                },
                "example": {
                    "input": {"messages": [{"role": "user", "content": "Hello!"}]},
                    "config": {"configurable": {"temperature": 0}},
                },
            }
        },
    }
}

router = APIRouter(prefix=PREFIX, tags=["langserve"])
absent_router = APIRouter(prefix=PREFIX, dependencies=[needs("chat")], include_in_schema=False)


@router.post("/stream", openapi_extra=STREAM_DOC, summary="Chat, as LangServe streams it")
async def stream(request: Request, caller: Annotated[Caller, needs("chat")]) -> Response:
    """SSE: `metadata` (its `run_id` is the job's id), `data` (chunks of an AI message), `end` or `error`."""
    fields, body = await read_object(request)
    chat = parse_one(fields, bounds_of(request).messages)
    pace = pace_of(request)
    [(_, model, ticket)] = (await let_in(request, caller, [chat], body)).chats
    news = request.headers.get("x-sluice-events") == "1"
    return RelayResponse(ticket, LangServeEvents(ticket.job, model.model, bool(model.reasoning), news), pace)


async def absent() -> None:
    raise NotInstalled(
        "LangServe is not installed here, and only /stream works without it: install the packages langserve and "
        "sse-starlette beside Sluice, and restart it.",
    )


for name in RUNS:
    absent_router.add_api_route(f"/{name}", absent, methods=["POST"])
for name in PAGES:
    absent_router.add_api_route(f"/{name}", absent, methods=["GET"])
