"""A job that is to be joined and that ends with its last caller meanwhile, on a real Valkey, without a worker."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from backend.accounts.caller import LOCAL
from backend.chat.admission import Admission
from backend.chat.disconnect import CANCEL, CONTINUE
from backend.chat.gates import Gates
from backend.chat.gates.bound import Bound
from backend.chat.gates.drain import Drain
from backend.chat.service import ChatService
from backend.chat.submission import Ready, Submission
from backend.errors import QueueFull
from backend.pool.pools import Pools
from backend.pool.trail import Trails
from backend.routing.route import joined
from tests.backend.inside import pools_in
from tests.backend.recording import BOUNDS
from wire.ids import JobId
from wire.reader import JobLost
from wire.records import JobRequest, Target

SUBMISSION = Submission(JobRequest(model="m"), LOCAL, CANCEL)


class Joining(Admission):
    """A submission joins a job that runs, which then ends as `why`; the next submission gets a new job."""

    def __init__(self, pools: Pools, why: str, times: int = 1) -> None:
        router: Any = SimpleNamespace(sent=lambda route: None)
        super().__init__(pools, router, cast(Any, None), cast(Any, None))
        self._why = why
        self._times = times
        self.joined = JobId("")
        self.made = JobId("")

    async def prepare(self, submission: Submission) -> Ready:
        pool, job = self._pools.own, JobId(secrets.token_hex(8))
        route = joined(Target(pool=pool.name, model="m"))
        if not self._times:
            return Ready(submission, route, job, pool, fresh=True)
        self._times -= 1
        self.joined = job
        assert await pool.jobs.accept(job, submission.ask, BOUNDS, tenant=submission.caller.tenant) == "ok"
        found = await self._pools.find(job)
        await self._pools.cancel(job, self._why)
        return Ready(submission, route, job, pool, False, found)


@pytest.fixture
async def pools(redis_url: str, pool: str) -> AsyncIterator[Pools]:
    async with pools_in(redis_url, pool) as pools:
        yield pools


def service(pools: Pools, joining: Joining) -> ChatService:
    news: Any = SimpleNamespace(soon=lambda reader: None)
    gates = Gates(Drain(), Bound(BOUNDS))
    return ChatService(pools, Trails(pools), news, gates, joining, cast(Any, None), 60.0)


@pytest.mark.parametrize("why", ["client_gone", "refused"])
async def test_a_caller_who_comes_as_the_last_caller_leaves_gets_a_job_of_its_own(pools: Pools, why: str) -> None:
    joining = Joining(pools, why)
    ticket = await service(pools, joining).submit(SUBMISSION)
    assert ticket.job != joining.joined
    found = await pools.find(ticket.job)
    assert found is not None and found.record.state == "queued"
    assert await pools.deserted(joining.joined) and not await pools.deserted(ticket.job)
    await ticket.leave(gone=False)


async def test_a_caller_who_joins_a_job_that_was_cancelled_on_purpose_learns_of_the_cancel(pools: Pools) -> None:
    joining = Joining(pools, "asked")
    ticket = await service(pools, joining).submit(SUBMISSION)
    assert ticket.job == joining.joined
    await ticket.leave(gone=False)


async def test_a_caller_who_meets_two_deserted_jobs_has_to_send_the_request_again(pools: Pools) -> None:
    joining = Joining(pools, "client_gone", times=2)
    with pytest.raises(JobLost):
        await service(pools, joining).submit(SUBMISSION)
    assert await pools.deserted(joining.joined)


class JoiningThenRefused(Joining):
    """The first submission joins a job that runs on; the second makes a job; the third is refused."""

    async def prepare(self, submission: Submission) -> Ready:
        pool, job = self._pools.own, JobId(secrets.token_hex(8))
        route = joined(Target(pool=pool.name, model="m"))
        if submission.part == "#2":
            raise QueueFull("full", "queue_full_depth")
        if submission.part == "#1":
            self.made = job
            return Ready(submission, route, job, pool, fresh=True)
        self.joined = job
        assert await pool.jobs.accept(job, submission.ask, BOUNDS, tenant=submission.caller.tenant) == "ok"
        return Ready(submission, route, job, pool, False, await self._pools.find(job))


async def test_a_refused_request_cancels_the_jobs_that_it_made_and_leaves_a_job_that_it_joined(pools: Pools) -> None:
    joining = JoiningThenRefused(pools, "unused")
    with pytest.raises(QueueFull):
        await service(pools, joining).submit_all([SUBMISSION._replace(on_disconnect=CONTINUE)] * 3)
    async with asyncio.timeout(30):
        while await state_of(pools, joining.made) != "cancelled":
            await asyncio.sleep(0.01)
    assert await state_of(pools, joining.joined) == "queued"


async def state_of(pools: Pools, job: JobId) -> str:
    found = await pools.find(job)
    assert found is not None
    return found.record.state
