"""One job per idempotency key: the key names its job before the job exists, so a crash in between heals by the retry.

The claim is set first (NX), then the job is accepted under the claimed id, and `accept` is idempotent on that id.
A key whose job failed or was cancelled starts anew.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from redis.asyncio import Redis

from wire import keys
from wire.ids import JobId, PrincipalId

# Compare-and-set: two callers that both find a failed job must agree on one new one.
_REPLACE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return redis.call('GET', KEYS[1])
"""


class Claim(NamedTuple):
    """`job` in `pool` belongs to the key; `body` is the hash of the request it was made for."""

    pool: str
    job: JobId
    body: str

    def encode(self) -> bytes:
        return orjson.dumps(tuple(self))  # orjson takes no named tuple


class IdempotencyKeys:
    """Claims of callers' keys. `ttl_ms`: as long as a job's record can live."""

    def __init__(self, redis: Redis, ttl_ms: int) -> None:
        self._redis = redis
        self._ttl_ms = ttl_ms
        self._replace = redis.register_script(_REPLACE)

    async def claim(self, principal: PrincipalId, key: str, mine: Claim) -> Claim:
        """Whose job this key names: `mine` if it was free, else the earlier claim."""
        name = self._name(principal, key)
        earlier: Any = await self._redis.set(name, mine.encode(), nx=True, get=True, px=self._ttl_ms)
        if earlier is None:
            return mine
        return _claim(earlier) or await self._take(name, mine)

    async def _take(self, name: str, mine: Claim) -> Claim:
        """A claim that does not decode is nobody's."""
        await self._redis.set(name, mine.encode(), px=self._ttl_ms)
        return mine

    async def age_ms(self, principal: PrincipalId, key: str) -> int:
        """How long ago this key was claimed; 0 where nobody has."""
        left = int(await self._redis.pttl(self._name(principal, key)))
        return max(0, self._ttl_ms - left) if left >= 0 else 0

    async def replace(self, principal: PrincipalId, key: str, old: Claim, mine: Claim) -> Claim:
        """Start anew where the old job failed or was cancelled; the claim that stands afterwards."""
        name = self._name(principal, key)
        standing: Any = await self._replace(keys=[name], args=[old.encode(), mine.encode(), self._ttl_ms])
        return (_claim(standing) if standing else None) or await self.claim(principal, key, mine)

    @staticmethod
    def _name(principal: PrincipalId, key: str) -> str:
        return keys.idempotency(sha256(f"{principal}\0{key}".encode()).hexdigest())


def _claim(value: bytes) -> Claim | None:
    """None for what does not decode."""
    try:
        pool, job, body = orjson.loads(value)
        return Claim(str(pool), JobId(str(job)), str(body))
    except (ValueError, TypeError):
        return None


def body_hash(body: bytes) -> str:
    return sha256(body).hexdigest()
