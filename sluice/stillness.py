"""Whether a file that a process touches stands still, by this process's own clock."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

LOOKS = 6  # in the time for which it may stand still


class Stillness:
    """Counts from now on. Time in which this process itself did not run counts as one look."""

    def __init__(self, file: Path, seconds: float) -> None:
        self._file = file
        self._seconds = seconds
        self._touched = self._look()
        self._still = 0.0

    async def lasted(self) -> None:
        """Returns when the file has not been touched for so long."""
        pause, looked = self._seconds / LOOKS, time.monotonic()
        while self._still < self._seconds:
            await asyncio.sleep(pause)
            now, touched = time.monotonic(), self._look()
            self._still = self._still + min(now - looked, 2 * pause) if touched == self._touched else 0.0
            looked, self._touched = now, touched

    def _look(self) -> int:
        """When it was touched last, by whatever clock; 0 while it is not there. Only a change of it counts."""
        try:
            return os.stat(self._file).st_mtime_ns
        except OSError:
            return 0
