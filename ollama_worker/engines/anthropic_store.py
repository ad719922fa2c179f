"""The models that Anthropic's cloud lists, and what its list says of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from ollama_worker.engines.anthropic_stream import fault
from ollama_worker.engines.anthropic_wire import able_of
from ollama_worker.engines.http import EngineHttp, fields_of
from ollama_worker.engines.openai_servers import named
from ollama_worker.engines.read_only_store import ReadOnlyStore
from ollama_worker.engines.rest import Rest
from ollama_worker.engines.store import ModelInfo
from wire.events import counted

LISTED = "/v1/models?limit=1000"
THEIRS = {"vision": "image_input", "thinking": "thinking"}  # our word for a capability → theirs


class AnthropicStore(ReadOnlyStore):
    """The models of Anthropic's cloud. It keeps their list for a while: the list says what each model can do."""

    def __init__(self, http: EngineHttp, rest: Rest, offered: Sequence[str], list_seconds: float) -> None:
        """`offered`: the models, instead of all that are listed. `list_seconds`: how long a list is good for."""
        super().__init__(
            "A cloud has its models there already; SLUICE_ENGINE=ollama pulls models",
            "A cloud keeps its models loaded; SLUICE_ENGINE=ollama loads on demand",
            "A cloud keeps its models loaded; SLUICE_ENGINE=ollama unloads on demand",
        )
        self._http = http
        self._rest = rest
        self._offered = tuple(offered)
        self._list_seconds = list_seconds
        self._listed: tuple[float, dict[str, dict[str, Any]]] | None = None

    async def models(self) -> list[ModelInfo]:
        listed = await self._entries()
        return [model_info(name, listed.get(name, {})) for name in self._offered or listed]

    async def about(self, model: str) -> dict[str, Any]:
        """The model's entry in the list; empty where the list has none."""
        return (await self._entries()).get(model, {})

    async def _entries(self) -> dict[str, dict[str, Any]]:
        """Name → entry, newest first as Anthropic lists them."""
        if self._listed and self._rest.good(self._listed[0], self._list_seconds):
            return self._listed[1]
        answer = await self._http.get(LISTED, partial(fault, "the list of models"))
        entries = {entry["id"]: entry for entry in named(answer.get("data"))}
        self._listed = (time.monotonic(), entries)
        return entries


def model_info(name: str, entry: dict[str, Any]) -> ModelInfo:
    """Its capabilities are not known where the entry has none, and where there is no entry: an operator may offer
    models that Anthropic does not list."""
    capabilities: tuple[str, ...] = ()
    if able := able_of(entry):
        more = [word for word, its in THEIRS.items() if fields_of(able.get(its)).get("supported")]
        capabilities = ("completion", "tools", *more)
    return ModelInfo(name, True, counted(entry.get("max_input_tokens")), capabilities)
