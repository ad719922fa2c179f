"""`/api/threads`: the conversations of the caller's tenant, in SQL. Another tenant's thread is as unknown as a wrong
id."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from backend.accounts.caller import Caller
from backend.accounts.needs import needs
from backend.cursor import read_cursor, write_cursor
from backend.entrance.body import read_object
from backend.ids import MessageId, ThreadId, usable_id
from backend.threads.documents import documented
from backend.threads.export import Format, export
from backend.threads.requests import (
    PAGE_MAX,
    Feedback,
    NewThread,
    ThreadChange,
    message_not_found,
    parse,
    parse_query,
    thread_not_found,
)
from backend.threads.service import threads_of
from backend.threads.titles import titles_of
from backend.threads.view import branch_to, head_of, in_order, message_view, thread_view, thread_views

router = APIRouter(prefix="/api/threads", tags=["threads"])
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Thread = Annotated[ThreadId, Path(description="A thread's id.")]
Owner = Annotated[Caller, needs("threads")]


@router.get("", summary="Threads, the latest used first")
async def page(
    request: Request, caller: Owner, archived: bool = False, limit: Limit = 50, cursor: str | None = None
) -> Response:
    """`next_cursor` null: this is the last page."""
    shown_page = await threads_of(request).page(caller.tenant, archived, read_cursor(cursor), limit)
    following = write_cursor(*shown_page.next) if shown_page.next else None
    return answer({"threads": thread_views(shown_page.threads, shown_page.awaited), "next_cursor": following})


@router.post("", status_code=201, openapi_extra=documented(NewThread), summary="Begin a thread")
async def create(request: Request, caller: Owner) -> Response:
    """201; or 200 with the thread that is there, if its id was sent before."""
    new = parse(NewThread, await fields(request))
    row, is_new = await threads_of(request).create(caller.tenant, new)
    return answer(thread_view(row, None), 201) if is_new else await shown(request, caller, row.id)


@router.get("/search", summary="Threads and messages that have these words, newest first")
async def search(request: Request, caller: Owner, q: str, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
    """Case and the forms of letters do not matter. `message_id` null: the thread's title has the words."""
    hits, awaited = await threads_of(request).search(caller.tenant, parse_query(q), limit)
    views = [
        {
            "thread": thread_view(hit.thread, awaited.get(hit.thread.id)),
            "message_id": hit.message,
            "snippet": hit.snippet,
        }
        for hit in hits
    ]
    return answer({"hits": views})


@router.get("/{thread}", summary="A thread: title, settings, and the job that runs in it")
async def show(request: Request, caller: Owner, thread: Thread) -> Response:
    return await shown(request, caller, usable_id(thread, thread_not_found))


@router.patch("/{thread}", openapi_extra=documented(ThreadChange), summary="Rename, archive, set, show another branch")
async def change(request: Request, caller: Owner, thread: Thread) -> Response:
    """A field that is left out stays as it is."""
    thread_id = usable_id(thread, thread_not_found)
    await threads_of(request).change(caller.tenant, thread_id, parse(ThreadChange, await fields(request)))
    return await shown(request, caller, thread_id)


@router.delete("/{thread}", status_code=204, summary="Delete a thread; its running jobs are cancelled")
async def delete(request: Request, caller: Owner, thread: Thread) -> Response:
    await threads_of(request).delete(caller.tenant, usable_id(thread, thread_not_found))
    return Response(status_code=204)


@router.get("/{thread}/messages", summary="All messages of a thread, of every branch, parents before children")
async def messages(request: Request, caller: Owner, thread: Thread) -> Response:
    """`head_id`: the leaf that is shown."""
    page, rows = await threads_of(request).messages(caller.tenant, usable_id(thread, thread_not_found))
    [row], ordered = page.threads, in_order(rows)
    views = [message_view(message) for message in ordered]
    shown_thread = thread_view(row, page.awaited.get(row.id))
    return answer({"thread": shown_thread, "messages": views, "head_id": head_of(row, ordered)})


@router.get("/{thread}/export", summary="A thread as a file: everything as JSON, or the shown branch as Markdown")
async def export_thread(request: Request, caller: Owner, thread: Thread, format: Format = "json") -> Response:
    page, rows = await threads_of(request).messages(caller.tenant, usable_id(thread, thread_not_found))
    [row], ordered = page.threads, in_order(rows)
    head = head_of(row, ordered)
    branch = [message_view(message) for message in branch_to(head, ordered)]
    views = [message_view(message) for message in ordered]
    return export(format, thread_view(row, page.awaited.get(row.id)), views, branch, head)


@router.post("/{thread}/title", status_code=202, summary="Let the model name a thread, by a job of class batch")
async def title(request: Request, caller: Owner, thread: Thread) -> Response:
    """202 with the job; 200 and null: a person named the thread, it has no answer yet, or all workers are simulated."""
    job = await titles_of(request).ask(caller, usable_id(thread, thread_not_found))
    return answer({"job": job}, 202 if job else 200)


@router.put(
    "/{thread}/messages/{message}/feedback",
    status_code=204,
    openapi_extra=documented(Feedback),
    summary="Rate an answer, or take the rating back",
)
async def feedback(request: Request, caller: Owner, thread: Thread, message: MessageId) -> Response:
    thread_id, message_id = usable_id(thread, thread_not_found), usable_id(message, message_not_found)
    await threads_of(request).rate(caller.tenant, thread_id, message_id, parse(Feedback, await fields(request)))
    return Response(status_code=204)


async def fields(request: Request) -> dict[str, Any]:
    return (await read_object(request))[0]


async def shown(request: Request, caller: Caller, thread_id: ThreadId) -> Response:
    """A thread as it is now."""
    page = await threads_of(request).get(caller.tenant, thread_id)
    return answer(thread_views(page.threads, page.awaited)[0])


def answer(body: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
