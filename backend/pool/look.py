"""The look at the pools: everything that routing, callers' news, health and the admin page know of workers and queues.

A process looks once for all of them, and a look is good for two seconds.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from starlette.requests import Request

from backend.moments import now_ms
from backend.pool.pools import Pool, Pools
from wire import places
from wire.circuits import Circuit
from wire.ids import TenantId
from wire.places import Lengths
from wire.workers import WorkerRecord

GOOD_FOR_SECONDS = 2.0


class PoolLook(NamedTuple):
    """One pool at one moment.

    `seen`: the models that any worker of the pool ever had, each with what that worker wrote of it. `classes`: what
    waits, in the order of the classes' urgency. `waiting`: how many jobs that is in each class, counted once a look.
    `depth`: the jobs that have not ended.
    """

    workers: list[WorkerRecord] = []  # noqa: RUF012 - never changed
    seen: dict[str, dict[str, Any]] = {}  # noqa: RUF012
    classes: dict[str, Lengths] = {}  # noqa: RUF012
    waiting: dict[str, int] = {}  # noqa: RUF012
    circuits: dict[str, Circuit] = {}  # noqa: RUF012
    depth: int = 0

    @property
    def running(self) -> int:
        return max(0, self.depth - sum(self.waiting.values()))


class Look(NamedTuple):
    """All pools at one moment, by name, the own pool first. `at`: pool milliseconds. `now`: monotonic seconds."""

    pools: dict[str, PoolLook] = {}  # noqa: RUF012 - never changed
    at: int = 0
    now: float = 0.0

    @property
    def workers(self) -> list[WorkerRecord]:
        return [worker for pool in self.pools.values() for worker in pool.workers]

    @property
    def depth(self) -> int:
        return sum(pool.depth for pool in self.pools.values())

    @property
    def waiting(self) -> int:
        return sum(sum(pool.waiting.values()) for pool in self.pools.values())

    @property
    def running(self) -> int:
        return sum(pool.running for pool in self.pools.values())

    @property
    def classes(self) -> dict[str, Lengths]:
        """The classes of all pools together; a tenant has the turn that it has in the first pool that knows it."""
        names = dict.fromkeys(name for pool in self.pools.values() for name in pool.classes)
        return {name: _together(p.classes[name] for p in self.pools.values() if name in p.classes) for name in names}


class Looks:
    """The newest look of this process."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._newest = Look()
        self._began = -math.inf
        self._looking = asyncio.Lock()

    async def newest(self, anew: bool = False) -> Look:
        """The same object until the next look. `anew`: nothing in it is older than this call."""
        now = asyncio.get_running_loop().time()
        oldest = now if anew else now - GOOD_FOR_SECONDS
        if self._began < oldest:
            async with self._looking:
                if self._began < oldest:
                    await self._look()
        return self._newest

    async def _look(self) -> None:
        began = asyncio.get_running_loop().time()
        pools = await asyncio.gather(*(look_at(pool) for pool in self._pools))
        at = self._pools.own.clock.now()  # None in the first moment of a process
        at = now_ms() if at is None else at
        self._newest = Look(dict(zip(self._pools.names, pools, strict=True)), at, time.monotonic())
        self._began = began


async def look_at(pool: Pool) -> PoolLook:
    workers, seen = await pool.workers.all(), await pool.workers.models()
    classes = places.read(await pool.jobs.places([])).classes
    waiting = {name: lengths.waiting for name, lengths in classes.items()}
    return PoolLook(workers, seen, classes, waiting, await pool.circuits.all(), await pool.jobs.depth())


def _together(lengths: Iterable[Lengths]) -> Lengths:
    front, tenants = 0, Counter[TenantId]()
    for of_pool in lengths:
        front += of_pool.front
        tenants.update(dict(of_pool.tenants))
    return Lengths(front, tuple(tenants.items()))


def looks_of(request: Request) -> Looks:
    looks: Looks = request.state.looks
    return looks
