"""File descriptors. Each connection takes one, and a process that has none left answers no request."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress

import structlog

WANTED = 65_536  # where the system allows as many; many systems give 1,024 to a process that does not ask
KEPT = 256  # or a quarter: for Redis, SQL and uploads, so that requests that are let in are answered
WARN_AGAIN_SECONDS = 10.0  # between two log lines
log = structlog.get_logger()


def raise_limit() -> None:
    """Raise this process's limit to `WANTED`, or to the most that the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS has another bound behind this one
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Descriptors:
    """The file descriptors of one process, as far as its connections may take them."""

    def __init__(self) -> None:
        self._warned = float("-inf")

    def is_full(self, connections: int) -> bool:
        """Whether this many connections are too many. The limit is read anew, since it can be changed from outside."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = WANTED if soft == resource.RLIM_INFINITY else soft
        full = connections > limit - min(KEPT, limit // 4)
        if full:
            self._warn(connections, limit)
        return full

    def _warn(self, connections: int, limit: int) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._warned > WARN_AGAIN_SECONDS:
            self._warned = now
            message = "connections are refused: they would leave no file descriptors; raise the limit (ulimit -n)"
            log.warning(message, action="connections.full", connections=connections, limit=limit)
