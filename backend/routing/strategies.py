"""In which order the pools that serve a model are tried.

    least-wait    where a job is expected to begin first, then where fewest jobs are on a slot
    round-robin   one after the other
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
    target: Target
    expected: Expected
    weight: float = 1.0


class Strategies:
    """Remembers whose turn it is: by model, in this process."""

    def __init__(self) -> None:
        self._turns: Counter[str] = Counter()
        self._shares: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))

    def rank(self, strategy: Strategy, model: str, candidates: list[Candidate]) -> list[Candidate]:
        """The best first; the order they came in decides where nothing else does."""
        if len(candidates) < 2:
            return candidates
        if strategy == "least-wait":
            return by_wait(candidates)
        if strategy == "fastest":
            return _alive_first(sorted(candidates, key=lambda one: (one.expected.seconds, one.expected.load)))
        turn = self._round_robin if strategy == "round-robin" else self._weighted
        alive = [one for one in candidates if one.expected.live] or candidates
        chosen = turn(model, alive)
        return [chosen, *by_wait([one for one in candidates if one is not chosen])]

    def _round_robin(self, model: str, candidates: list[Candidate]) -> Candidate:
        turn = self._turns[model]
        self._turns[model] += 1
        return candidates[turn % len(candidates)]

    def _weighted(self, model: str, candidates: list[Candidate]) -> Candidate:
        """Smooth weighted round robin, as nginx does it: each gains its weight, the richest is chosen and pays for all.

        So 5:1:1 is a a b a c a a, and not five of one at once.
        """
        shares = self._shares[model]
        for one in candidates:
            shares[one.target.pool] += one.weight
        chosen = max(candidates, key=lambda one: shares[one.target.pool])
        shares[chosen.target.pool] -= sum(one.weight for one in candidates)
        return chosen


def by_wait(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda one: (one.expected.wait, one.expected.load))


def _alive_first(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda one: not one.expected.live)
