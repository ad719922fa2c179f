"""The route of one job, and how it was chosen."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from wire.records import ANY_MODEL, JobRequest, Target

UNTOUCHED = "/:@+,()'!*~ "  # characters of a header's value that part no fields


class Route(NamedTuple):
    """The way of a job. `targets`: first where it goes, then its fallbacks. `by`: what chose the first.

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
        """The same route, for a job whose pool has been settled."""
        if pool == self.pool:
            return self
        there = [target for target in self.targets if target.pool == pool] or [Target(pool=pool, model=self.model)]
        return joined(there[0])._replace(marks=self.marks)

    def or_any_model(self) -> Route:
        """The same route with one more fallback: any model of the worker that takes the job."""
        return self._replace(targets=(*self.targets, Target(pool=self.pool, model=ANY_MODEL)))

    def of(self, ask: JobRequest) -> JobRequest:
        """The ask as its first worker gets it."""
        return ask.model_copy(update={"model": self.model, "fallback": reachable(self.targets)[1:]})

    def header(self, worker: str) -> str:
        """The value of `X-Sluice-Route`. `worker`: how the job came to its worker, "" not known."""
        fields = [f"pool={_plain(self.pool)}", f"model={_plain(self.model)}", f"by={self.by}"]
        return "; ".join([*fields, *([f"worker={worker}"] if worker else []), *map(_plain_mark, self.marks)])


def joined(target: Target) -> Route:
    """The route of a job that another request has submitted."""
    return Route((target,), by="join")


def reachable(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets that a job can reach, each once: a job never comes back to a pool that it has left."""
    kept: list[Target] = []
    for target in dict.fromkeys(targets):
        left = {before.pool for before in kept[:-1]} - {kept[-1].pool} if kept else set()
        if target.pool not in left:
            kept.append(target)
    return tuple(kept)


def _plain(text: str) -> str:
    return quote(text, safe=UNTOUCHED)


def _plain_mark(mark: str) -> str:
    name, equals, value = mark.partition("=")
    return name + equals + _plain(value)
