"""How long a job would wait in each pool: what the last look told, and what this process has sent there since."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from backend.pool.sights import Sight
from wire.records import JobClass

UNMEASURED_SECONDS = 10.0  # a job, where no worker has told how long its jobs take
STARTING_SECONDS = 60.0  # until a pool at zero has a worker: a pod is made, a model is loaded


class Expected(NamedTuple):
    """`wait`: seconds until a job would begin. `load`: jobs a slot. `seconds`: mean time of a job, 0 not known."""

    wait: float
    load: float
    seconds: float
    live: bool


class Waits:
    def __init__(self) -> None:
        self._sights: dict[str, Sight] = {}
        self._sent: Counter[str] = Counter()

    def see(self, sights: dict[str, Sight]) -> None:
        """A new look knows what was sent before it."""
        if sights is not self._sights:
            self._sights, self._sent = sights, Counter()

    def sent(self, pool: str) -> None:
        self._sent[pool] += 1

    def expect(self, pool: str, cls: JobClass = "interactive") -> Expected:
        return expected(self._sights.get(pool, Sight()), self._sent[pool], cls)


def expected(sight: Sight, sent: int, cls: JobClass) -> Expected:
    """`sent`: jobs that the look does not know of yet."""
    taking = [worker for worker in sight.workers if worker.asking]
    slots = sum(worker.slots for worker in taking)
    free = sum(max(0, worker.slots - worker.owned) for worker in taking)
    ahead = sent + sum(jobs for name, jobs in sight.waiting.items() if name == "interactive" or cls == "batch")
    means = [seconds for worker in sight.workers if (seconds := float(worker.info.get("job_seconds", 0)))]
    seconds = sum(means) / len(means) if means else 0.0
    each = seconds or UNMEASURED_SECONDS
    if not slots:
        return Expected(STARTING_SECONDS + ahead * each, float(ahead), seconds, live=False)
    rounds = max(0, ahead - free + slots) // slots
    return Expected(rounds * each, (slots - free + ahead) / slots, seconds, live=True)
