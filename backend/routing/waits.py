"""How long a job would wait in each pool, by the latest look and by what this process has sent there since."""

from __future__ import annotations

from collections import Counter

from backend.pool.expected import Expected, expected, next_place
from backend.pool.look import Look, PoolLook
from wire.records import JobClass


class Waits:
    """Counts the jobs that this process has sent since the latest look."""

    def __init__(self) -> None:
        self._look = Look()
        self._sent: Counter[str] = Counter()

    def see(self, look: Look) -> None:
        """A new look counts what was sent before it."""
        if look is not self._look:
            self._look, self._sent = look, Counter()

    def sent(self, pool: str) -> None:
        self._sent[pool] += 1

    def expect(self, pool: str, cls: JobClass = "interactive") -> Expected:
        pool_look = self._look.pools.get(pool, PoolLook())
        return expected(pool_look, next_place(pool_look, self._sent[pool], cls))
