"""What a caller's word for a model means: a model's name, an alias, `provider/model`, or `provider/`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from wire.records import Target

About = dict[str, Any]  # what a worker says of a model


class Models(NamedTuple):
    """What is offered: `live` by a living worker now; `known` are all; values are what a worker said of them.

    `engines`: those of living workers that offer a model.
    """

    live: dict[str, About]
    known: dict[str, About]
    engines: dict[str, frozenset[str]] = {}  # noqa: RUF012 - never changed

    def about(self, name: str) -> About:
        """What a worker said of it; empty: nobody said anything, or nobody knows it."""
        return self.known.get(find(name, self.known) or name, {})

    def is_live(self, name: str) -> bool:
        return find(name, self.live) is not None


Offers = Mapping[str, Models]  # by pool


class Meaning(NamedTuple):
    """`targets`: the model in each pool that offers it, at least one. `model`: as the first of them spells it.

    `alias`: the caller's word, where it is an alias. `placed`: the caller named the pool or the engine. `guessed`: the
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
    """None: nobody here knows it. An alias is stronger than a model's own name: the operator wrote it down."""
    if name in aliases and (found := _without_aliases(aliases[name], offers)) is not None:
        return found._replace(alias=name)
    if (found := _without_aliases(name, offers)) is not None:
        return found
    provider, _, alias = name.partition("/")
    pools = _pools_of(provider, aliases.get(alias, ""), offers)
    targets = _offering(aliases.get(alias, ""), pools)
    return Meaning(targets, alias, placed=True) if targets else None


def _without_aliases(name: str, offers: Offers) -> Meaning | None:
    """A model whose own name has a slash is known by it, and wins."""
    if targets := _offering(name, offers):
        return Meaning(targets)
    provider, slash, model = name.partition("/")
    model = model or (_first_of(provider, offers) if slash else "")
    targets = _offering(model, _pools_of(provider, model, offers))
    return Meaning(targets, placed=True) if targets else None


def _first_of(provider: str, offers: Offers) -> str:
    """What `provider/` means: the first model that chats of the pool of this name, else of a living worker's engine."""
    in_pool = [name for name, about in _in_order(offers.get(provider)) if is_chat(about)]
    of_engine = (
        name
        for models in offers.values()
        for name, about in _in_order(models)
        if is_chat(about) and provider in models.engines.get(name, ())
    )
    return next(iter(in_pool), "") or next(of_engine, "")


def _in_order(models: Models | None) -> list[tuple[str, About]]:
    """Live ones first."""
    return list({**models.live, **models.known}.items()) if models else []


def is_chat(about: About) -> bool:
    """Also where nobody tells what it can."""
    return "completion" in (about.get("capabilities") or ("completion",))


def _pools_of(provider: str, model: str, offers: Offers) -> Offers:
    """The pool of this name, if it offers the model; else those where a living worker's engine of this name does."""
    if provider in offers and find(model, offers[provider].known) is not None:
        return {provider: offers[provider]}
    return {
        pool: models
        for pool, models in offers.items()
        if provider in models.engines.get(find(model, models.known) or "", ())
    }


def _offering(model: str, offers: Offers) -> tuple[Target, ...]:
    found = {pool: find(model, models.known) for pool, models in offers.items()}
    return tuple(Target(pool=pool, model=name) for pool, name in found.items() if name is not None)


def find(name: str, models: Collection[str]) -> str | None:
    """`qwen2.5` and `qwen2.5:latest` are one model."""
    for candidate in (name, f"{name}:latest", name.removesuffix(":latest")):
        if candidate in models:
            return candidate
    return None
