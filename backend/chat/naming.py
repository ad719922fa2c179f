"""Which job a request is about: a new one, or the one that its idempotency key named before."""

from __future__ import annotations

import re
import uuid
from typing import NamedTuple

from backend.chat.submission import Submission
from backend.errors import Invalid
from wire.idempotency import Claim, IdempotencyKeys
from wire.jobs import JobPipe

USABLE_KEY = re.compile(r"[\x21-\x7e]{1,200}")
STARTS_ANEW = ("failed", "cancelled")


class Named(NamedTuple):
    """`fresh`: nobody can have made this job yet; else it may be there, and other requests may follow it."""

    job: str
    fresh: bool


class Naming:
    def __init__(self, keys: IdempotencyKeys, jobs: JobPipe) -> None:
        self._keys = keys
        self._jobs = jobs

    async def name(self, wish: Submission) -> Named:
        """Raises Invalid for a key that cannot be one, or that another body has."""
        if wish.idempotency_key is None:
            return Named(wish.job or str(uuid.uuid4()), fresh=wish.job is None)
        if not USABLE_KEY.fullmatch(wish.idempotency_key):
            raise Invalid("Idempotency-Key must be 1 to 200 printable ASCII characters.", "invalid_idempotency_key")
        return await self._claimed(wish, wish.idempotency_key)

    async def _claimed(self, wish: Submission, key: str) -> Named:
        mine = Claim(self._jobs.keys.pool, wish.job or str(uuid.uuid4()), wish.body)
        claim = await self._keys.claim(wish.principal.id, key, mine)
        if claim.body != wish.body:
            raise Invalid("This Idempotency-Key was used with another body; use a new key.", "idempotency_key_reused")
        if claim.job != mine.job and await self._starts_anew(claim.job):
            claim = await self._keys.replace(wish.principal.id, key, claim, mine)
        return Named(claim.job, fresh=claim.job == mine.job and wish.job is None)

    async def _starts_anew(self, job: str) -> bool:
        """A key whose job failed or was cancelled is free again, for another job: one id ends once."""
        record = await self._jobs.record(job)
        return record is not None and record.state in STARTS_ANEW
