"""Where one job goes, and how that was chosen."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from wire.records import ANY_MODEL, JobRequest, Target

UNTOUCHED = "/:@+,()'!*~ "  # of what may stand in a header's value, all but what parts its fields


class Route(NamedTuple):
    """`targets`: the first is where it goes, the others are its fallbacks. `by`: what chose the first.

    `marks`: `overflow`, `fallback` (the first choice is in trouble), `alias=<the caller's word>`.
    """

    targets: tuple[Target, ...]
    by: str
    marks: tuple[str, ...] = ()

    @property
    def pool(self) -> str:
        return self.targets[0].pool

    @property
    def model(self) -> str:
        return self.targets[0].model

    def into(self, pool: str) -> Route:
        """The same, where it has been settled which pool it is."""
        if pool == self.pool:
            return self
        there = [target for target in self.targets if target.pool == pool] or [Target(pool=pool, model=self.model)]
        return joined(there[0])._replace(marks=self.marks)

    def or_any_model(self) -> Route:
        """The same with one more fallback: any model that the worker has which takes the job."""
        return self._replace(targets=(*self.targets, Target(pool=self.pool, model=ANY_MODEL)))

    def of(self, request: JobRequest) -> JobRequest:
        """The request as its first worker gets it."""
        return request.model_copy(update={"model": self.model, "fallback": reachable(self.targets)[1:]})

    def told(self, worker: str) -> str:
        """`X-Sluice-Route`. `worker`: how it came to its worker, "" not known."""
        fields = [f"pool={_plain(self.pool)}", f"model={_plain(self.model)}", f"by={self.by}"]
        return "; ".join([*fields, *([f"worker={worker}"] if worker else []), *map(_plain_mark, self.marks)])


def joined(target: Target) -> Route:
    """Of a job that another request let in."""
    return Route((target,), by="join")


def reachable(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Each once, and none in a pool that was left before: a job is in a pool once."""
    kept: list[Target] = []
    for target in dict.fromkeys(targets):
        left = {one.pool for one in kept[:-1]} - {kept[-1].pool} if kept else set()
        if target.pool not in left:
            kept.append(target)
    return tuple(kept)


def _plain(text: str) -> str:
    return quote(text, safe=UNTOUCHED)


def _plain_mark(mark: str) -> str:
    name, equals, value = mark.partition("=")
    return name + equals + _plain(value)
