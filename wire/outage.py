"""What a process says, and how long its loops wait, while something that they need is away.

A process has several loops that all meet the same outage. Each has a part in one `Outage`: the first one that meets it
says so, the last one that gets an answer again says that it is over, and nothing is said in between. What nobody
foresaw is logged with its traceback, once until that loop has had a turn that went well; no error ends a loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog
from redis.exceptions import RedisError

AWAY = (RedisError, OSError)  # Redis is away, or refuses; TimeoutError is an OSError
FIRST_SECONDS = 0.2  # of pause; each further one is twice as long
LONGEST_SECONDS = 1.0  # a caller that waits is to be served within a second of the outage's end
log = structlog.get_logger()


class Outage:
    """`subject`: what may be away, as a sentence's subject. `action`: the log lines are `<action>.away`, `.back`."""

    def __init__(self, subject: str, action: str, errors: tuple[type[Exception], ...] = AWAY) -> None:
        self.subject = subject
        self.action = action
        self.errors = errors
        self._troubled: set[str] = set()
        self._since = 0.0

    def part(self, name: str) -> Part:
        """One loop's part. `name`: what that loop does."""
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
    """What one loop has met since its last turn that went well."""

    def __init__(self, outage: Outage, name: str) -> None:
        self._outage = outage
        self._name = name
        self._failures = 0
        self._logged: set[str] = set()

    def foresees(self, error: Exception) -> bool:
        return isinstance(error, self._outage.errors)

    async def met(self, error: Exception) -> None:
        """Say what is new of it, then wait: each time longer, up to a second."""
        if self.foresees(error):
            self._outage.begins(self._name, error)
        elif (kind := type(error).__name__) not in self._logged:
            self._logged.add(kind)
            log.error("a loop met what nobody foresaw", action="loop.failed", loop=self._name, exc_info=error)
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
    """A background loop: `turn`, again and again until it is cancelled, `every` seconds between two of them.

    `parts`: one for each thing that a turn needs. Raises nothing but what is `fatal`.
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
