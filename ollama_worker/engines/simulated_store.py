"""The models of the simulated engine: any names, which are loaded by waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from ollama_worker.engines.read_only_store import refused_pull
from ollama_worker.engines.store import ModelInfo, PullProgress

CONNECT_ADVICE = (
    "Answers are SIMULATED: no model is connected. To connect one, run Ollama (`ollama serve`, "
    "`ollama pull qwen2.5:0.5b`; set OLLAMA_BASE_URL if it is elsewhere), or set SLUICE_GGUF to a GGUF file"
)
CONTEXT = 8192  # tokens; a usual window, reported but not enforced
CAPABILITIES = ("completion", "embedding", "thinking", "vision", "tools", "insert")


class SimulatedStore:
    """Models without a file. `load_ms` is what the first use of each costs."""

    def __init__(self, names: Sequence[str], load_ms: int = 0) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._load_ms = load_ms
        self._loaded: set[str] = set()

    async def models(self) -> list[ModelInfo]:
        return [ModelInfo(name, name in self._loaded, CONTEXT, CAPABILITIES) for name in self.names]

    def pull(self, model: str) -> AsyncGenerator[PullProgress]:
        return refused_pull(f"The simulated engine has no models to pull. {CONNECT_ADVICE}")

    async def load(self, model: str) -> None:
        if model not in self._loaded:
            await asyncio.sleep(self._load_ms / 1000)
            self._loaded.add(model)

    async def unload(self, model: str) -> None:
        self._loaded.discard(model)

    def load_ms(self, model: str) -> int:
        """How long a load of this model would take now, in milliseconds."""
        return 0 if model in self._loaded else self._load_ms
