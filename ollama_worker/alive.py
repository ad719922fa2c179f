"""A file that shows to those who watch this process from outside that its loop still turns (SLUICE_ALIVE_FILE).

Its time is set with every beat, answered or not: a Redis that is away is no reason to end a worker. While there is no
life yet, or none any more, it is set just as often.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from wire.workers import BEAT_SECONDS

log = structlog.get_logger()


class Alive:
    """`file` None: nobody watches."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._failed = False

    def touch(self) -> None:
        """A disk that is full ends no worker by this: whoever watches does, and the log says why."""
        try:
            if self._file is not None:
                self._file.touch()
        except OSError as error:
            if not self._failed:
                log.warning("the file of SLUICE_ALIVE_FILE cannot be touched", action="alive.failed", error=str(error))
            self._failed = True

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Touched for as long as what is done inside takes."""
        touching = asyncio.create_task(self._keep_touching())
        try:
            yield
        finally:
            touching.cancel()

    async def _keep_touching(self) -> None:
        while True:
            self.touch()
            await asyncio.sleep(BEAT_SECONDS)
