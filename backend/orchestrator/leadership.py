"""Which API process marks the pods: a key in Redis that expires, so that a process that dies is followed by another.

The key's value is its holder's token, and only under that token is the key kept or left. A holder that slept past its
time finds another token and stops; the one patch that it may have had under way is mended by its successor's next list.
The orchestrator checks no fence, and none is needed: every process that marks writes what the same Redis holds.
"""

from __future__ import annotations

import secrets

from redis.asyncio import Redis

LEADERSHIP_SECONDS = 6.0  # three looks of the holder: a look that comes late loses nothing

_KEEP = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2]) or 0"
_LEAVE = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0"


class Leadership:
    """The right to mark pods, for `seconds` at a time. Every verb raises Redis errors."""

    def __init__(self, redis: Redis, key: str, seconds: float = LEADERSHIP_SECONDS) -> None:
        self._redis = redis
        self._key = key
        self._ms = int(seconds * 1000)
        self._token = secrets.token_hex(8)
        self._keep = redis.register_script(_KEEP)
        self._leave = redis.register_script(_LEAVE)

    async def take(self) -> bool:
        """True: no process had it, and this process has it now."""
        return bool(await self._redis.set(self._key, self._token, nx=True, px=self._ms))

    async def keep(self) -> bool:
        """True: this process has it, for its whole time again."""
        return bool(await self._keep(keys=[self._key], args=[self._token, self._ms]))

    async def leave(self) -> None:
        """The next process that takes it has it. Changes nothing where another process has it."""
        await self._leave(keys=[self._key], args=[self._token])
