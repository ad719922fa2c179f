"""Pool time: milliseconds that all processes of a pool agree on, though any wall clock may be stepped.

Redis's TIME minus `skew` is pool time. Each API process compares it with its own monotonic clock; where pool time has
jumped between two looks, Redis's clock was stepped, and the step is added to `skew` by compare-and-set on the count of
steps, so two watchers never count one step twice. `accept` and `expire` carry the caller's estimate and change nothing
when the pool's clock is off by more than two seconds.

Pool time is compared, not TIME alone: a process that did not look while others corrected a first step must still notice
a second one. So the corrections of others are checked too. A process whose whole machine stood still takes that for a
step of Redis's clock; the processes that ran on overrule its correction, and it yields, because they would otherwise
correct each other for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from redis.asyncio import Redis

from wire.keys import Keys
from wire.scripts import scripts

STEP_MS = 2000  # as in queue.lua
SLOW_LOOK_MS = STEP_MS // 4  # an answer slower than this measures the network, not the clock
NOTICED_MS = STEP_MS // 2  # half of what scripts refuse, so that two small steps are not missed
GROWN_MS = 5000  # a process that began later may have begun between a step and its correction: it overrules none


def monotonic_ms() -> int:
    """Milliseconds that no wall clock can step and that a suspended laptop does not stop, where the OS has them."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return int(time.clock_gettime(clock) * 1000)


class Look(NamedTuple):
    """One answer of the `look` script: raw time, skew and count of steps, and the monotonic instant `at`. All in ms."""

    raw: int
    skew: int
    steps: int
    at: int

    @property
    def pool(self) -> int:
        return self.raw - self.skew


class Clock:
    """One process's view of pool time. `tick()` about every second; `now()` in between, without a round trip."""

    def __init__(self, redis: Redis, keys: Keys, monotonic: Callable[[], int] = monotonic_ms) -> None:
        self._monotonic = monotonic
        self._keys = keys
        self._look = redis.register_script(scripts()["look"])
        self._step = redis.register_script(scripts()["step"])
        self._seen: Look | None = None  # the last look that agreed with the look before it
        self._born = 0  # the instant of the first look
        self._corrected = 0  # the last step that this process corrected, ms

    def now(self) -> int | None:
        """Pool milliseconds by this process's monotonic clock; None before the first look."""
        if self._seen is None:
            return None
        return self._seen.pool + self._monotonic() - self._seen.at

    async def tick(self) -> bool:
        """Look once, and correct a step of Redis's clock. True where there was a step."""
        step = await self._observe()
        if step is None:
            return False
        if await self._step(keys=[self._keys.prefix], args=list(step)):
            self._corrected = step[1]
        await self._observe()
        return True

    async def _observe(self) -> tuple[int, int] | None:
        """The step to report, as (steps seen, delta in ms), or None. A slow answer measures nothing."""
        before = self._monotonic()
        raw, skew, steps = await self._look(keys=[self._keys.prefix])
        at = self._monotonic()
        if at - before > SLOW_LOOK_MS:
            return None
        look = Look(raw, skew, steps, at)
        if self._seen is not None and not self._agrees(self._seen, look):
            return steps, look.pool - self._seen.pool - (at - self._seen.at)
        self._born = at if self._seen is None else self._born
        self._seen = look
        return None

    def _agrees(self, old: Look, new: Look) -> bool:
        """Whether pool time advanced as this process's clock did, or another process's correction is to be believed."""
        if abs(new.pool - old.pool - (new.at - old.at)) <= NOTICED_MS:
            return True
        if new.steps == old.steps:
            return False
        taken_back = self._corrected and abs(new.skew - old.skew + self._corrected) <= NOTICED_MS
        return bool(taken_back) or new.at - self._born < GROWN_MS
