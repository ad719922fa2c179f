"""`/v1`: the routes of OpenAI's clients. Every answer is a job like any other."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from backend.accounts.caller import Caller
from backend.accounts.needs import needs
from backend.bounds import bounds_of
from backend.chat.vectors import joined, parts_of, vectors_of
from backend.dialects.common.models import listed_ids
from backend.dialects.common.openapi import takes
from backend.dialects.common.serving import serve_choices, submit
from backend.dialects.native.endpoints import find_job, there
from backend.dialects.openai import embeddings as openai_embeddings
from backend.dialects.openai import jobs as openai_jobs
from backend.dialects.openai import models as openai_models
from backend.dialects.openai.chat import CHAT, job_of
from backend.dialects.openai.chat_request import OpenAiChatRequest
from backend.dialects.openai.completions import COMPLETIONS, CompletionRequest
from backend.dialects.openai.embeddings import EmbeddingRequest
from backend.entrance.body import read_object
from backend.pool.models.catalogue import catalogue_of
from backend.pool.pools import pools_of

router = APIRouter(prefix="/v1", tags=["OpenAI"])
Chatter = Annotated[Caller, needs("chat")]


@router.post("/chat/completions", openapi_extra=takes(OpenAiChatRequest), summary="Chat, as OpenAI does it")
async def chat_completions(request: Request, caller: Chatter) -> Response:
    """One JSON object; `"stream": true` streams chunks. Every `id:` is an event's of `/api/jobs/{id}/events`."""
    return await serve_choices(request, caller, CHAT)


@router.post("/completions", openapi_extra=takes(CompletionRequest), summary="Go on behind a prompt, as OpenAI does it")
async def completions(request: Request, caller: Chatter) -> Response:
    """One JSON object; `"stream": true` streams chunks."""
    return await serve_choices(request, caller, COMPLETIONS)


@router.post("/embeddings", openapi_extra=takes(EmbeddingRequest), summary="Vectors, as OpenAI makes them")
async def embeddings(request: Request, caller: Annotated[Caller, needs("embeddings")]) -> Response:
    """Large batches are split over the workers; the order is kept, and `X-Sluice-Job` lists the jobs."""
    fields, body = await read_object(request)
    wanted = openai_embeddings.read(fields)
    ask = wanted.ask.model_copy(update={"door": "openai.embeddings"})
    party = await submit(request, caller, parts_of(ask, bounds_of(request).embed_batch), body)
    made = await vectors_of(party, len(ask.inputs), request.receive)
    answer = openai_embeddings.answer(made.model, made.vectors, made.prompt_tokens, wanted.as_base64)
    return Response(await joined(answer), 200, made.headers, "application/json")


@router.get("/models", dependencies=[needs("models")], summary="The models there are, live ones first")
async def models(request: Request) -> dict[str, Any]:
    """`live`: a worker offers it now; the others are started by a request. An alias is one more id. Clients that
    send `anthropic-version` get Anthropic's list, in pages."""
    catalogue = catalogue_of(request)
    models = await catalogue.models()
    return openai_models.listed(models, listed_ids(models, await catalogue.present_aliases()))


@router.get("/models/{model:path}", dependencies=[needs("models")], summary="One model")
async def model(model: str, request: Request) -> dict[str, Any]:
    """Its name may hold slashes, be an alias, or `provider/model`."""
    catalogue = catalogue_of(request)
    name = await catalogue.resolve(model)
    models = await catalogue.models()
    return openai_models.described(model, name, models.about(name), models.is_live(name))


@router.get("/chat/jobs/{job}", summary="How a chat's job stands: status, progress, result")
async def chat_job(job: str, request: Request, caller: Annotated[Caller, needs("jobs")]) -> dict[str, Any]:
    """`job`: the id from `X-Sluice-Job`, or the answer's. `progress`: 0 to 1, null where it is not known."""
    pools = pools_of(request)
    found = there(await pools.whole(await find_job(pools, caller, job_of(job))), job_of(job))
    end = await pools.ending(found)
    return openai_jobs.described(found.record, await pools.events(found), end.fields() if end else {})
