"""The books of a pool: pages of live jobs and dead letters, and records without their texts."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from tests.support.truth import Truth, truth_of
from wire.jobs import Bounds
from wire.ledger import Ledger
from wire.records import JobRequest, Message
from wire.worker_info import WorkerInfo

BOUNDS = Bounds(1_000, 1_000, 3, 600_000)


@pytest.fixture
async def truth(redis_url: str, pool: str) -> AsyncIterator[Truth]:
    async with truth_of(redis_url, pool) as truth:
        yield truth


@pytest.fixture
def ledger(truth: Truth) -> Ledger:
    return Ledger(truth.redis, truth.keys)


async def accept(truth: Truth) -> str:
    job = secrets.token_hex(8)
    ask = JobRequest(model="m", messages=(Message(role="user", content="a secret"),))
    assert await truth.jobs.accept(job, ask, BOUNDS, tenant="t") == "ok"
    return job


async def test_live_jobs_are_read_newest_first_each_once_while_others_come(truth: Truth, ledger: Ledger) -> None:
    made = [await accept(truth) for _ in range(5)]
    first = await ledger.live("", 2)
    await accept(truth)
    second = await ledger.live(first.next, 2)
    third = await ledger.live(second.next, 2)
    jobs = [fields["job"] for page in (first, second, third) for _, fields in page.entries]
    assert (jobs, third.next) == (made[::-1], "")


async def test_a_page_that_ends_with_the_list_has_no_next(truth: Truth, ledger: Ledger) -> None:
    await accept(truth)
    await accept(truth)
    assert (await ledger.live("", 2)).next == ""
    assert await ledger.dead("", 2) == ([], "")


async def test_an_outline_is_the_record_without_its_texts(truth: Truth, ledger: Ledger) -> None:
    job = await accept(truth)
    await truth.workers.register("w-1", 1, WorkerInfo("simulated", {}))
    await truth.workers.ask("w-1", True)
    assert await truth.jobs.start(job, "w-1", 1, b"{}") is not None
    assert await truth.jobs.finish(job, "w-1", 1, 1, "completed", b'{"type":"completed"}', result=b"a secret") == 1
    record = await truth.record(job)
    [outline, unknown] = await ledger.outlines([job, "unknown"])
    assert b"secret" in record.request and b"secret" in record.result
    assert (outline, unknown) == (record._replace(request=b"", result=b""), None)
    assert outline is not None
    assert await ledger.ends([outline]) == {job: {"type": "completed"}}


async def test_no_jobs_have_no_outlines_and_no_ends(ledger: Ledger) -> None:
    assert (await ledger.outlines([]), await ledger.ends([])) == ([], {})
