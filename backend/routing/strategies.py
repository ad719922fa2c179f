"""The order in which the pools that serve a model are tried.

    least-wait    where a job is expected to begin first, then where fewest jobs are on a slot
    round-robin   one pool after the other
    weighted      in shares, as evenly as they allow
    fastest       where jobs take least time; a pool that was not measured yet is tried

All but least-wait prefer pools with a living worker: a pool at zero starts one only when no other serves the model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

from backend.pool.expected import Expected
from backend.rules import Strategy
from wire.records import Target


class Candidate(NamedTuple):
    """A target that a job may go to, and when it would begin there."""

    target: Target
    expected: Expected
    weight: float = 1.0


class Strategies:
    """Ranks candidates, and remembers whose turn it is: by model, in this process."""

    def __init__(self) -> None:
        self._turns: Counter[str] = Counter()
        self._shares: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))

    def rank(self, strategy: Strategy, model: str, candidates: list[Candidate]) -> list[Candidate]:
        """The best candidate first; among equals the order stays as it was."""
        if len(candidates) < 2:
            return candidates
        if strategy == "least-wait":
            return by_wait(candidates)
        if strategy == "fastest":
            return _alive_first(
                sorted(candidates, key=lambda candidate: (candidate.expected.seconds, candidate.expected.load))
            )
        turn = self._round_robin if strategy == "round-robin" else self._weighted
        alive = [candidate for candidate in candidates if candidate.expected.live] or candidates
        chosen = turn(model, alive)
        return [chosen, *by_wait([candidate for candidate in candidates if candidate is not chosen])]

    def _round_robin(self, model: str, candidates: list[Candidate]) -> Candidate:
        turn = self._turns[model]
        self._turns[model] += 1
        return candidates[turn % len(candidates)]

    def _weighted(self, model: str, candidates: list[Candidate]) -> Candidate:
        """Smooth weighted round robin, as in nginx: each pool gains its weight, the richest is chosen and pays for all.

        So 5:1:1 is a a b a c a a, and not five times the same pool at once.
        """
        shares = self._shares[model]
        for candidate in candidates:
            shares[candidate.target.pool] += candidate.weight
        chosen = max(candidates, key=lambda candidate: shares[candidate.target.pool])
        shares[chosen.target.pool] -= sum(candidate.weight for candidate in candidates)
        return chosen


def by_wait(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: (candidate.expected.wait, candidate.expected.load))


def _alive_first(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: not candidate.expected.live)
