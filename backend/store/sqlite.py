"""A connection to SQLite that can be closed twice.

The connection's thread answers nothing behind the call that ends it, and SQLAlchemy may end a connection twice: where
its user was cancelled, once by force and once in order. aiosqlite's own `close` then waits for ever, and with it a
process that leaves.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from aiosqlite import Connection


class OnceStopped(Connection):
    _end: asyncio.Future[None] | None = None

    def stop(self) -> asyncio.Future[None] | None:
        """End the thread once it has done its work so far; the future is done then. None: there is no loop any more."""
        if self._end is None:
            self._tx.put_nowait((None, self._roll_back))
            self._end = super().stop()
        return self._end

    def _roll_back(self) -> None:
        """In the thread. Closing alone leaves the transaction open, and its lock held, for as long as anything still
        refers to one of its cursors: the traceback of a cancellation does."""
        if self._connection is not None:
            self._connection.rollback()

    async def close(self) -> None:
        """Returns when the thread has closed the file, whichever call began that."""
        if (self._connection is not None or self._end is not None) and (end := self.stop()) is not None:
            await asyncio.shield(end)


def open_connection(path: Path) -> OnceStopped:
    """Returns a connection that is to be awaited. All of its calls come from one thread, which is not the caller's."""
    connection = OnceStopped(lambda: sqlite3.connect(path, check_same_thread=False), iter_chunk_size=64)
    connection._thread.daemon = True  # a thread that waits for a lock keeps no process from its end
    return connection
