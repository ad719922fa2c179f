"""Which models exist: those that the settings name, those of live workers, those last seen in each pool.

A pool that is scaled to zero still offers its models: workers start when a job waits for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.requests import Request

from backend.errors import NotFound
from backend.pool.look import Look, Looks, PoolLook
from backend.pool.models.names import About, Meaning, Models, Offers, find, is_chat, meaning
from backend.settings import ApiSettings
from wire.records import Target
from wire.workers import WorkerRecord

MODEL_NAME_MAX = 200
CLOUDS = frozenset({"openai", "anthropic", "google"})  # names of engines that send prompts out of the house
NOTHING = Models({}, {})


class Catalogue:
    def __init__(self, looks: Looks, settings: ApiSettings) -> None:
        self._looks = looks
        self._settings = settings
        self._look = Look()
        self._by_pool: dict[str, Models] = {}
        self._models = Models({}, {})
        self._real = False  # a worker or the settings name at least one of these models
        self.aliases = settings.rules.aliases

    async def models(self) -> Models:
        """The models of all pools together."""
        await self.by_pool()
        return self._models

    async def by_pool(self, anew: bool = False) -> dict[str, Models]:
        """The models of each pool, the own pool first. `anew`: nothing is older than this call."""
        look = await self._looks.newest(anew)
        if look is not self._look:
            self._by_pool = {pool: self._models_of(pool, pool_look) for pool, pool_look in look.pools.items()}
            self._real = any(models.known for models in self._by_pool.values())
            if not self._real:
                self._by_pool[self._settings.pool] = Models({}, {self._settings.default_model: {}})
            self._models = together(self._by_pool.values())
            self._look = look
        return self._by_pool

    async def resolve(self, name: str | None) -> str:
        """The model that a request means, the default where it names none. Raises NotFound for an unknown name."""
        return (await self.meaning(name)).model

    async def meaning(self, name: str | None) -> Meaning:
        """The model that a request means, in the pools that offer it. Raises NotFound for an unknown name."""
        offers = await self.by_pool()
        if not name:
            default = self._default(offers)
            return self._default(await self.by_pool(anew=True)) if default.guessed else default
        meant = self._placed_default(name, offers) or self.meant(name, offers)
        if meant is None:  # the model may have been pulled just now
            meant = self.meant(name, await self.by_pool(anew=True))
        if meant is None:
            raise model_not_found(name, self._models)
        return meant

    def meant(self, name: str, offers: Offers) -> Meaning | None:
        """None: no pool offers a model of this name."""
        return meaning(name, offers, self.aliases)

    async def present_aliases(self) -> dict[str, str]:
        """Alias → model, for aliases whose model any pool offers."""
        offers = await self.by_pool()
        meanings = {alias: self.meant(alias, offers) for alias in self.aliases}
        return {alias: meaning.model for alias, meaning in meanings.items() if meaning is not None}

    async def context_length(self, name: str) -> int:
        """How many tokens the model's window holds, 0 not known."""
        return int((await self.models()).known.get(name, {}).get("context_length", 0))

    def _placed_default(self, name: str, offers: Offers) -> Meaning | None:
        """The default model, where `name` is a provider alone, like `ollama/`, and that provider has it."""
        return self.meant(name + self._default(offers).model, offers) if name.endswith("/") else None

    def _default(self, offers: Offers) -> Meaning:
        """`MODEL_NAME` where it is set. Else the usual default where a pool offers it, else the first model that is
        offered. Where none is, the usual default is a guess."""
        usual, there = self._settings.default_model, self._models_there(offers)
        wanted = usual if self._settings.model_name or find(usual, there) or not there else there[0]
        here = Meaning((Target(pool=self._settings.pool, model=wanted),))
        return (self.meant(wanted, offers) or here)._replace(guessed=not (self._settings.model_name or there))

    def _models_there(self, offers: Offers) -> list[str]:
        """The models that chat: those of living workers, the own pool's first; where no worker has any, all that the
        own pool knows. A cloud's models are left to callers who name one: no prompt leaves the house unasked."""
        own = offers.get(self._settings.pool, NOTHING)
        others = [models for models in offers.values() if models is not own]
        live = [*chatting(own.live), *(name for models in others for name in chatting(models.live, models.engines))]
        return live or (chatting(own.known) if self._real else [])

    def _models_of(self, pool: str, look: PoolLook) -> Models:
        live = live_models(look.workers)
        known = {**{name: {} for name in self._fixed(pool)}, **look.seen, **live}
        return Models(live, once(known, live), engines_of(look.workers))

    def _fixed(self, pool: str) -> list[str]:
        """The models of this pool that the settings name; another pool's than the own are written `<pool>/<model>`."""
        named = [*self._settings.models, *([self._settings.model_name] if self._settings.model_name else [])]
        placed = [_placed(name, self._settings) for name in named]
        return [model for where, model in placed if where == pool]


