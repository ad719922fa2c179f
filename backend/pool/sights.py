"""What this process last saw of each pool. One look is good for two seconds, for all who want to know."""

from __future__ import annotations

import asyncio
import math
from typing import Any, NamedTuple

from starlette.requests import Request

from backend.pool.pools import Pool, Pools
from wire import places
from wire.circuits import Circuit
from wire.workers import WorkerRecord

GOOD_FOR_SECONDS = 2.0


class Sight(NamedTuple):
    """One pool. `seen`: models that any worker of it ever had, and what it said of them. `waiting`: jobs by class."""

    workers: list[WorkerRecord] = []  # noqa: RUF012 - never changed
    seen: dict[str, dict[str, Any]] = {}  # noqa: RUF012
    waiting: dict[str, int] = {}  # noqa: RUF012
    circuits: dict[str, Circuit] = {}  # noqa: RUF012


class Sights:
    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._seen: dict[str, Sight] = {}
        self._at = -math.inf
        self._looking = asyncio.Lock()

    async def look(self, anew: bool = False) -> dict[str, Sight]:
        """By pool, the own one first; the same object until the next look. `anew`: nothing from before this call."""
        asked = asyncio.get_running_loop().time()
        oldest = asked if anew else asked - GOOD_FOR_SECONDS
        if self._at < oldest:
            async with self._looking:
                if self._at < oldest:
                    await self._look_at_all()
        return self._seen

    async def workers(self, anew: bool = False) -> list[WorkerRecord]:
        """All that live, of every pool."""
        return [worker for sight in (await self.look(anew)).values() for worker in sight.workers]

    async def _look_at_all(self) -> None:
        began = asyncio.get_running_loop().time()
        found = await asyncio.gather(*(sight_of(pool) for pool in self._pools))
        self._seen = dict(zip(self._pools.names, found, strict=True))
        self._at = began


async def sight_of(pool: Pool) -> Sight:
    workers, seen = await pool.workers.all(), await pool.workers.models()
    queue = places.read(await pool.jobs.places([]))
    waiting = {name: lengths.waiting for name, lengths in queue.classes.items()}
    return Sight(workers, seen, waiting, await pool.circuits.all())


def sights_of(request: Request) -> Sights:
    sights: Sights = request.state.sights
    return sights
