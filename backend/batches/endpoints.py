"""`/v1/batches`: make, read, list and cancel. A foreign id is as unknown as a wrong id."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from backend.accounts.caller import Caller
from backend.accounts.needs import needs
from backend.batches.requests import BatchRequest
from backend.batches.service import batch_not_found, batches_of, view
from backend.dialects.common.openapi import takes
from backend.dialects.openai.errors import read_as
from backend.entrance.body import read_object
from backend.ids import BatchId, usable_id

router = APIRouter(prefix="/v1/batches", tags=["OpenAI"])
Owner = Annotated[Caller, needs("batches")]


@router.post("", openapi_extra=takes(BatchRequest, {}), summary="Answer a file of requests, as OpenAI does it")
async def create(request: Request, caller: Owner) -> Response:
    """The lines' jobs are of class `batch`: every chat goes before them."""
    parsed, _ = await read_object(request)
    wanted = read_as(BatchRequest, parsed)
    return answer(view(await batches_of(request).create(caller, wanted)))


@router.get("", summary="Batches, the newest first")
async def page(
    request: Request, caller: Owner, after: BatchId | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> Response:
    """`after`: the last batch of the page before."""
    after = usable_id(after, batch_not_found) if after else None
    page, more = await batches_of(request).page(caller.tenant, after, limit)
    data = [view(shown) for shown in page]
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return answer({"object": "list", "data": data, **ends, "has_more": more})


@router.get("/{batch_id}", summary="How a batch stands")
async def show(request: Request, caller: Owner, batch_id: BatchId) -> Response:
    usable = usable_id(batch_id, batch_not_found)
    return answer(view(await batches_of(request).get(caller.tenant, usable)))


@router.post("/{batch_id}/cancel", summary="End a batch; what is answered is kept")
async def cancel(request: Request, caller: Owner, batch_id: BatchId) -> Response:
    usable = usable_id(batch_id, batch_not_found)
    return answer(view(await batches_of(request).cancel(caller.tenant, usable)))


def answer(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
