"""`POST /api/v1/local-llm/generate`: the plainest of all doors."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from backend.accounts.caller import Caller
from backend.accounts.needs import needs
from backend.dialects.common.openapi import takes
from backend.dialects.common.serving import serve
from backend.dialects.native.local_llm import LocalGenerate, LocalRequest
from backend.errors import NotFound

router = APIRouter(prefix="/api/v1/local-llm", tags=["chat"])

GENERATE, ANYWHERE = LocalGenerate(), LocalGenerate(anywhere=True)


@router.post("/generate", openapi_extra=takes(LocalRequest), summary="Answer one prompt")
async def generate(request: Request, caller: Annotated[Caller, needs("chat")]) -> Response:
    """`{id, response, model, provider, usage, timings, cached}`; `id` is the job's, for `/api/jobs/{id}`."""
    try:
        return await serve(request, caller, GENERATE)
    except NotFound:  # nothing was enqueued
        return await serve(request, caller, ANYWHERE)
