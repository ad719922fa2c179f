"""A file whose time shows that this process's loop still turns (SLUICE_ALIVE_FILE). `sluice up` and Kubernetes watch
it.

The file's time is set with every beat, answered or not: a Redis that is away is no reason to end a worker. Before the
first life and after the last, the time is set just as often.
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
    """The file of one process. `file` None: nothing watches this process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._failed = False

    def touch(self) -> None:
        """Set the file's time. A full disk does not end the worker here: what watches the file does, and the log says
        why."""
        try:
            if self._file is not None:
                self._file.touch()
        except OSError as error:
            if not self._failed:
                log.warning("the file of SLUICE_ALIVE_FILE cannot be touched", action="alive.failed", error=str(error))
            self._failed = True

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Touch the file every BEAT_SECONDS until the block is left."""
        touching = asyncio.create_task(self._keep_touching())
        try:
            yield
        finally:
            touching.cancel()

    async def _keep_touching(self) -> None:
        while True:
            self.touch()
            await asyncio.sleep(BEAT_SECONDS)
