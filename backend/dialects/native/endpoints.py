"""`/api/jobs/{id}`: the record, the events from any point on, and cancel. `/api/v1/local-llm/generate`: the plainest of
all doors."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from backend.accounts.caller import Caller
from backend.accounts.needs import needs
from backend.chat.disconnect import CONTINUE, parse_on_disconnect
from backend.chat.pace import pace_of
from backend.chat.relay import RelayResponse
from backend.chat.service import chat_of
from backend.dialects.common.openapi import takes
from backend.dialects.common.serving import serve
from backend.dialects.native.events import NativeEvents
from backend.dialects.native.local_llm import LocalGenerate, LocalRequest
from backend.dialects.native.view import view
from backend.errors import Conflict, Invalid, NotFound, job_not_found
from backend.pool.news import news_of
from backend.pool.pools import Found, Pools, pools_of
from wire.events import START, EventId
from wire.ids import JobId
from wire.reader import CursorUnknown

router = APIRouter(prefix="/api/jobs", tags=["jobs"])
local_router = APIRouter(prefix="/api/v1/local-llm", tags=["chat"])
Owner = Annotated[Caller, needs("jobs")]
Chatter = Annotated[Caller, needs("chat")]

GENERATE, ANYWHERE = LocalGenerate(), LocalGenerate(anywhere=True)


@router.get("/{job}", summary="State, place, attempts, timeline, usage and result of a job")
async def show(job: JobId, request: Request, caller: Owner) -> dict[str, Any]:
    pools = pools_of(request)
    found = there(await pools.without_request(await find_job(pools, caller, job)), job)
    place = await news_of(request).place(found.pool, job) if found.record.live else None
    return view(found, place, await pools.ending(found))


@router.get("/{job}/events", summary="A job's events as SSE, from the start or after Last-Event-ID")
async def events(job: JobId, request: Request, caller: Owner) -> Response:
    after = parse_cursor(request.headers.get("last-event-id") or request.query_params.get("after"))
    # Watching is no promise to stay: a caller who only looks on does not cancel by leaving, unless a header wants that.
    on_disconnect = parse_on_disconnect(request.headers.get("x-sluice-on-disconnect"), CONTINUE)
    pace = pace_of(request)
    record = (await find_job(pools_of(request), caller, job)).record
    if record.end and after == EventId.parse(record.end):
        return Response(status_code=204)  # a browser's EventSource comes back after every end; this one it heeds
    try:
        ticket = await chat_of(request).follow(record, after, on_disconnect)
    except CursorUnknown as unknown:
        raise Conflict(
            f"This job has no event {after}; its log ends at {unknown.last}. Start over without Last-Event-ID.",
            "unknown_event_id",
        ) from None
    return RelayResponse(ticket, NativeEvents(), pace)


@router.post("/{job}/cancel", summary="End a job; its worker stops within 100 ms")
async def cancel(job: JobId, request: Request, caller: Owner) -> dict[str, Any]:
    """Answers with the state that the job is in now: to cancel an ended job changes nothing, and is no error."""
    state = await pools_of(request).of(caller).cancel(job)
    if state is None:
        raise job_not_found(job)
    return {"id": job, "state": state}


@local_router.post("/generate", openapi_extra=takes(LocalRequest), summary="Answer one prompt")
async def generate(request: Request, caller: Chatter) -> Response:
    """`{id, response, model, provider, usage, timings, cached}`; `id` is the job's, for `/api/jobs/{id}`."""
    try:
        return await serve(request, caller, GENERATE)
    except NotFound:  # nothing was enqueued
        return await serve(request, caller, ANYWHERE)


async def find_job(pools: Pools, caller: Caller, job: JobId) -> Found:
    """The outline of the caller's job, in whichever pool it is. Raises NotFound, also for another tenant's job."""
    return there(await pools.of(caller).find(job), job)


def there(found: Found | None, job: JobId) -> Found:
    """The job that was found. Raises NotFound."""
    if found is None:
        raise job_not_found(job)
    return found


def parse_cursor(value: str | None) -> EventId:
    if not value:
        return START
    try:
        return EventId.parse(value)
    except ValueError:
        raise Invalid("Last-Event-ID must be an id of this job's events, like 1-7.", "invalid_event_id") from None
