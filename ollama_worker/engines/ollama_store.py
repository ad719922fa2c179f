"""The models of an Ollama server: what it lists, pulls, loads and unloads, and what it shows of each."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Any

import structlog

from ollama_worker.engines.base import EngineError, EngineUnavailable, StreamCut, Unsupported
from ollama_worker.engines.http import EngineHttp, parse
from ollama_worker.engines.http_body import Lines
from ollama_worker.engines.ollama_faults import fault, pull_fault
from ollama_worker.engines.ollama_wire import entries_of, full_name, model_info, shown_of, word_of
from ollama_worker.engines.store import ModelInfo, PullProgress
from wire.events import counted
from wire.worker_info import MODELS_MOST

# A model that answered this many seconds ago is taken to be loaded: Ollama keeps a model for 5 minutes unless it is
# configured otherwise. Where that is wrong, a caller does not read "loading the model" while it loads.
FRESH_SECONDS = 60.0
log = structlog.get_logger()


class OllamaStore:
    """The models of one Ollama server. It remembers what would otherwise be a request before each job."""

    def __init__(self, http: EngineHttp) -> None:
        self._http = http
        self._fresh: dict[str, float] = {}  # full name → monotonic second of its last whole answer
        self._digests: dict[str, str] = {}  # full name → digest, as last listed
        self._shown: dict[str, dict[str, Any]] = {}  # digest → the answer of /api/show

    async def models(self) -> list[ModelInfo]:
        entries, running = await self._listed(), await self._running()
        if len(self._shown) > 2 * MODELS_MOST:  # names that come and go
            self._shown, self._digests = {}, {}
        return [await self._info(entry, running) for entry in entries]

    async def names(self) -> list[str]:
        """The models' full names, without a request for each model."""
        return [entry["name"] for entry in await self._listed()]

    async def pull(self, model: str) -> AsyncGenerator[PullProgress]:
        """Progress is that of one layer: a model has several, and the total is known only layer by layer."""
        body = {"model": model, "stream": True}
        async with self._http.lines("/api/pull", partial(fault, model), body) as lines:
            async for step in _objects(lines):
                if "error" in step:
                    raise pull_fault(model, str(step["error"]))
                done, total = counted(step.get("completed")), counted(step.get("total"))
                yield PullProgress(str(step.get("status", "")), done, total)
                if step.get("status") == "success":
                    return
        raise StreamCut(f"Ollama stopped pulling {model} before its end: pull again, it goes on where it stopped")

    async def load(self, model: str) -> None:
        try:
            await self._http.post("/api/generate", partial(fault, model), {"model": model})
        except Unsupported:  # an embedding model is loaded by embedding nothing
            await self._http.post("/api/embed", partial(fault, model), {"model": model, "input": []})
        self.note_answer(model)

    async def unload(self, model: str) -> None:
        self._fresh.pop(full_name(model), None)
        try:
            await self._http.post("/api/generate", partial(fault, model), {"model": model, "keep_alive": 0})
        except Unsupported:
            body = {"model": model, "input": [], "keep_alive": 0}
            await self._http.post("/api/embed", partial(fault, model), body)

    # What the engine asks before it answers

    def note_answer(self, model: str) -> None:
        """A whole answer of this model has just come: it is in memory."""
        self._fresh[full_name(model)] = time.monotonic()

    async def must_load(self, model: str) -> bool:
        """Whether the model is not in memory. No request is sent to Ollama right after an answer of this model."""
        name = full_name(model)
        if time.monotonic() - self._fresh.get(name, -FRESH_SECONDS) < FRESH_SECONDS:
            return False
        return name not in await self._running()

    async def about(self, model: str, again: bool = False) -> dict[str, Any]:
        """The answer of /api/show, requested once for each digest: a name may get another model, and the next look at
        the list shows that. `again`: request it anew."""
        key = self._digests.get(full_name(model), full_name(model))
        if again or key not in self._shown:
            self._shown[key] = await self._show(model)
        return self._shown[key]

    # What the server sends

    async def _listed(self) -> list[dict[str, Any]]:
        return entries_of(await self._http.get("/api/tags", partial(fault, "")))

    async def _running(self) -> dict[str, dict[str, Any]]:
        """Full name → its entry, for the models that are in memory now."""
        answer = await self._http.get("/api/ps", partial(fault, ""))
        return {full_name(entry["name"]): entry for entry in entries_of(answer)}

    async def _show(self, model: str) -> dict[str, Any]:
        return shown_of(await self._http.post("/api/show", partial(fault, model), {"model": model}))

    async def _info(self, entry: dict[str, Any], running: dict[str, dict[str, Any]]) -> ModelInfo:
        name, digest = entry["name"], word_of(entry.get("digest")) or entry["name"]
        self._digests[full_name(name)] = digest
        try:
            shown = await self.about(name)
        except EngineUnavailable:
            raise
        except EngineError as error:  # a model that is broken, or was just deleted, hides none of the others
            log.debug("Ollama does not show a model", action="engine.show_failed", model=name, code=error.code)
            shown = {}
        return model_info(entry, running.get(name), shown)


async def _objects(lines: Lines) -> AsyncIterator[dict[str, Any]]:
    while burst := await lines.read():
        for line in burst:
            yield parse(line)
