"""The data folder, and the lock that lets only one house live in it.

The lock is an flock on an open file, which every guard inherits: it is free again only when the last child of the
last run has ended, so that two Valkeys never write one append-only file.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

LAST_RUN_MAY_END = 60.0  # seconds: longer than the graces of everything that `sluice up` starts by default


class FolderRefused(Exception):
    """The data folder cannot be used; the message gives the reason and the remedy."""


@asynccontextmanager
async def claim(folder: Path, url: str, wait: float = LAST_RUN_MAY_END) -> AsyncIterator[int]:
    """Make the folder ours while the context lasts; yields the lock's descriptor. Raises FolderRefused.

    `url` is written into the lock for a process that the lock refuses. `wait`: seconds that a killed run gets to end.
    """
    lock = _open(folder)
    try:
        await _acquire(lock, folder, time.monotonic() + wait)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {url}".encode(), 0)
        yield lock
    finally:
        os.close(lock)


def _open(folder: Path) -> int:
    """Make the folder, for this user only: it holds everybody's chats."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keep_private(folder)
        return os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FolderRefused(f"SLUICE_DATA_DIR: {folder} cannot be written ({error.strerror}).") from None


def keep_private(folder: Path) -> None:
    """Close a folder of ours that was made before and left open; one that is shared, as /tmp is, stays so."""
    found = folder.stat()
    if found.st_uid == os.getuid() and not found.st_mode & stat.S_ISVTX:
        folder.chmod(0o700)


async def _acquire(lock: int, folder: Path, until: float) -> None:
    while not _try_lock(lock):
        holder, url = _holder(lock)
        if _alive(holder):
            raise FolderRefused(
                f"Sluice already runs on {folder} (pid {holder}, {url}). Stop that one first, or choose another folder "
                "and port: SLUICE_DATA_DIR=… SLUICE_PORT=… sluice up"
            )
        if time.monotonic() > until:
            raise FolderRefused(f"What pid {holder} left running still holds {folder}. `ps` and `kill` end it.")
        await asyncio.sleep(0.05)  # it was killed, and its guards are still ending its children


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> tuple[int, str]:
    """The process that wrote the lock: (pid, URL). Pid 0: the process has not written it yet."""
    pid, _, url = os.pread(lock, 4096, 0).decode(errors="replace").partition(" ")
    return (int(pid), url) if pid.isdecimal() else (0, "")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
