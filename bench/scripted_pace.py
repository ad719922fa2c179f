"""How fast the scripted engine speaks."""

from __future__ import annotations

import asyncio


class Pace:
    """A pace of `rate` tokens a second to each caller; 0: without a pause, but other callers get their turn."""

    def __init__(self, rate: float) -> None:
        self._pause = 1 / rate if rate else 0.0

    async def wait(self) -> None:
        await asyncio.sleep(self._pause)
