"""The ways that one job can go: which targets can do what it asks, as their pools are seen now."""

from __future__ import annotations

from typing import Any

from backend.pool.look import Look
from backend.pool.models.catalogue import Catalogue
from backend.pool.models.names import Meaning, Offers
from backend.pool.models.needs import fits, lacks, length_of, needs, too_long, unsupported, window_of
from backend.routing.breakers import broken
from backend.routing.strategies import Candidate, by_wait
from backend.routing.waits import Waits
from backend.rules import ModelRule, Rules
from wire.circuits import Circuit
from wire.records import JobClass, JobRequest, Target

OF_ONE_MODEL = ("embed", "count")  # another model's vectors and counts are no answer: they mean something else


class Ways:
    """The targets of one ask of class `cls`, among what the pools offer and a look has seen."""

    def __init__(
        self,
        ask: JobRequest,
        cls: JobClass,
        offers: Offers,
        look: Look,
        *,
        catalogue: Catalogue,
        rules: Rules,
        waits: Waits,
    ) -> None:
        self._cls = cls
        self._offers = offers
        self._look = look
        self._catalogue = catalogue
        self._rules = rules
        self._waits = waits
        self._needs = needs(ask)
        self._length = length_of(ask)  # bytes of the prompt
        self.of_one_model = ask.kind in OF_ONE_MODEL

    def able(self, meant: Meaning, trimmed: bool) -> list[Target]:
        """The targets of the model that can do what the ask needs, at least one; of these, those that can read all of
        the prompt, if any can.

        `trimmed`: the prompt was cut to what its model can read. Raises Unsupported where no target can do what the
        ask needs, TooLarge where none can read a prompt that was not trimmed.
        """
        able = [target for target in meant.targets if not lacks(self._about(target), self._needs)]
        if not able:
            raise unsupported(meant.targets[0], self._needs, self._offers)
        reading = [target for target in able if fits(self._length, self._about(target))]
        if not (reading or trimmed):
            windows = [window_of(self._about(target)) for target in able]
            raise too_long(self._length, able[0].model, max(windows))
        return reading or able

    def spare(self, rule: ModelRule) -> list[Target]:
        """The model's fallbacks, in the file's order, without those that no pool offers or that cannot do it."""
        if self.of_one_model:
            return []
        return [target for model in rule.fallback for target in self.named(model)]

    def named(self, model: str) -> list[Target]:
        """The targets that can do it as this model, those with the shortest wait first."""
        meant = self._catalogue.meant(model, self._offers)
        able = [target for target in meant.targets if self._can(target)] if meant else []
        return [candidate.target for candidate in by_wait([self.candidate(target) for target in able])]

    def candidate(self, target: Target) -> Candidate:
        return Candidate(target, self._waits.expect(target.pool, self._cls), self._rules.weight(target.pool))

    def wait(self, pool: str) -> float:
        """Seconds until the job would begin in this pool."""
        return self._waits.expect(pool, self._cls).wait

    def broken(self, target: Target) -> list[Circuit]:
        """The open circuits that stand in the way to a target, [] where an engine there can be reached."""
        return broken(target, self._look, self._offers)

    def _can(self, target: Target) -> bool:
        about = self._about(target)
        return not lacks(about, self._needs) and fits(self._length, about)

    def _about(self, target: Target) -> dict[str, Any]:
        return self._offers[target.pool].known.get(target.model, {}) if target.pool in self._offers else {}
