"""The models that an OpenAI-compatible server lists, and which kind of server its list shows it to be."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from ollama_worker.engines.http import EngineHttp
from ollama_worker.engines.openai_faults import fault
from ollama_worker.engines.openai_servers import Server, model_info, named, recognized
from ollama_worker.engines.read_only_store import ReadOnlyStore
from ollama_worker.engines.rest import Rest
from ollama_worker.engines.store import ModelInfo


class OpenAIStore(ReadOnlyStore):
    """The models of one server. It keeps a remote server's list for a while, and which kind of server it is."""

    def __init__(
        self, http: EngineHttp, rest: Rest, path: str, plain: Server, offered: Sequence[str], list_seconds: float
    ) -> None:
        """`path`: where the server lists its models. `plain`: its kind, until the list shows another.

        `offered`: the models, instead of those that the server lists. `list_seconds`: how long a list is good for.
        """
        super().__init__(
            f"{plain.who} pulls no models: start it with {{model}}, or use SLUICE_ENGINE=ollama",
            f"{plain.who} loads its models itself; SLUICE_ENGINE=ollama loads on demand",
            f"{plain.who} keeps its models loaded; SLUICE_ENGINE=ollama unloads on demand",
        )
        self._http = http
        self._rest = rest
        self._path = path
        self._plain = plain
        self._known: Server | None = None  # the kind that the list has shown
        self._offered = tuple(offered)
        self._list_seconds = list_seconds
        self._listed: tuple[float, list[dict[str, Any]]] | None = None

    async def models(self) -> list[ModelInfo]:
        if self._offered:
            return [ModelInfo(name, loaded=True) for name in self._offered]
        return [model_info(entry) for entry in await self._entries()]

    @property
    def kind(self) -> Server:
        """The kind of this server, as far as it is known now."""
        return self._known or self._plain

    async def server(self) -> Server:
        """The kind of this server; its list of models is requested the first time."""
        if self._known is None:
            self._known = recognized(await self._entries(), self._plain) if self._plain.shows else self._plain
        return self._known

    async def _entries(self) -> list[dict[str, Any]]:
        if self._listed and self._rest.good(self._listed[0], self._list_seconds):
            return self._listed[1]
        answer = await self._http.get(self._path, partial(fault, self.kind, "the model", "models"))
        entries = named(answer.get("data"))
        self._listed = (time.monotonic(), entries)
        return entries
