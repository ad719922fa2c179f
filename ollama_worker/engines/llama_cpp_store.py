"""The one model of the embedded engine: a GGUF file, and the llama.cpp processes that hold it in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from ollama_worker.engines.base import EngineError, ModelNotFound
from ollama_worker.engines.gguf_file import GgufFacts, NotGguf, read_facts
from ollama_worker.engines.llama_cpp_running import Running
from ollama_worker.engines.llama_cpp_server import CONTEXT_CAP, Plan
from ollama_worker.engines.read_only_store import refused_pull
from ollama_worker.engines.store import ModelInfo, PullProgress

THINKS = ("enable_thinking", "<think>", "reasoning_effort")  # in the template of a model that can


class LlamaCppStore:
    """One file, served under one name by up to two processes.

    `chat` answers, and is loaded by `load` or by the first job. `embedder` is a second, smaller instance, made when
    the first embedding is requested: an instance of llama.cpp makes either answers or embeddings. The two processes
    share the file's pages.
    """

    def __init__(self, gguf: Path, model: str, slots: int, silence: float, mmproj: Path | None) -> None:
        """`model` is the name under which the file is served; `silence` is in seconds; `mmproj` lets it see."""
        self.gguf = gguf
        self.model = model
        self.sees = mmproj is not None
        self._mmproj = mmproj
        self._slots = slots
        self._known: GgufFacts | None = None
        self.chat = Running(silence)
        self.embedder = Running(silence)

    async def close(self) -> None:
        await self.chat.stop()
        await self.embedder.stop()

    async def models(self) -> list[ModelInfo]:
        facts = await asyncio.to_thread(self.facts)
        able = {
            "completion": not facts.pooling,
            "embedding": True,
            "tools": "tools" in facts.template,
            "vision": self.sees,
            "thinking": any(word in facts.template for word in THINKS),
            "insert": facts.fills,
        }
        words = {
            "format": "gguf",
            "family": facts.family,
            "parameter_size": facts.parameter_size,
            "quantization_level": facts.quantization,
        }
        loaded = self.chat.ready or self.embedder.ready
        capabilities = tuple(word for word, can in able.items() if can)
        details = {name: word for name, word in words.items() if word}
        size = self.gguf.stat().st_size
        return [ModelInfo(self.model, loaded, self.plan().context, capabilities, size, details=details)]

    def pull(self, model: str) -> AsyncGenerator[PullProgress]:
        return refused_pull("llama.cpp serves one file and pulls none: set SLUICE_GGUF, or run Ollama to pull models")

    async def load(self, model: str) -> None:
        self.check(model)
        await self.chat.load(self.plan())

    async def unload(self, model: str) -> None:
        self.check(model)
        await self.close()

    def check(self, model: str) -> None:
        """Raises `ModelNotFound` for any other model than the one that is served."""
        if model != self.model:
            raise ModelNotFound(f"This worker serves {self.model} only. For {model}, set SLUICE_GGUF or run Ollama")

    def plan(self, embedding: bool = False) -> Plan:
        """What `chat` loads, or `embedder` where `embedding` is set. Raises `EngineError`, as `facts` does."""
        facts = self.facts()
        context = min(facts.context_length or CONTEXT_CAP, CONTEXT_CAP)
        # Embeddings get one slot: with more, llama.cpp splits texts of unequal length into several batches and pools
        # the last one only. Seen in build 11549: the same text, another vector, depending on its neighbours.
        slots = 1 if embedding else self._slots
        mmproj = None if embedding else self._mmproj
        return Plan(self.gguf, context, slots, embedding, mean_pooling=not facts.pooling, mmproj=mmproj)

    def facts(self) -> GgufFacts:
        """What the file's head says; it is read once. Raises `EngineError`."""
        try:
            if self._known is None:
                self._known = read_facts(self.gguf)
            return self._known
        except (NotGguf, OSError) as error:
            raise EngineError(f"Cannot read the model: {error}. Check SLUICE_GGUF") from error