def _placed(name: str, settings: ApiSettings) -> tuple[str, str]:
    pool, slash, model = name.partition("/")
    return (pool, model) if slash and pool in settings.all_pools else (settings.pool, name)


def chatting(models: Mapping[str, About], engines: Mapping[str, frozenset[str]] | None = None) -> list[str]:
    """The models that chat. `engines`: the engines that have each model; a model that only clouds have is left out."""
    names = [name for name, about in models.items() if is_chat(about)]
    return [name for name in names if engines is None or not engines.get(name, frozenset()) <= CLOUDS]


def once(models: Mapping[str, About], live: Mapping[str, About]) -> dict[str, About]:
    """Each model once: `qwen` and `qwen:latest` are one, spelt as by a living worker, else as the first of them."""
    kept: dict[str, About] = {}
    for name, about in models.items():
        spelt = find(name, live) or find(name, kept) or name
        kept[spelt] = live.get(spelt) or about or kept.get(spelt, {})
    return kept


def together(pools: Iterable[Models]) -> Models:
    """The models of several pools, each once and spelt as by the first pool that offers it. A model of several pools is
    described as by the first that has it in memory, else by the first whose worker lives."""
    live: dict[str, About] = {}
    known: dict[str, About] = {}
    engines: dict[str, frozenset[str]] = {}
    for models in pools:
        for name, about in models.known.items():
            known.setdefault(find(name, known) or name, about)
        for name, about in models.live.items():
            spelt = find(name, known) or name
            live[spelt] = fuller(live.get(spelt), about)
        for name, those in models.engines.items():
            spelt = find(name, known) or name
            engines[spelt] = engines.get(spelt, frozenset()) | those
    return Models(live, {**known, **live}, engines)


def live_models(workers: list[WorkerRecord]) -> dict[str, About]:
    """The models of all living workers; `loaded` where any worker has the model loaded."""
    models: dict[str, About] = {}
    for worker in workers:
        for name, about in worker.info.models.items():
            models[name] = fuller(models.get(name), about)
    return models


def fuller(first: About | None, other: About) -> About:
    """Of two descriptions of a model, that of the worker which has it in memory, and so knows more of it."""
    return other if first is None or (other.get("loaded") and not first.get("loaded")) else first


def engines_of(workers: list[WorkerRecord]) -> dict[str, frozenset[str]]:
    """Model → the engines of the living workers that have it."""
    engines: dict[str, frozenset[str]] = {}
    for worker in workers:
        for name in worker.info.models:
            engines[name] = engines.get(name, frozenset()) | {worker.info.engine}
    return engines


def model_not_found(name: str, models: Models) -> NotFound:
    offered = ", ".join(sorted(models.known)[:8]) or "none yet"
    name = name[:MODEL_NAME_MAX]
    return NotFound(
        f"There is no model {name!r} here (there are: {offered}). With Ollama, run: ollama pull {name}",
        "model_not_found",
    )


def catalogue_of(request: Request) -> Catalogue:
    catalogue: Catalogue = request.state.catalogue
    return catalogue
