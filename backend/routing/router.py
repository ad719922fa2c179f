"""The router: a caller's word for a model becomes a pool, a model, and what comes next if that fails.

word → the pools that offer the model → the pools that can do what the ask needs, and can read all of it
     → by strategy → around open circuits → overflow
"""

from __future__ import annotations

from backend.pool.look import Looks
from backend.pool.models.catalogue import Catalogue
from backend.pool.models.names import Meaning
from backend.routing.breakers import Breakers
from backend.routing.route import Route
from backend.routing.strategies import Strategies
from backend.routing.waits import Waits
from backend.routing.ways import Ways
from backend.rules import ModelRule, Overflow, Rules
from wire.circuits import Circuit
from wire.records import JobClass, JobRequest, Target


class Router:
    """Chooses a route for each job of this process, and counts what it has sent since the pools were looked at."""

    def __init__(self, looks: Looks, catalogue: Catalogue, rules: Rules, breakers: Breakers) -> None:
        self._looks = looks
        self._catalogue = catalogue
        self._rules = rules
        self._waits = Waits()
        self._strategies = Strategies()
        self._breakers = breakers

    async def route(
        self, ask: JobRequest, cls: JobClass = "interactive", *, overflow: bool = False, trimmed: bool = False
    ) -> Route:
        """`overflow`: the caller allows that the job goes elsewhere rather than wait. `trimmed`: the prompt was cut to
        what its model can read. Raises NotFound for an unknown model, Unsupported and TooLarge for what it cannot do.
        """
        meant = await self._catalogue.meaning(ask.model)
        offers, look = await self._catalogue.by_pool(), await self._looks.newest()
        self._waits.see(look)
        ways = Ways(ask, cls, offers, look, catalogue=self._catalogue, rules=self._rules, waits=self._waits)
        first = ways.able(meant, trimmed)
        rule = self._rules.of(meant.model, ask.model)
        if ask.kind == "embed":  # another model's vectors lie in another space
            rule = rule.model_copy(update={"fallback": (), "overflow": None})
        route = await self._choose(meant, first, ways.spare(rule), rule, ways)
        if rule.overflow is not None and (rule.overflow.always or overflow) and not ways.of_one_model:
            route = _overflown(route, rule.overflow, ways)
        return route.or_any_model() if meant.guessed and not ways.of_one_model else route

    def sent(self, route: Route) -> None:
        """A job was accepted in the first pool of this route."""
        self._waits.sent(route.pool)

    async def _choose(
        self, meant: Meaning, first: list[Target], spare: list[Target], rule: ModelRule, ways: Ways
    ) -> Route:
        """The route around open circuits while there is another way; without another way the job waits as ever."""
        strategy = self._rules.strategy(rule)
        trouble = {target: circuits for target in (*first, *spare) if (circuits := ways.broken(target))}
        tried = await self._tried(first, trouble) if len({*first, *spare}) > 1 else None
        whole = [target for target in first if target not in trouble]
        others = [target for target in spare if target not in trouble]
        if not (whole or others):
            whole, others = first, spare
        ranked = self._strategies.rank(strategy, meant.model, [ways.candidate(target) for target in whole])
        alive = [candidate.target for n, candidate in enumerate(ranked) if candidate.expected.live or not n]
        targets = [*([tried] if tried else ()), *alive, *others]
        marks = ["fallback"] * (targets[0] not in first) + [f"alias={meant.alias}"] * bool(meant.alias)
        return Route(tuple(targets), "name" if meant.placed else strategy, tuple(marks))

    async def _tried(self, first: list[Target], trouble: dict[Target, list[Circuit]]) -> Target | None:
        """A target in trouble that this job may try: should it fail again, there is another way."""
        for target in first:
            if target in trouble and await self._breakers.may_try(target, trouble[target]):
                return target
        return None


def _overflown(route: Route, overflow: Overflow, ways: Ways) -> Route:
    """The route by which the job begins sooner elsewhere; the same route where it would not wait too long, or where no
    other pool begins it sooner."""
    wait = ways.wait(route.pool)
    if wait <= overflow.after_seconds:
        return route
    for target in ways.named(overflow.to):
        if ways.wait(target.pool) < wait and not ways.broken(target):
            return route._replace(targets=(target, *route.targets), marks=("overflow", *route.marks))
    return route
