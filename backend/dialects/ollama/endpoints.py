"""Ollama's API over the pool: chats, texts and vectors are jobs, models are the catalogue's, and closed to changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from backend.accounts.caller import Caller
from backend.accounts.needs import needs
from backend.bounds import bounds_of
from backend.chat.party import Ticket
from backend.chat.vectors import joined, parts_of, vectors_of
from backend.dialects.common.openapi import takes
from backend.dialects.common.reading import read_as
from backend.dialects.common.serving import serve, submit
from backend.dialects.ollama import models as ollama_models
from backend.dialects.ollama.chat import NativeChat, OllamaChat
from backend.dialects.ollama.chat_request import ChatRequest
from backend.dialects.ollama.embed import (
    EmbedRequest,
    OldRequest,
    Vectors,
    embedded,
    embedded_old,
    loading_of,
    read_embed,
    read_old,
)
from backend.dialects.ollama.generate import GenerateRequest, OllamaGenerate
from backend.dialects.ollama.models import ShowRequest
from backend.entrance.body import read_object
from backend.errors import Forbidden, refused_with
from backend.pool.models.catalogue import catalogue_of
from backend.pool.models.needs import lacks
from wire.records import JobRequest

router = APIRouter(prefix="/api", tags=["Ollama"])
Chatter = Annotated[Caller, needs("chat")]
Embedder = Annotated[Caller, needs("embeddings")]
MODELS, OPERATE, PUBLIC = [needs("models")], [needs("operate")], [needs("public")]

CHAT, EVENTS, GENERATE = OllamaChat(), NativeChat(), OllamaGenerate()


@router.post("/chat", openapi_extra=takes(ChatRequest), summary="Chat, as Ollama does it")
async def chat(request: Request, caller: Chatter) -> Response:
    """Streams NDJSON; `"stream": false` gives one object; `Accept: text/event-stream`, and no other type beside it,
    makes the stream one of native events. A named model without messages is loaded."""
    return await serve(request, caller, EVENTS if wants_events(request) else CHAT)


@router.post("/generate", openapi_extra=takes(GenerateRequest), summary="Answer one prompt, as Ollama does it")
async def generate(request: Request, caller: Chatter) -> Response:
    """Streams NDJSON; `"stream": false` gives one object. `raw` and `suffix` go without the model's template."""
    return await serve(request, caller, GENERATE)


@router.post("/embed", openapi_extra=takes(EmbedRequest), summary="Vectors of texts, as Ollama makes them")
async def embed_texts(request: Request, caller: Embedder) -> Response:
    """Large batches are split over the workers; the order is kept."""
    return await _vectors(request, caller, read_embed, embedded)


@router.post("/embeddings", openapi_extra=takes(OldRequest), summary="The vector of one text (older clients)")
async def embed_prompt(request: Request, caller: Embedder) -> Response:
    return await _vectors(request, caller, read_old, embedded_old)


async def _vectors(
    request: Request,
    caller: Caller,
    read: Callable[[dict[str, Any]], JobRequest],
    written: Callable[[Vectors], Iterator[bytes]],
) -> Response:
    fields, body = await read_object(request)
    ask = read(fields)
    if not ask.inputs:
        ticket = await _load(request, caller, ask, body)
        return Response(await joined(written(Vectors(ticket.model, []))), 200, ticket.headers, "application/json")
    party = await submit(request, caller, parts_of(ask, bounds_of(request).embed_batch), body)
    made = await vectors_of(party, len(ask.inputs), request.receive)
    vectors = Vectors(made.model, made.vectors, made.prompt_tokens, made.total_ms, made.load_ms)
    return Response(await joined(written(vectors)), 200, made.headers, "application/json")


async def _load(request: Request, caller: Caller, ask: JobRequest, body: bytes) -> Ticket:
    """Load the model of a request without inputs. The ticket of the job that did."""
    catalogue = catalogue_of(request)
    about = (await catalogue.models()).about(await catalogue.resolve(ask.model))
    party = await submit(request, caller, [loading_of(ask, able=not lacks(about, ["embedding"]))], body)
    with refused_with(party.headers):
        await party.outcomes(request.receive)
    return party.tickets[0]


@router.head("/tags", dependencies=MODELS, include_in_schema=False)
@router.get("/tags", dependencies=MODELS, summary="The models there are, as Ollama lists them")
async def tags(request: Request) -> dict[str, Any]:
    """An alias is one more name."""
    catalogue = catalogue_of(request)
    models = await catalogue.models()
    aliases = {alias: models.about(model) for alias, model in (await catalogue.present_aliases()).items()}
    return ollama_models.tags({**models.known, **aliases})


@router.get("/ps", dependencies=MODELS, summary="The models that living workers have loaded")
async def running(request: Request) -> dict[str, Any]:
    return ollama_models.running((await catalogue_of(request).models()).live)


@router.post("/show", dependencies=MODELS, openapi_extra=takes(ShowRequest, {}), summary="What is known of a model")
async def show(request: Request) -> dict[str, Any]:
    """`model_info` has the context's length under `sluice.context_length`; absent: not known. The template shows
    which parts of a request the model can use, and is not its own."""
    fields, _ = await read_object(request)
    catalogue = catalogue_of(request)
    name = await catalogue.resolve(read_as(ShowRequest, fields).wanted)
    return ollama_models.shown(name, (await catalogue.models()).about(name))


@router.head("/version", dependencies=PUBLIC, include_in_schema=False)
@router.get("/version", dependencies=PUBLIC, summary="The Ollama whose language is spoken here, and our own version")
async def spoken() -> dict[str, str]:
    return ollama_models.spoken()


@router.post("/create", dependencies=OPERATE, include_in_schema=False)
@router.post("/copy", dependencies=OPERATE, include_in_schema=False)
@router.delete("/delete", dependencies=OPERATE, include_in_schema=False)
@router.post("/push", dependencies=OPERATE, include_in_schema=False)
@router.post("/pull", dependencies=OPERATE, include_in_schema=False)
@router.post("/blobs/{digest}", dependencies=OPERATE, include_in_schema=False)
@router.head("/blobs/{digest}", dependencies=OPERATE, include_in_schema=False)
async def closed() -> None:
    raise Forbidden(
        "This is a pool of many workers: its models cannot be created, copied, deleted, pushed or pulled here. "
        "Do so on the workers' own machines, for instance with `ollama pull`.",
        "models_closed",
    )


def wants_events(request: Request) -> bool:
    """Whether native events are the only answer that the caller takes, or are wanted by our own header.

    Clients of Ollama send `application/json, text/event-stream`, whatever they can read: they mean Ollama's answer.
    """
    accepted = ",".join(request.headers.getlist("accept"))
    kinds = [kind.partition(";")[0].strip().lower() for kind in accepted.split(",")]
    return kinds == ["text/event-stream"] or request.headers.get("x-sluice-events") == "1"
