"""Which job a request is about: a new one, or the one that its idempotency key or its id named before."""

from __future__ import annotations

import re
import uuid
from typing import NamedTuple

from backend.chat.submission import Submission
from backend.errors import Invalid
from backend.pool.pools import Found, Pool, Pools
from wire.idempotency import Claim, IdempotencyKeys
from wire.ids import JobId, PrincipalId

USABLE_KEY = re.compile(r"[\x21-\x7e]{1,200}")
STARTS_ANEW = ("failed", "cancelled")
ON_ITS_WAY_MS = 300_000  # far longer than a request takes from its claim to `accept`, far shorter than any record lives
BY_ID = PrincipalId("job id")  # no principal's: whose claims on pools for ids they are that callers have made


class Named(NamedTuple):
    """`pool`: where it is let in, and its log begins. `found`: the job as it is, None where nobody let it in yet.

    `fresh`: nobody can have made this job yet; else it may be there, and other requests may follow it.
    """

    job: JobId
    pool: Pool
    fresh: bool
    found: Found | None = None


def new_job() -> JobId:
    return JobId(str(uuid.uuid4()))


class Naming:
    def __init__(self, keys: IdempotencyKeys, pools: Pools) -> None:
        self._keys = keys
        self._pools = pools

    async def name(self, wish: Submission, pool: Pool) -> Named:
        """`pool`: where it is to go if it is new. Raises Invalid for a key that cannot be one, or has another body."""
        if wish.idempotency_key is not None:
            if not USABLE_KEY.fullmatch(wish.idempotency_key):
                raise Invalid("Idempotency-Key must be 1 to 200 printable ASCII characters.", "invalid_idempotency_key")
            key = f"{wish.idempotency_key} {wish.part}" if wish.part else wish.idempotency_key  # no key has a space
            return await self._by_key(wish, key, pool)
        if wish.job is not None:
            return await self._by_id(wish.job, pool)
        return Named(new_job(), pool, fresh=True)

    async def _by_key(self, wish: Submission, key: str, pool: Pool) -> Named:
        mine = Claim(pool.name, wish.job or new_job(), wish.body)
        claim = await self._keys.claim(wish.principal.id, key, mine)
        if claim.body != wish.body:
            raise Invalid("This Idempotency-Key was used with another body; use a new key.", "idempotency_key_reused")
        found = None if claim == mine else await self._pools.find(claim.job)
        if claim.job != mine.job and await self._is_over(wish, key, claim.job, found):
            # The key is free again, for another job: one id ends once.
            claim = await self._keys.replace(wish.principal.id, key, claim, mine)
            found = None if claim == mine else await self._pools.find(claim.job)
        fresh = claim == mine and wish.job is None
        return Named(claim.job, self._pools.named(claim.pool), fresh, found)

    async def _is_over(self, wish: Submission, key: str, job: JobId, found: Found | None) -> bool:
        """It failed, was cancelled or forgotten. One that is not there at all may be on its way in, for a while; later
        it has been, and what Redis keeps for minutes only is gone: let in again, one id would end twice."""
        if found is not None:
            return found.record.state in STARTS_ANEW
        return await self._pools.forgotten(job) or await self._keys.age_ms(wish.principal.id, key) > ON_ITS_WAY_MS

    async def _by_id(self, job: JobId, pool: Pool) -> Named:
        """Asked again it must not be let into a second pool: who is first says which."""
        if len(self._pools) > 1:
            claim = await self._keys.claim(BY_ID, job, Claim(pool.name, job, ""))
            pool = self._pools.named(claim.pool)
        return Named(job, pool, fresh=False)
