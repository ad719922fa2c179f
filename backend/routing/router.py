"""The router: a caller's word for a model becomes a pool, a model, and what comes next if that fails.

name → the pools that offer it → those that can do what is asked, and can read all of it
     → by strategy → around open circuits → overflow
"""

from __future__ import annotations

from typing import Any, NamedTuple

from backend.pool.look import Look, Looks
from backend.pool.models.catalogue import Catalogue
from backend.pool.models.names import Meaning, Offers
from backend.pool.models.needs import fits, lacks, length_of, needs, too_long, unsupported, window_of
from backend.routing.breakers import Breakers, broken
from backend.routing.route import Route
from backend.routing.strategies import Candidate, Strategies, by_wait
from backend.routing.waits import Waits
from backend.rules import ModelRule, Rules
from wire.circuits import Circuit
from wire.records import JobClass, JobRequest, Target

OF_ONE_MODEL = ("embed", "count")  # another model's vectors and counts are no answer: they mean something else


class Wanted(NamedTuple):
    """`overflow`: the caller allows that it goes elsewhere rather than wait. `trimmed`: its length was seen to."""

    request: JobRequest
    cls: JobClass = "interactive"
    overflow: bool = False
    trimmed: bool = False


class View(NamedTuple):
    """What is known as one job is routed. `length`: bytes of its prompt."""

    wanted: Wanted
    needs: list[str]
    length: int
    offers: Offers
    look: Look


class Router:
    def __init__(self, looks: Looks, catalogue: Catalogue, rules: Rules, breakers: Breakers) -> None:
        self._looks = looks
        self._catalogue = catalogue
        self._rules = rules
        self._waits = Waits()
        self._strategies = Strategies()
        self._breakers = breakers

    async def route(self, wanted: Wanted) -> Route:
        """Raises NotFound for a model nobody knows, Unsupported and TooLarge for what it cannot do."""
        meant = await self._catalogue.meaning(wanted.request.model)
        offers, look = await self._catalogue.by_pool(), await self._looks.newest()
        self._waits.see(look)
        view = View(wanted, needs(wanted.request), length_of(wanted.request), offers, look)
        first = self._able(meant, view)
        rule = self._rules.of(meant.model, wanted.request.model)
        if wanted.request.kind == "embed":  # another model's vectors lie in another space
            rule = rule.model_copy(update={"fallback": (), "overflow": None})
        route = await self._choose(meant, first, self._spare(rule, view), rule, view)
        route = self._overflown(route, rule, view)
        return route.or_any_model() if meant.guessed and wanted.request.kind not in OF_ONE_MODEL else route

    def sent(self, route: Route) -> None:
        """It was let in there."""
        self._waits.sent(route.pool)

    # -- candidates --------------------------------------------------------------------------------------------
    def _able(self, meant: Meaning, view: View) -> list[Target]:
        """At least one; raises Unsupported where none can do what is asked, TooLarge where none can read it."""
        able = [target for target in meant.targets if not lacks(_about(target, view.offers), view.needs)]
        if not able:
            raise unsupported(meant.targets[0], view.needs, view.offers)
        reading = [target for target in able if fits(view.length, _about(target, view.offers))]
        if not (reading or view.wanted.trimmed):
            windows = [window_of(_about(target, view.offers)) for target in able]
            raise too_long(view.length, able[0].model, max(windows))
        return reading or able

    def _spare(self, rule: ModelRule, view: View) -> list[Target]:
        """The model's fallbacks, in the file's order; what nobody offers, or what cannot do it, is passed over."""
        if view.wanted.request.kind in OF_ONE_MODEL:
            return []
        return [target for name in rule.fallback for target in self._named(name, view)]

    def _named(self, name: str, view: View) -> list[Target]:
        meant = self._catalogue.meant(name, view.offers)
        able = [target for target in meant.targets if self._can(target, view)] if meant else []
        return [one.target for one in by_wait([self._candidate(target, view) for target in able])]

    def _can(self, target: Target, view: View) -> bool:
        about = _about(target, view.offers)
        return not lacks(about, view.needs) and fits(view.length, about)

    def _candidate(self, target: Target, view: View) -> Candidate:
        expected = self._waits.expect(target.pool, view.wanted.cls)
        return Candidate(target, expected, self._rules.weight(target.pool))

    # -- the choice --------------------------------------------------------------------------------------------
    async def _choose(
        self, meant: Meaning, first: list[Target], spare: list[Target], rule: ModelRule, view: View
    ) -> Route:
        """Around open circuits while there is another way; without one the job waits as ever."""
        strategy = self._rules.strategy(rule)
        trouble = {target: found for target in (*first, *spare) if (found := broken(target, view.look, view.offers))}
        tried = await self._tried(first, trouble) if len({*first, *spare}) > 1 else None
        whole = [target for target in first if target not in trouble]
        others = [target for target in spare if target not in trouble]
        if not (whole or others):
            whole, others = first, spare
        ranked = self._strategies.rank(strategy, meant.model, [self._candidate(target, view) for target in whole])
        alive = [one.target for place, one in enumerate(ranked) if one.expected.live or not place]
        targets = [*([tried] if tried else ()), *alive, *others]
        marks = ["fallback"] * (targets[0] not in first) + [f"alias={meant.alias}"] * bool(meant.alias)
        return Route(tuple(targets), "name" if meant.placed else strategy, tuple(marks))

    async def _tried(self, first: list[Target], trouble: dict[Target, list[Circuit]]) -> Target | None:
        """One in trouble that this job may try: should it fail again, there is another way."""
        for target in first:
            if target in trouble and await self._breakers.may_try(target, trouble[target]):
                return target
        return None

    def _overflown(self, route: Route, rule: ModelRule, view: View) -> Route:
        """Elsewhere, where that is allowed and sooner."""
        overflow = rule.overflow
        if overflow is None or not (overflow.always or view.wanted.overflow):
            return route
        if view.wanted.request.kind in OF_ONE_MODEL:
            return route
        wait = self._waits.expect(route.pool, view.wanted.cls).wait
        if wait <= overflow.after_seconds:
            return route
        for target in self._named(overflow.to, view):
            sooner = self._waits.expect(target.pool, view.wanted.cls).wait < wait
            if sooner and not broken(target, view.look, view.offers):
                return route._replace(targets=(target, *route.targets), marks=("overflow", *route.marks))
        return route


def _about(target: Target, offers: Offers) -> dict[str, Any]:
    return offers[target.pool].known.get(target.model, {}) if target.pool in offers else {}
