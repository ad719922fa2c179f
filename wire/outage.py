"""What a process logs, and how long its loops wait, while a server that they need is away.

Several loops of a process meet the same outage. Each loop has a part in one `Outage`: the first loop that meets the
outage logs it, the last one that gets an answer again logs its end, and nothing is logged in between. An unforeseen
error is logged with its traceback, once until a turn of that loop has gone well; no error ends a loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog
from redis.exceptions import RedisError

AWAY = (RedisError, OSError)  # Redis is away, or refuses; TimeoutError is an OSError
FIRST_SECONDS = 0.2  # the first pause; each further pause is twice as long
LONGEST_SECONDS = 1.0  # a caller that waits is to be served within a second of the outage's end
log = structlog.get_logger()


class Outage:
    """The outages of one server, for all loops of a process that need it.

    `subject`: the server, as the subject of a sentence. `action`: of the log lines, `<action>.away` and
    `<action>.back`. `errors`: those that mean that the server is away.
    """

    def __init__(self, subject: str, action: str, errors: tuple[type[Exception], ...] = AWAY) -> None:
        self.subject = subject
        self.action = action
        self.errors = errors
        self._troubled: set[str] = set()
        self._since = 0.0

    def part(self, name: str) -> Part:
        """The part of one loop. `name`: what that loop does."""
        return Part(self, name)

    def begins(self, name: str, error: Exception) -> None:
        if not self._troubled:
            self._since = time.monotonic()
            kind, loop = type(error).__name__, name
            log.warning(f"{self.subject} does not answer", action=f"{self.action}.away", error=kind, loop=loop)
        self._troubled.add(name)

    def ends(self, name: str) -> None:
        if name in self._troubled:
            self._troubled.discard(name)
            if not self._troubled:
                seconds = round(time.monotonic() - self._since, 1)
                log.info(f"{self.subject} answers again", action=f"{self.action}.back", seconds=seconds)


class Part:
    """The errors of one loop since its last turn that went well."""

    def __init__(self, outage: Outage, name: str) -> None:
        self._outage = outage
        self._name = name
        self._failures = 0
        self._logged: set[str] = set()

    def foresees(self, error: Exception) -> bool:
        return isinstance(error, self._outage.errors)

    async def met(self, error: Exception) -> None:
        """Log an error that is new, then wait: each time longer, up to a second."""
        if self.foresees(error):
            self._outage.begins(self._name, error)
        elif (kind := type(error).__name__) not in self._logged:
            self._logged.add(kind)
            log.error("a loop met an unforeseen error", action="loop.failed", loop=self._name, exc_info=error)
        pause = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(self._failures, 10))
        self._failures += 1
        await asyncio.sleep(pause)

    def over(self) -> None:
        """A turn went well."""
        if self._failures:
            self._failures = 0
            self._logged.clear()
            self._outage.ends(self._name)


def redis_outage() -> Outage:
    return Outage("Redis", "redis")


async def repeat(
    turn: Callable[[], Awaitable[object]],
    *parts: Part,
    every: float = 0.0,
    fatal: tuple[type[Exception], ...] = (),
) -> NoReturn:
    """Run `turn` again and again until cancelled, with `every` seconds between two turns.

    `parts`: one for each server that a turn needs. Raises only the errors in `fatal`.
    """
    while True:
        try:
            await turn()
        except fatal:
            raise
        except Exception as error:
            await next((part for part in parts if part.foresees(error)), parts[0]).met(error)
        else:
            for part in parts:
                part.over()
            await asyncio.sleep(every)
