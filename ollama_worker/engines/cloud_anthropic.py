"""Anthropic's cloud, over its Messages API."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any

from ollama_worker.engines.anthropic_stream import Answer, fault
from ollama_worker.engines.anthropic_wire import able_of, message_body, prompt_body
from ollama_worker.engines.base import (
    Embeddings,
    EngineError,
    Finished,
    Health,
    Loading,
    ModelInfo,
    Piece,
    PullProgress,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.http import EngineHttp, fields_of
from ollama_worker.engines.openai_servers import named
from ollama_worker.engines.rest import Rest
from wire.events import counted
from wire.records import JobRequest

VERSION = "2023-06-01"  # of their API; the only one there is
LISTED = "/v1/models?limit=1000"


class AnthropicEngine:
    """It keeps nothing but the list of models, for a while: it tells what each of them can do."""

    name = "anthropic"

    def __init__(
        self, url: str, key: str, offered: Sequence[str] = (), silence: float = 300.0, list_seconds: float = 0.0
    ) -> None:
        """`offered`: the models, instead of all that are listed. `silence`, `list_seconds`: as in `OpenAIEngine`."""
        headers = {"x-api-key": key, "anthropic-version": VERSION}
        self._http = EngineHttp(url.rstrip("/").removesuffix("/v1"), "Anthropic", silence, headers)
        self._rest = Rest()
        self._offered = tuple(offered)
        self._list_seconds = list_seconds
        self._listed: tuple[float, dict[str, dict[str, Any]]] | None = None

    async def close(self) -> None:
        await self._http.close()

    # Answers

    async def generate(self, request: JobRequest, prefill: str = "") -> AsyncGenerator[Piece | Loading | Finished]:
        body = message_body(request, await self._about(request.model))
        answer = Answer(request.model)
        with self._rest.noted():
            async with self._http.lines("/v1/messages", partial(fault, request.model), body) as lines:
                while burst := await lines.read():
                    for item in answer.read(burst):
                        yield item
                        if type(item) is Finished:
                            return
        raise StreamCut("Anthropic ended the answer without its end mark")

    async def can_continue(self, model: str) -> bool:
        """No: what their template makes of a last assistant message cannot be looked at."""
        return False

    async def embed(self, request: JobRequest) -> Embeddings:
        raise Unsupported("Anthropic makes no embeddings: use SLUICE_ENGINE=ollama, llama-cpp or openai")

    async def count(self, request: JobRequest) -> int:
        body = prompt_body(request, await self._about(request.model))
        with self._rest.noted():
            said = await self._http.post("/v1/messages/count_tokens", partial(fault, request.model), body)
        return counted(said.get("input_tokens"))

    # Models

    async def models(self) -> list[ModelInfo]:
        listed = await self._entries()
        return [model_info(name, listed.get(name, {})) for name in self._offered or listed]

    async def _about(self, model: str) -> dict[str, Any]:
        return (await self._entries()).get(model, {})

    async def _entries(self) -> dict[str, dict[str, Any]]:
        """Name → entry, newest first as they list them."""
        if self._listed and self._rest.good(self._listed[0], self._list_seconds):
            return self._listed[1]
        said = await self._http.get(LISTED, partial(fault, "the list of models"))
        entries = {entry["id"]: entry for entry in named(said.get("data"))}
        self._listed = (time.monotonic(), entries)
        return entries

    async def pull(self, model: str) -> AsyncGenerator[PullProgress]:
        raise Unsupported("A cloud has its models there already; SLUICE_ENGINE=ollama pulls models")
        yield PullProgress("")  # what makes this a generator

    async def load(self, model: str) -> None:
        raise Unsupported("A cloud keeps its models loaded; SLUICE_ENGINE=ollama loads on demand")

    async def unload(self, model: str) -> None:
        raise Unsupported("A cloud keeps its models loaded; SLUICE_ENGINE=ollama unloads on demand")

    async def health(self) -> Health:
        if resting := self._rest.health():
            return resting
        try:
            count = len(await self.models())
        except EngineError as error:
            return Health(False, error.message)
        return Health(True, f"Anthropic at {self._http.shown}, models: {count}")


def model_info(name: str, entry: dict[str, Any]) -> ModelInfo:
    """What it can do is not known where its entry does not tell, or there is none: names may be offered that they do
    not list."""
    told: tuple[str, ...] = ()
    if able := able_of(entry):
        more = [word for word, its in THEIRS.items() if fields_of(able.get(its)).get("supported")]
        told = ("completion", "tools", *more)
    return ModelInfo(name, True, counted(entry.get("max_input_tokens")), told)


THEIRS = {"vision": "image_input", "thinking": "thinking"}  # our word for a capability → theirs
