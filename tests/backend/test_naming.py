"""The job that an idempotency key names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from backend.accounts.caller import LOCAL
from backend.chat.disconnect import CONTINUE
from backend.chat.naming import Naming, new_job
from backend.chat.submission import Ready, Submission
from backend.errors import Invalid
from backend.pool.pools import Pool, Pools
from backend.routing.route import joined
from wire.idempotency import Claim, IdempotencyKeys
from wire.records import JobRequest, Target

POOL = cast(Pool, SimpleNamespace(name="default"))


class Keys:
    """Claims in memory."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}

    async def claim(self, principal: str, key: str, new: Claim) -> Claim:
        return self.claims.setdefault(key, new)


def ready(key: str, part: str = "", body: str = "a") -> Ready:
    submission = Submission(JobRequest(model="m"), LOCAL, CONTINUE, idempotency_key=key, part=part, body=body)
    return Ready(submission, joined(Target(pool="default", model="m")), new_job(), POOL, fresh=True)


@pytest.fixture
def naming() -> Naming:
    async def find(job: str) -> Any:
        return SimpleNamespace(record=SimpleNamespace(state="running"))

    pools = SimpleNamespace(named=lambda name: POOL, find=find)
    return Naming(cast(IdempotencyKeys, Keys()), cast(Pools, pools))


async def test_a_key_that_looks_like_another_keys_part_is_another_key(naming: Naming) -> None:
    part = await naming.name(ready("K", part="#1"))
    other = await naming.name(ready("K#1", body="b"))
    assert other.job != part.job
    assert (await naming.name(ready("K", part="#1"))).job == part.job
    assert (await naming.name(ready("K"))).job not in (part.job, other.job)


async def test_a_key_of_full_length_may_have_parts(naming: Naming) -> None:
    assert await naming.name(ready("k" * 200, part="#63"))
    for unusable in ("k" * 201, "a b", ""):
        with pytest.raises(Invalid):
            await naming.name(ready(unusable))
