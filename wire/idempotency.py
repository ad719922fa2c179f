"""One job for each idempotency key. The key has its job's id before the job exists, so a retry mends a crash between.

The claim is set first (NX), then the job is accepted under the claimed id, and `accept` is idempotent on that id. A key
whose job failed or was cancelled gets a new job.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from redis.asyncio import Redis

from wire import keys
from wire.ids import JobId, PrincipalId

# Compare-and-set: two callers that both find the job failed must agree on one new job.
_REPLACE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return redis.call('GET', KEYS[1])
"""


class Claim(NamedTuple):
    """The job that belongs to a key, and its pool. `body`: the hash of the request for which it was claimed."""

    pool: str
    job: JobId
    body: str

    def encode(self) -> bytes:
        return orjson.dumps(tuple(self))  # orjson takes no named tuple


class IdempotencyKeys:
    """The claims of all idempotency keys. `ttl_ms`: how long a claim lives, which is as long as a job's record can."""

    def __init__(self, redis: Redis, ttl_ms: int) -> None:
        self._redis = redis
        self._ttl_ms = ttl_ms
        self._replace = redis.register_script(_REPLACE)

    async def claim(self, principal: PrincipalId, key: str, new: Claim) -> Claim:
        """The claim that the key holds now: `new` where the key was free, else the earlier claim."""
        name = self._name(principal, key)
        earlier: Any = await self._redis.set(name, new.encode(), nx=True, get=True, px=self._ttl_ms)
        if earlier is None:
            return new
        return _claim(earlier) or await self._take(name, new)

    async def _take(self, name: str, new: Claim) -> Claim:
        """Replace a claim that does not decode."""
        await self._redis.set(name, new.encode(), px=self._ttl_ms)
        return new

    async def age_ms(self, principal: PrincipalId, key: str) -> int:
        """How many milliseconds ago this key was claimed; 0 where it is free."""
        left = int(await self._redis.pttl(self._name(principal, key)))
        return max(0, self._ttl_ms - left) if left >= 0 else 0

    async def replace(self, principal: PrincipalId, key: str, old: Claim, new: Claim) -> Claim:
        """Replace the claim of a job that failed or was cancelled; returns the claim that the key holds afterwards."""
        name = self._name(principal, key)
        standing: Any = await self._replace(keys=[name], args=[old.encode(), new.encode(), self._ttl_ms])
        return (_claim(standing) if standing else None) or await self.claim(principal, key, new)

    @staticmethod
    def _name(principal: PrincipalId, key: str) -> str:
        return keys.idempotency(sha256(f"{principal}\0{key}".encode()).hexdigest())


def _claim(value: bytes) -> Claim | None:
    """None for a value that does not decode."""
    try:
        pool, job, body = orjson.loads(value)
        return Claim(str(pool), JobId(str(job)), str(body))
    except (ValueError, TypeError):
        return None


def body_hash(body: bytes) -> str:
    return sha256(body).hexdigest()
