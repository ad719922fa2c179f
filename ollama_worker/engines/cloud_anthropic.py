"""Anthropic's cloud, over its Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial

from ollama_worker.engines.anthropic_store import AnthropicStore
from ollama_worker.engines.anthropic_stream import AnthropicReader, fault
from ollama_worker.engines.anthropic_wire import message_body, prompt_body
from ollama_worker.engines.base import (
    Embeddings,
    EngineError,
    Finished,
    Health,
    Item,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.http import EngineHttp
from ollama_worker.engines.rest import Rest
from wire.events import counted
from wire.records import JobRequest

VERSION = "2023-06-01"  # of Anthropic's API; the only one there is


class AnthropicEngine:
    """Anthropic's cloud, by one account's key. It keeps nothing but its store's list of models."""

    name = "anthropic"

    def __init__(
        self, url: str, key: str, offered: Sequence[str] = (), silence: float = 300.0, list_seconds: float = 0.0
    ) -> None:
        """`silence`: seconds without a byte. `offered`, `list_seconds`: as in `AnthropicStore`."""
        headers = {"x-api-key": key, "anthropic-version": VERSION}
        self._http = EngineHttp(url.rstrip("/").removesuffix("/v1"), "Anthropic", silence, headers)
        self._rest = Rest()
        self.store = AnthropicStore(self._http, self._rest, offered, list_seconds)

    async def close(self) -> None:
        await self._http.close()

    # Answers

    async def generate(self, ask: JobRequest, prefill: str = "") -> AsyncGenerator[Item]:
        body = message_body(ask, await self.store.about(ask.model))
        reader = AnthropicReader(ask.model)
        with self._rest.noted():
            async with self._http.lines("/v1/messages", partial(fault, ask.model), body) as lines:
                while burst := await lines.read():
                    for item in reader.read(burst):
                        yield item
                        if type(item) is Finished:
                            return
        raise StreamCut("Anthropic ended the answer without its end mark")

    async def can_continue(self, model: str) -> bool:
        """No: Anthropic does not show what its template makes of a last assistant message."""
        return False

    async def embed(self, ask: JobRequest) -> Embeddings:
        raise Unsupported("Anthropic makes no embeddings: use SLUICE_ENGINE=ollama, llama-cpp or openai")

    async def count(self, ask: JobRequest) -> int:
        body = prompt_body(ask, await self.store.about(ask.model))
        with self._rest.noted():
            answer = await self._http.post("/v1/messages/count_tokens", partial(fault, ask.model), body)
        return counted(answer.get("input_tokens"))

    async def health(self) -> Health:
        if resting := self._rest.health():
            return resting
        try:
            count = len(await self.store.models())
        except EngineError as error:
            return Health(False, error.message)
        return Health(True, f"Anthropic at {self._http.shown}, models: {count}")
