"""A connection to SQLite that can be closed twice.

Its thread answers nothing behind the call that ends it, and SQLAlchemy may ask for a second end: it ends a connection
whose user was cancelled by force, and in order, whichever comes first. aiosqlite's own `close` then waits for ever, and
with it a process that leaves.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from aiosqlite import Connection


class OnceStopped(Connection):
    _stopped = False

    def stop(self) -> asyncio.Future[None] | None:
        """End the thread behind what it was asked before; the future tells when. None: that was asked already."""
        if self._stopped:
            return None
        self._stopped = True
        return super().stop()

    async def close(self) -> None:
        if self._connection is not None and (stopped := self.stop()) is not None:
            await stopped


def open_connection(path: Path) -> OnceStopped:
    """To be awaited. Its calls come from one thread, but not from the one that asks."""
    connection = OnceStopped(lambda: sqlite3.connect(path, check_same_thread=False), iter_chunk_size=64)
    connection._thread.daemon = True  # one that waits for a lock keeps no process from its end
    return connection
