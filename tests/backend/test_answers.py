"""The earlier answers that are offered again: one pool on a real Valkey, whose worker is played by hand."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from backend.accounts.caller import LOCAL
from backend.chat.answers import Answers
from backend.chat.disconnect import CANCEL, CONTINUE, OnDisconnect
from backend.chat.submission import Submission
from backend.pool.pools import Pools
from tests.backend.inside import pools_in
from tests.backend.recording import BOUNDS, COMPLETED, STARTED
from wire.events import Rerouted, encode
from wire.jobs import FINISHED
from wire.records import JobRequest
from wire.scripts import scripts
from wire.worker_info import WorkerInfo

GRACE = OnDisconnect(60.0)


class Play:
    """Jobs of model `m` in one pool, each under a key of its own, and what the cache offers to the next caller."""

    def __init__(self, pools: Pools) -> None:
        self.pools = pools
        self.answers = Answers(pools._redis, pools, 60.0)

    async def begun(self, on_disconnect: OnDisconnect = CANCEL) -> str:
        """A job that its worker has started; its id is its key."""
        pool, job = self.pools.own, secrets.token_hex(8)
        await pool.workers.register("w", 100, WorkerInfo("simulated", {"m": {}}))
        await pool.workers.ask("w", True)
        assert await pool.jobs.accept(job, JobRequest(model="m"), BOUNDS, tenant=LOCAL.tenant) == "ok"
        assert await pool.jobs.start(job, "w", 1, STARTED) is not None
        await self.answers.keep(f"answer:{job}", job, submission(on_disconnect))
        return job

    async def goes_on_as(self, job: str, model: str) -> None:
        """In the same pool: its record stays as it is."""
        keys, event = (
            self.pools.own.keys,
            encode(Rerouted(pool=self.pools.own.name, model=model, reason="engine_failed")),
        )
        emit = self.pools._redis.register_script(scripts()["emit"])
        assert await emit(keys=[keys.job(job), keys.events(job), keys.live(job)], args=["w", 1, 1, event]) == 1

    async def complete(self, job: str, seq: int, model: str) -> None:
        event = encode(COMPLETED.model_copy(update={"model": model}))
        assert await self.pools.own.jobs.finish(job, "w", 1, seq, "completed", event, result=b"{}") == FINISHED

    async def offered(self, job: str, on_disconnect: OnDisconnect = CANCEL) -> bool:
        """Whether the job is offered. A look that takes long is a miss, by design, so that a few looks are made."""
        for _ in range(5):
            if await self.answers.find(f"answer:{job}", submission(on_disconnect), "m"):
                return True
        return False


def submission(on_disconnect: OnDisconnect) -> Submission:
    return Submission(JobRequest(model="m"), LOCAL, on_disconnect, reuse=True)


@pytest.fixture
async def play(redis_url: str, pool: str) -> AsyncIterator[Play]:
    async with pools_in(redis_url, pool) as pools:
        yield Play(pools)


async def test_an_answer_of_a_fallback_of_the_same_pool_is_not_offered_while_it_runs_or_later(play: Play) -> None:
    job = await play.begun()
    assert await play.offered(job)
    await play.goes_on_as(job, "fallback")
    assert not await play.offered(job)
    await play.complete(job, 2, "fallback")
    record = await play.pools.own.jobs.record(job)
    assert record is not None and (record.model, record.attempt) == ("m", 1), "the record has nothing of it"
    assert not await play.offered(job)


@pytest.mark.parametrize("model", ["m", ""])
async def test_an_answer_of_the_model_itself_is_offered_also_where_an_older_worker_does_not_name_it(
    play: Play, model: str
) -> None:
    job = await play.begun()
    await play.complete(job, 1, model)
    assert await play.offered(job)


@pytest.mark.parametrize(("owner", "joiner"), [(CONTINUE, CANCEL), (GRACE, CANCEL), (CANCEL, CONTINUE)])
async def test_a_job_that_is_to_run_on_without_its_caller_is_shared_only_after_its_end(
    play: Play, owner: OnDisconnect, joiner: OnDisconnect
) -> None:
    job = await play.begun(owner)
    assert not await play.offered(job, joiner)
    await play.complete(job, 1, "m")
    assert await play.offered(job, joiner)
