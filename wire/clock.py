"""Pool time: milliseconds that all processes of a pool agree on, though any wall clock may be stepped.

Redis's TIME minus `skew` is pool time. Each API process compares raw TIME with its own monotonic clock; a difference
that appears between two looks is a step of Redis's clock, and is added to `skew` by compare-and-set on the count of
steps, so two watchers never count one step twice. `accept` and `expire` carry the caller's estimate and change nothing
when the pool's clock is off by more than two seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from redis.asyncio import Redis

from wire.keys import Keys
from wire.records import monotonic_ms
from wire.scripts import scripts

STEP_MS = 2000  # as in prelude.lua
SLOW_LOOK_MS = STEP_MS // 4  # an answer slower than this measures the network, not the clock
NOTICED_MS = STEP_MS // 2  # half of what scripts refuse, so that two small steps are not missed


class Look(NamedTuple):
    """Redis's raw time, the skew and the step count, with the monotonic instant of the answer. All ms."""

    raw: int
    skew: int
    steps: int
    at: int


class Clock:
    """One process's view of pool time. `tick()` about every second; `now()` in between, without a round trip."""

    def __init__(self, redis: Redis, keys: Keys, monotonic: Callable[[], int] = monotonic_ms) -> None:
        self._monotonic = monotonic
        self._keys = keys
        self._look = redis.register_script(scripts()["look"])
        self._step = redis.register_script(scripts()["step"])
        self._seen: Look | None = None

    def now(self) -> int | None:
        """Pool milliseconds by this process's monotonic clock; None before the first look."""
        if self._seen is None:
            return None
        return self._seen.raw - self._seen.skew + self._monotonic() - self._seen.at

    async def tick(self) -> bool:
        """Look, and put a step right where one is seen. True when a step was found."""
        found = await self._observe()
        if found is None:
            return False
        await self._step(keys=[self._keys.prefix], args=list(found))
        await self._observe()
        return True

    async def _observe(self) -> tuple[int, int] | None:
        """The step to report as (steps seen, delta ms), or None. A slow answer is no measurement."""
        before = self._monotonic()
        raw, skew, steps = await self._look(keys=[self._keys.prefix])
        at = self._monotonic()
        if at - before > SLOW_LOOK_MS:
            return None
        old, self._seen = self._seen, Look(raw, skew, steps, at)
        if old is None or old.steps != steps:
            return None
        delta = (raw - old.raw) - (at - old.at)
        return (steps, delta) if abs(delta) > NOTICED_MS else None
