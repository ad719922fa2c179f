"""Work of a batch that holds the loop, one piece at a time: as long as it worked, it rests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HELD_SECONDS = 0.005  # so long the loop may be held between two rests: many small lines share one


class Breath:
    """One a process, for all of its batches: 64 lines that are read at once would hold the loop for 64 lines' time.

    Chats have at least half of the loop's time, and wait for one line at most.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._worked = 0.0

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Inside nothing is awaited. Leaving it takes as long as the work did, once that is worth a rest."""
        async with self._turn:
            began = time.monotonic()
            try:
                yield
            finally:
                self._worked += time.monotonic() - began
            if self._worked >= HELD_SECONDS:
                rest, self._worked = self._worked, 0.0
                await asyncio.sleep(rest)
