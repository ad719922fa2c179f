"""How long a life may go on while none of its beats is answered.

An API process reaps a life whose beat stands still for REAP_SECONDS, and its jobs run elsewhere. A worker that is cut
off hears nothing of that. So it counts the same time itself, from when it sent the last beat that was answered, and is
always first: while it goes on, no other worker runs its jobs.
"""

from __future__ import annotations

import asyncio

from redis.exceptions import BusyLoadingError

from wire.workers import REAP_SECONDS


class Lease:
    """The time that a life has left. It runs from now on, for `seconds` after each `renew`."""

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
        """Returns when the lease is over."""
        while (left := self._until - self._loop.time()) > 0:
            await asyncio.sleep(left)
        self._renewed.clear()

    async def renewed(self) -> None:
        """Returns when the lease runs again."""
        await self._renewed.wait()


def is_down(error: Exception) -> bool:
    """Whether Redis itself is away: its host refuses, or Redis reads its file. No life is reaped then, so that time
    does not count."""
    return isinstance(error, BusyLoadingError) or isinstance(error.__context__, ConnectionRefusedError)
