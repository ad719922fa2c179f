"""Which job a submission names, by its idempotency key or by its id: a new job, or one that is there already."""

from __future__ import annotations

import re
import uuid

from backend.chat.submission import Ready, Submission
from backend.errors import Invalid
from backend.pool.pools import Found, Pools
from wire.idempotency import Claim, IdempotencyKeys
from wire.ids import JobId, PrincipalId

USABLE_KEY = re.compile(r"[\x21-\x7e]{1,200}")
STARTS_ANEW = ("failed", "cancelled")
ON_ITS_WAY_MS = 300_000  # far longer than a request takes from its claim to `accept`, far shorter than any record lives
BY_ID = PrincipalId("job id")  # no principal: it claims a pool for each id that a caller has made


def new_job() -> JobId:
    return JobId(str(uuid.uuid4()))


class Naming:
    """Finds the jobs that submissions name. `keys`: the claims on idempotency keys."""

    def __init__(self, keys: IdempotencyKeys, pools: Pools) -> None:
        self._keys = keys
        self._pools = pools

    async def name(self, ready: Ready) -> Ready:
        """The same with the job that it names and the pool of that job. Where the job is new, `ready` has both already.

        Raises Invalid for a key that cannot be one, or that was used with another body.
        """
        key, part, job = ready.submission.idempotency_key, ready.submission.part, ready.submission.job
        if key is not None:
            if not USABLE_KEY.fullmatch(key):
                raise Invalid("Idempotency-Key must be 1 to 200 printable ASCII characters.", "invalid_idempotency_key")
            return await self._by_key(ready, f"{key} {part}" if part else key)  # no key has a space
        return ready if job is None else await self._by_id(ready, job)

    async def _by_key(self, ready: Ready, key: str) -> Ready:
        submission = ready.submission
        new = Claim(ready.pool.name, submission.job or ready.job, submission.body)
        claim = await self._keys.claim(submission.caller.principal, key, new)
        if claim.body != submission.body:
            raise Invalid("This Idempotency-Key was used with another body; use a new key.", "idempotency_key_reused")
        joins = None if claim == new else await self._pools.find(claim.job)
        if claim.job != new.job and await self._is_over(submission, key, claim.job, joins):
            # The key is free again, for another job: an id ends once.
            claim = await self._keys.replace(submission.caller.principal, key, claim, new)
            joins = None if claim == new else await self._pools.find(claim.job)
        fresh = claim == new and submission.job is None
        return ready._replace(job=claim.job, pool=self._pools.named(claim.pool), fresh=fresh, joins=joins)

    async def _is_over(self, submission: Submission, key: str, job: JobId, found: Found | None) -> bool:
        """Whether the job failed, was cancelled or forgotten.

        A job without a record may be on its way in for a while. After that it has been accepted, and its record, which
        some kinds of jobs have for minutes only, is gone: accepted again, one id would end twice.
        """
        if found is not None:
            return found.record.state in STARTS_ANEW
        age_ms = self._keys.age_ms
        return await self._pools.forgotten(job) or await age_ms(submission.caller.principal, key) > ON_ITS_WAY_MS

    async def _by_id(self, ready: Ready, job: JobId) -> Ready:
        """Submitted again, a job must not be accepted in a second pool: the first request says which pool it is."""
        pool = ready.pool
        if len(self._pools) > 1:
            claim = await self._keys.claim(BY_ID, job, Claim(pool.name, job, ""))
            pool = self._pools.named(claim.pool)
        return ready._replace(job=job, pool=pool, fresh=False)
