"""What every submission passes before its job is accepted, and what the queue does with one that no gate has let in."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from backend.accounts.caller import LOCAL
from backend.chat.disconnect import CANCEL
from backend.chat.gates import Gates
from backend.chat.gates.bound import Bound
from backend.chat.gates.drain import Drain
from backend.chat.submission import Submission
from backend.errors import Unavailable
from tests.backend.recording import BOUNDS
from wire.jobs import JobPipe
from wire.keys import Keys
from wire.records import JobRequest

SUBMISSION = Submission(JobRequest(model="m"), LOCAL, CANCEL)


@pytest.fixture
def gates() -> Gates:
    return Gates(Drain(), Bound(BOUNDS))


async def test_a_submission_leaves_the_gates_with_the_bounds_of_the_queue(gates: Gates) -> None:
    assert await gates.admit(SUBMISSION) == SUBMISSION._replace(bounds=BOUNDS)


async def test_a_deadline_of_its_own_bounds_its_time_and_nothing_else(gates: Gates) -> None:
    bounded = (await gates.admit(SUBMISSION._replace(deadline=2.5))).bounds
    assert bounded == BOUNDS._replace(timeout_ms=2_500)


async def test_a_process_that_leaves_refuses_every_submission_and_says_when_to_try_again(gates: Gates) -> None:
    gates.drain.close()
    with pytest.raises(Unavailable, match="shutting down") as refused:
        await gates.admit(SUBMISSION)
    assert (refused.value.code, refused.value.headers) == ("draining", {"Retry-After": "1"})


async def test_the_queue_accepts_no_job_that_has_passed_no_gate(redis: Redis, pool: str) -> None:
    jobs = JobPipe(redis, Keys(pool))
    answer = await jobs.accept("j", SUBMISSION.ask, SUBMISSION.bounds, tenant=LOCAL.tenant)
    assert (answer, await jobs.depth()) == ("full depth", 0)
