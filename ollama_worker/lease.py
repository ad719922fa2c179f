"""How long a life may go on unheard.

Who watches a pool reaps a life whose beat stands still for REAP_SECONDS, and its jobs run elsewhere. A worker that is
cut off is told nothing of that, so it counts the same time itself, from when it sent the last beat that was answered.
So it is always first: while it goes on, nobody else runs its jobs.
"""

from __future__ import annotations

import asyncio

from redis.exceptions import BusyLoadingError

from wire.workers import REAP_SECONDS


class Lease:
    """Runs from now on, for `seconds` after each `renew`."""

    def __init__(self, seconds: float = REAP_SECONDS) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + seconds
        self._renewed = asyncio.Event()

    def renew(self, sent: float) -> None:
        """A beat that was sent at `sent`, by the loop's clock, was answered."""
        self._until = sent + self._seconds
        self._renewed.set()

    async def lapsed(self) -> None:
        """Returns when it is over."""
        while (left := self._until - self._loop.time()) > 0:
            await asyncio.sleep(left)
        self._renewed.clear()

    async def renewed(self) -> None:
        """Returns when it runs again."""
        await self._renewed.wait()


def is_down(error: Exception) -> bool:
    """Redis itself is away: its host refuses, or it reads its file. Nobody is reaped then: that time does not count."""
    return isinstance(error, BusyLoadingError) or isinstance(error.__context__, ConnectionRefusedError)
