"""Which models exist: those set, those that live workers have, those last seen in each pool.

A pool that is scaled to zero still offers its models: workers start when a job waits for one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from backend.errors import NotFound
from backend.pool.sights import Sight, Sights
from backend.settings import ApiSettings
from wire.workers import WorkerRecord

MODEL_NAME_MAX = 200
About = dict[str, Any]  # what a worker says of a model


class Models(NamedTuple):
    """One look: `live` are offered by a living worker now; `known` are all; values are what a worker said of them."""

    live: dict[str, About]
    known: dict[str, About]


class Catalogue:
    def __init__(self, sights: Sights, settings: ApiSettings) -> None:
        self._sights = sights
        self._settings = settings
        self._seen: dict[str, Sight] = {}
        self._by_pool: dict[str, Models] = {}
        self._models = Models({}, {})

    async def models(self) -> Models:
        """Of all pools together."""
        await self.by_pool()
        return self._models

    async def by_pool(self, anew: bool = False) -> dict[str, Models]:
        """Each pool's, the own one first. `anew`: as it is now, and not two seconds ago."""
        seen = await self._sights.look(anew)
        if seen is not self._seen:
            self._by_pool = {pool: self._models_of(pool, sight) for pool, sight in seen.items()}
            if not any(models.known for models in self._by_pool.values()):
                self._by_pool[self._settings.pool] = Models({}, {self._settings.default_model: {}})
            self._models = together(self._by_pool.values())
            self._seen = seen
        return self._by_pool

    async def resolve(self, name: str | None) -> str:
        """The model a request means; the default where it names none. Raises NotFound for a name nobody knows."""
        models = await self.models()
        if not name:
            return self._default(models)
        found = find(name, models.known)
        if found is None:
            await self.by_pool(anew=True)  # a model that was just pulled
            found = find(name, self._models.known)
        if found is None:
            raise model_not_found(name, self._models)
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

    def _models_of(self, pool: str, sight: Sight) -> Models:
        live = live_models(sight.workers)
        return Models(live, {**{name: {} for name in self._fixed(pool)}, **sight.seen, **live})

    def _fixed(self, pool: str) -> list[str]:
        """Models that the settings name: the own pool's, or another's as `<pool>/<model>`."""
        named = [*self._settings.models, *([self._settings.model_name] if self._settings.model_name else [])]
        placed = [_placed(name, self._settings) for name in named]
        return [model for where, model in placed if where == pool]


def _placed(name: str, settings: ApiSettings) -> tuple[str, str]:
    pool, slash, model = name.partition("/")
    return (pool, model) if slash and pool in settings.all_pools else (settings.pool, name)


def together(pools: Iterable[Models]) -> Models:
    """What any pool offers; of a model that several have, what the first one says that has it alive."""
    live: dict[str, About] = {}
    known: dict[str, About] = {}
    for models in pools:
        for name, about in models.live.items():
            loaded = bool(about.get("loaded")) or bool(live.get(name, {}).get("loaded"))
            live[name] = {**live.get(name, about), "loaded": loaded}
        known = {**models.known, **known}
    return Models(live, {**known, **live})


def live_models(workers: list[WorkerRecord]) -> dict[str, About]:
    """Models of all living workers; `loaded` where any of them has it loaded."""
    models: dict[str, About] = {}
    for worker in workers:
        for name, about in worker.info.get("models", {}).items():
            loaded = bool(about.get("loaded")) or bool(models.get(name, {}).get("loaded"))
            models[name] = {**about, "loaded": loaded}
    return models


def find(name: str, models: dict[str, About]) -> str | None:
    """`qwen2.5` and `qwen2.5:latest` are one model."""
    for candidate in (name, f"{name}:latest", name.removesuffix(":latest")):
        if candidate in models:
            return candidate
    return None


def is_chat(about: About) -> bool:
    capabilities = about.get("capabilities") or ("completion",)
    return "completion" in capabilities


def model_not_found(name: str, models: Models) -> NotFound:
    offered = ", ".join(sorted(models.known)[:8]) or "none yet"
    name = name[:MODEL_NAME_MAX]
    return NotFound(
        f"There is no model {name!r} here (there are: {offered}). With Ollama, run: ollama pull {name}",
        "model_not_found",
    )
