"""What a caller's name for a model means: a model's own name, an alias, `provider/model`, or `provider/`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from wire.records import Target

About = dict[str, Any]  # what a worker writes of a model


class Models(NamedTuple):
    """The models that are offered, by name, each with what a worker writes of it.

    `live`: a living worker offers the model now. `known`: all models. `engines`: the engines of living workers that
    offer a model.
    """

    live: dict[str, About]
    known: dict[str, About]
    engines: dict[str, frozenset[str]] = {}  # noqa: RUF012 - never changed

    def about(self, name: str) -> About:
        """What a worker wrote of the model; empty: nothing, or the model is unknown."""
        return self.known.get(find(name, self.known) or name, {})

    def is_live(self, name: str) -> bool:
        return find(name, self.live) is not None


Offers = Mapping[str, Models]  # by pool


class Meaning(NamedTuple):
    """The model that a caller's name stands for.

    `targets`: the model in each pool that offers it, at least one. `model`: its name, as the first target spells it.
    `alias`: the caller's name, where it is an alias. `placed`: the caller named the pool or the engine. `guessed`: the
    caller named nothing, and no pool offers any model yet.
    """

    targets: tuple[Target, ...]
    alias: str = ""
    placed: bool = False
    guessed: bool = False

    @property
    def model(self) -> str:
        return self.targets[0].model


def meaning(name: str, offers: Offers, aliases: Mapping[str, str]) -> Meaning | None:
    """None: no pool offers it. An alias is stronger than a model's own name: the operator wrote it down."""
    if name in aliases and (meant := _without_aliases(aliases[name], offers)) is not None:
        return meant._replace(alias=name)
    if (meant := _without_aliases(name, offers)) is not None:
        return meant
    provider, _, alias = name.partition("/")
    pools = _pools_of(provider, aliases.get(alias, ""), offers)
    targets = _offering(aliases.get(alias, ""), pools)
    return Meaning(targets, alias, placed=True) if targets else None


def _without_aliases(name: str, offers: Offers) -> Meaning | None:
    """A model whose own name has a slash is found by that name first."""
    if targets := _offering(name, offers):
        return Meaning(targets)
    provider, slash, model = name.partition("/")
    model = model or (_first_of(provider, offers) if slash else "")
    targets = _offering(model, _pools_of(provider, model, offers))
    return Meaning(targets, placed=True) if targets else None


def _first_of(provider: str, offers: Offers) -> str:
    """The model that `provider/` means: the first that chats in the pool of this name, else of such an engine."""
    in_pool = [name for name, about in _in_order(offers.get(provider)) if is_chat(about)]
    of_engine = (
        name
        for models in offers.values()
        for name, about in _in_order(models)
        if is_chat(about) and provider in models.engines.get(name, ())
    )
    return next(iter(in_pool), "") or next(of_engine, "")


def _in_order(models: Models | None) -> list[tuple[str, About]]:
    """The live models first."""
    return list({**models.live, **models.known}.items()) if models else []


def is_chat(about: About) -> bool:
    """Whether the model chats. A model whose capabilities are not known counts as one that does."""
    return "completion" in (about.get("capabilities") or ("completion",))


def _pools_of(provider: str, model: str, offers: Offers) -> Offers:
    """The pool of this name, if it offers the model; else the pools where an engine of this name does."""
    if provider in offers and find(model, offers[provider].known) is not None:
        return {provider: offers[provider]}
    return {
        pool: models
        for pool, models in offers.items()
        if provider in models.engines.get(find(model, models.known) or "", ())
    }


def _offering(model: str, offers: Offers) -> tuple[Target, ...]:
    spelt = {pool: find(model, models.known) for pool, models in offers.items()}
    return tuple(Target(pool=pool, model=name) for pool, name in spelt.items() if name is not None)


def find(name: str, models: Collection[str]) -> str | None:
    """`qwen2.5` and `qwen2.5:latest` are one model."""
    for candidate in (name, f"{name}:latest", name.removesuffix(":latest")):
        if candidate in models:
            return candidate
    return None
