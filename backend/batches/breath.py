"""The pace of a batch's work: a piece of work that holds the loop is followed by a rest of the same length."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HELD_SECONDS = 0.005  # so long may the loop be held between two rests: many small lines share a rest


class Breath:
    """The pace of all batches of a process: 64 lines that are read at once would hold the loop for 64 lines' time.

    Chats have at least half of the loop's time, and wait for one line at most.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._worked = 0.0

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Inside, nothing is awaited. Leaving takes as long as the work did, once the work is worth a rest."""
        async with self._turn:
            began = time.monotonic()
            try:
                yield
            finally:
                self._worked += time.monotonic() - began
            if self._worked >= HELD_SECONDS:
                rest, self._worked = self._worked, 0.0
                await asyncio.sleep(rest)
