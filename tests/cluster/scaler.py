"""KEDA's rule as a small loop: a worker for so many jobs of the demand, from none to eight and back."""

from __future__ import annotations

import asyncio
import math
import signal
import time
from types import TracebackType
from typing import Self

from tests.cluster.lives import owned_by
from tests.support.house import House
from tests.support.processes import Worker
from tests.support.truth import Truth
from tests.support.waiting import eventually

# The values are those of deploy/components/keda/scaled-object.yaml, but that its seconds are minutes there.
MOST = 8  # maxReplicaCount
POLL = 0.2  # seconds; pollingInterval
WINDOW = 1.0  # seconds of which the highest wish holds; stabilizationWindowSeconds of scaling down
LEAVE = 90.0  # seconds; terminationGracePeriodSeconds, after which Kubernetes kills


class Scaler:
    """Starts workers of `slots` slots, and stops the newest, busy or not, while the block runs.

    A worker that was told to stop is no replica any more: it drains beside those that are started meanwhile.
    """

    def __init__(self, house: House, truth: Truth, slots: int) -> None:
        self.replicas: list[Worker] = []  # oldest first
        self.most = 0
        self.told_to_stop: list[tuple[Worker, int]] = []  # with the number of jobs that they ran then
        self._house = house
        self._truth = truth
        self._slots = slots
        self._wanted: list[tuple[float, int]] = []  # when, how many

    async def __aenter__(self) -> Self:
        self._loop = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.cancel()
        await asyncio.gather(self._loop, return_exceptions=True)

    async def until(self, replicas: range, within: float) -> None:
        """Waits until the pool has this many replicas."""

        def look() -> bool | None:
            if self._loop.done():
                self._loop.result()
            return len(self.replicas) in replicas or None

        await eventually(look, within, f"{replicas} workers; there are {len(self.replicas)}")

    async def all_have_left(self) -> None:
        """Waits for the workers that were told to stop: they end by themselves, with success."""
        for worker, running in self.told_to_stop:
            status = await worker.wait_for_exit(LEAVE)
            # The signal itself ends a worker only where Python was still starting, before it could handle the signal.
            assert status in ((0,) if running else (0, -signal.SIGTERM)), worker.tail()

    async def _run(self) -> None:
        while True:
            replicas = self._stabilized(await self._rule())
            while len(self.replicas) < replicas:
                self.replicas.append(self._house.start_worker(SLUICE_SLOTS=str(self._slots)))
            while len(self.replicas) > replicas:
                await self._stop_the_newest()
            self.most = max(self.most, len(self.replicas))
            await asyncio.sleep(POLL)

    async def _rule(self) -> int:
        """The trigger's query to Redis, and the autoscaler's result."""
        demand = await self._truth.redis.xlen(self._truth.keys.demand)
        return min(MOST, math.ceil(demand / self._slots))

    def _stabilized(self, wanted: int) -> int:
        """Up at once; down only to the highest wish of the window."""
        now = time.monotonic()
        self._wanted = [(when, many) for when, many in self._wanted if when > now - WINDOW] + [(now, wanted)]
        return max(wanted, min(len(self.replicas), max(many for _, many in self._wanted)))

    async def _stop_the_newest(self) -> None:
        """The signal comes before the worker is no replica any more: a wait for that is a wait for its signal, too."""
        worker = self.replicas[-1]
        running = await owned_by(self._truth, worker)
        worker.term()
        self.told_to_stop.append((worker, running))
        self.replicas.pop()
