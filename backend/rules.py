"""The operator's routing rules: the TOML file that SLUICE_ROUTES names, read once and strictly (docs/routing.md)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

Strategy = Literal["least-wait", "round-robin", "weighted", "fastest"]
BARE = re.compile(r"[A-Za-z0-9_-]+")
NAME = re.compile(r"[\x21-\x7e]{1,200}")


def a_name(value: str) -> str:
    """A model's name as callers write it. ASCII, since a header carries it. Raises ValueError."""
    if not NAME.fullmatch(value):
        raise ValueError("must be 1 to 200 printable ASCII characters without a space")
    return value


Name = Annotated[str, AfterValidator(a_name)]


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Overflow(_Rule):
    """The model `to` takes a job whose expected wait is over `after_seconds`, if its caller or `always` allows that."""

    after_seconds: Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)]
    to: Name
    always: Annotated[bool, Field(strict=True)] = False


class ModelRule(_Rule):
    """The rule for one model. `fallback`: the models that a job goes on with, in this order, when the model fails
    before its first token."""

    aliases: tuple[Name, ...] = ()
    fallback: tuple[Name, ...] = ()
    strategy: Strategy | None = None
    overflow: Overflow | None = None


class PoolRule(_Rule):
    """The rule for one pool. `weight`: the pool's share of the jobs, where the strategy is `weighted`."""

    weight: Annotated[float, Field(gt=0, le=1_000_000, strict=True, allow_inf_nan=False)] = 1.0


class Routing(_Rule):
    strategy: Strategy = "least-wait"


class Rules(_Rule):
    """All rules of the file, `models` and `pools` by name."""

    models: dict[Name, ModelRule] = Field(default_factory=dict)
    pools: dict[str, PoolRule] = Field(default_factory=dict)
    routing: Routing = Routing()

    @property
    def aliases(self) -> dict[str, str]:
        """The model of each alias."""
        return {alias: model for model, rule in self.models.items() for alias in rule.aliases}

    def of(self, *names: str) -> ModelRule:
        """The rule for a model, under the first of these names that has one; `m` and `m:latest` are one model."""
        for name in names:
            for spelling in (name, f"{name}:latest", name.removesuffix(":latest")):
                if spelling in self.models:
                    return self.models[spelling]
        return ModelRule()

    def strategy(self, rule: ModelRule) -> Strategy:
        return rule.strategy or self.routing.strategy

    def weight(self, pool: str) -> float:
        return self.pools.get(pool, PoolRule()).weight


def read_rules(value: object) -> object:
    """The rules in the file of this name; any other value is returned as it is. Raises ValueError, which names the file
    and the key that is wrong."""
    if not isinstance(value, str | Path):
        return value
    path = Path(value).expanduser()
    try:
        rules = Rules.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        _check_aliases(rules)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise ValueError(f"{path}: {_first(error)}") from None
    except ValueError as error:  # no TOML, no UTF-8, or an alias of two models
        raise ValueError(f"{path}: {error}") from None
    return rules


def check_pools(rules: Rules, pools: tuple[str, ...]) -> None:
    """Raises ValueError for a rule of a pool that this API does not route over."""
    for name in rules.pools:
        if name not in pools:
            raise ValueError(f"SLUICE_ROUTES: pools.{_key(name)}: no pool of SLUICE_POOLS ({', '.join(pools)})")


def _check_aliases(rules: Rules) -> None:
    models: dict[str, str] = {}
    for model, rule in rules.models.items():
        where = f"models.{_key(model)}.aliases"
        for alias in rule.aliases:
            if alias in rules.models:
                raise ValueError(f"{where}: {alias!r} is a model of this file itself")
            if alias in models:
                raise ValueError(f"{where}: {alias!r} is an alias of {models[alias]!r} already")
            models[alias] = model


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    where = ".".join(_key(str(part)) for part in problem["loc"])
    known = {"extra_forbidden": "is no key that is known here"}
    return f"{where}: {known.get(problem['type'], problem['msg'].removeprefix('Value error, '))}"


def _key(part: str) -> str:
    """A key as it stands in the file: quoted, if it has to be."""
    return part if BARE.fullmatch(part) else f'"{part}"'
