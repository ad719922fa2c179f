"""A job whose caller was refused must not run without a caller, also where it is accepted late."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from redis.exceptions import ConnectionError as Away

from backend.chat.deserted import PATIENT_SECONDS, Deserted, soon
from backend.chat.party import Party, Ticket
from backend.chat.service import ChatService
from backend.pool.pools import Pools
from backend.pool.trail import Trail


class Late:
    """Pools that answer cancels with these answers, in order."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self._answers = list(answers)
        self.done = asyncio.Event()
        self.cancels: list[tuple[str, str]] = []

    async def deserted(self, job: str) -> bool:
        return not job.startswith("joined")

    async def cancel(self, job: str, why: str) -> Any:
        self.cancels.append((job, why))
        answer = self._answers.pop(0)
        if not self._answers:
            self.done.set()
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_withdrawn_job_that_was_not_there_yet_is_searched_once_more() -> None:
    pools = Late(Away("gone"), None, "cancelled")
    Deserted(cast(Pools, pools)).withdraw("j")
    await asyncio.wait_for(pools.done.wait(), 30)
    assert pools.cancels == [("j", "client_gone")] * 3


async def test_jobs_of_a_request_that_is_refused_are_all_left_at_once_and_cancelled_when_redis_is_back() -> None:
    pools, left = Late(Away("gone"), Away("gone"), "cancelled", "cancelled"), []

    def ticket(job: str) -> Ticket:
        async def leave(gone: bool) -> None:
            left.append((job, gone))

        return Ticket(job, "m", cast(Trail, None), leave)

    nothing: Any = None
    service = ChatService(cast(Pools, pools), nothing, nothing, nothing, nothing, nothing, answer_seconds=1.0)
    await service._withdraw(Party([ticket("a"), ticket("joined"), ticket("b")]))
    assert left == [("a", False), ("joined", False), ("b", False)]
    await asyncio.wait_for(pools.done.wait(), 30)
    assert sorted(pools.cancels) == [("a", "refused")] * 2 + [("b", "refused")] * 2


def test_a_job_is_withdrawn_soon_after_redis_is_back_and_for_minutes() -> None:
    pauses = list(soon())
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses == sorted(pauses) and max(pauses) == PATIENT_SECONDS
    assert sum(pauses) > 100
