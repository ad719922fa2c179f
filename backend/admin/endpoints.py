"""`/api/admin`: the pool live, every tenant's jobs, dead letters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from backend.accounts.needs import needs
from backend.admin.listener import ListenerResponse
from backend.admin.room import admin_of
from backend.chat.service import chat_of
from backend.errors import Unavailable
from wire.ids import JobId

router = APIRouter(prefix="/api/admin", tags=["admin"], dependencies=[needs("operate")])
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/events", summary="The pool live, as SSE: history once, then a snapshot each second")
async def events(request: Request) -> Response:
    """`event: trouble` carries an error while Redis is away; the stream goes on by itself."""
    if chat_of(request).draining:
        raise Unavailable("This server is shutting down; connect again.", "draining", {"Retry-After": "1"})
    monitor = admin_of(request).monitor
    return ListenerResponse(monitor.join, monitor.leave)


@router.get("/jobs", summary="Jobs of all tenants, page by page, the newest first")
async def jobs(
    request: Request, state: Literal["live", "ended"] = "live", limit: Limit = 50, cursor: str | None = None
) -> dict[str, Any]:
    every = admin_of(request).jobs
    look = every.live if state == "live" else every.ended
    views, following = await look(cursor, limit)
    return {"jobs": views, "next_cursor": following}


@router.get("/jobs/{job}", summary="One job of any tenant: its cost and its timeline, nothing of its texts")
async def job(job: JobId, request: Request) -> dict[str, Any]:
    return await admin_of(request).jobs.one(job)


@router.post("/jobs/{job}/cancel", summary="End a job of any tenant; its worker stops within 100 ms")
async def cancel(job: JobId, request: Request) -> dict[str, Any]:
    """Returns the state that the job is in now. To cancel a job that has ended changes nothing, and is no error."""
    return await admin_of(request).jobs.cancel(job)


@router.get("/dead", summary="Dead letters, page by page, the newest first")
async def dead(request: Request, limit: Limit = 50, cursor: str | None = None) -> dict[str, Any]:
    letters, following = await admin_of(request).jobs.dead(cursor, limit)
    return {"dead": letters, "next_cursor": following}
