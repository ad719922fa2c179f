"""Which models exist: those set, those that live workers have, those last seen in this pool.

A pool that is scaled to zero still offers its models: workers start when a job waits for one.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any, NamedTuple

from backend.errors import NotFound
from backend.settings import ApiSettings
from wire.workers import WorkerRecord, WorkerRegistry

GOOD_FOR_SECONDS = 2.0
MODEL_NAME_MAX = 200


class Models(NamedTuple):
    """One look: `live` are offered by a living worker now; `known` are all; values are what a worker said of them."""

    live: dict[str, dict[str, Any]]
    known: dict[str, dict[str, Any]]


class Catalogue:
    def __init__(self, workers: WorkerRegistry, settings: ApiSettings) -> None:
        self._workers = workers
        self._settings = settings
        self._models = Models({}, {})
        self._at = -math.inf

    async def models(self) -> Models:
        now = asyncio.get_running_loop().time()
        if now - self._at > GOOD_FOR_SECONDS:
            self._models = await self._look()
            self._at = now
        return self._models

    async def resolve(self, name: str | None) -> str:
        """The model a request means; the default where it names none. Raises NotFound for a name nobody knows."""
        models = await self.models()
        if not name:
            return self._default(models)
        found = find(name, models.known)
        if found is None:
            # Seen now rather than two seconds ago: a model that was just pulled.
            self._at = -math.inf
            found = find(name, (await self.models()).known)
        if found is None:
            offered = ", ".join(sorted(models.known)[:8]) or "none yet"
            raise NotFound(
                f"There is no model {name[:MODEL_NAME_MAX]!r} here (there are: {offered}). With Ollama, run: "
                f"ollama pull {name[:MODEL_NAME_MAX]}",
                "model_not_found",
            )
        return found

    async def context_length(self, name: str) -> int:
        """Tokens the model's window holds, 0 not known."""
        return int((await self.models()).known.get(name, {}).get("context_length", 0))

    def _default(self, models: Models) -> str:
        """`MODEL_NAME` where it is set or a worker has it, else a model that a worker has, else the default."""
        wanted = self._settings.default_model
        if self._settings.model_name or not models.live or find(wanted, models.live):
            return find(wanted, models.known) or wanted
        return next((name for name in models.live if is_chat(models.live[name])), wanted)

    async def _look(self) -> Models:
        live = live_models(await self._workers.all())
        seen = await self._workers.models()
        fixed = [*self._settings.models, *([self._settings.model_name] if self._settings.model_name else [])]
        known = {**{name: {} for name in fixed}, **seen, **live}
        return Models(live, known or {self._settings.default_model: {}})


def live_models(workers: list[WorkerRecord]) -> dict[str, dict[str, Any]]:
    """Models of all living workers; `loaded` where any of them has it loaded."""
    models: dict[str, dict[str, Any]] = {}
    for worker in workers:
        for name, about in worker.info.get("models", {}).items():
            loaded = bool(about.get("loaded")) or bool(models.get(name, {}).get("loaded"))
            models[name] = {**about, "loaded": loaded}
    return models


def find(name: str, models: dict[str, dict[str, Any]]) -> str | None:
    """`qwen2.5` and `qwen2.5:latest` are one model."""
    for candidate in (name, f"{name}:latest", name.removesuffix(":latest")):
        if candidate in models:
            return candidate
    return None


def is_chat(about: dict[str, Any]) -> bool:
    capabilities = about.get("capabilities") or ("completion",)
    return "completion" in capabilities
