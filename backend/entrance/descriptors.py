"""File descriptors: each connection takes one, and a process without any answers nobody."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress

import structlog

WANTED = 65_536  # where the system allows it; many give 1,024 to who does not ask
KEPT = 256  # or a quarter: for Redis, SQL and uploads, so that whoever is in is served
SAY_AGAIN_SECONDS = 10.0  # between two log lines
log = structlog.get_logger()


def raise_limit() -> None:
    """Ask for as many as are wanted, or as the system allows this process to ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS has another bound behind this one
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Descriptors:
    """Of one process, for connections."""

    def __init__(self) -> None:
        self._said = float("-inf")

    def is_full(self, connections: int) -> bool:
        """Whether this many are too many. The limit is looked up anew: it can be changed from outside."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = WANTED if soft == resource.RLIM_INFINITY else soft
        full = connections > limit - min(KEPT, limit // 4)
        if full:
            self._say(connections, limit)
        return full

    def _say(self, connections: int, limit: int) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._said > SAY_AGAIN_SECONDS:
            self._said = now
            told = "connections are refused: they would leave no file descriptors; raise the limit (ulimit -n)"
            log.warning(told, action="connections.full", connections=connections, limit=limit)
