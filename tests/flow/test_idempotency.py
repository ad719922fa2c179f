"""One job per idempotency key, however many ask, and at however many API processes."""

from __future__ import annotations

import asyncio
from functools import partial

import httpx

from tests.support.house import Houses
from tests.support.listener import chat, listening, words
from tests.support.truth import Truth
from tests.support.waiting import eventually

KEY = {"Idempotency-Key": "order-1", "X-Sluice-On-Disconnect": "continue"}


async def test_200_at_once_over_two_apis_make_one_job_and_all_get_its_answer(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=1)
    body = chat("!tokens 50", stream=False)
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=200)) as client:
        urls = [home.apis[n % 2].url + "/api/chat" for n in range(200)]
        answers = await asyncio.gather(*(client.post(url, json=body, headers=KEY) for url in urls))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["message"]["content"] for answer in answers} == {words(50)}
    [job] = await truth.states()
    assert {answer.headers["x-sluice-job"] for answer in answers} == {job}
    assert (await truth.record(job)).attempt == 1
    await truth.check_ended_once(job)


async def test_the_same_key_with_another_body_is_refused(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=0)
    async with listening(home.url, chat("!tokens 5"), headers=KEY) as heard, httpx.AsyncClient(timeout=30) as client:
        other = await client.post(home.apis[1].url + "/api/chat", json=chat("!tokens 6"), headers=KEY)
        assert other.status_code == 400
        assert other.json()["code"] == "idempotency_key_reused"
        assert list(await truth.states()) == [heard.job]


async def test_a_completed_job_answers_its_key_again(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=1)
    async with listening(home.url, chat("!tokens 20"), headers=KEY) as first:
        assert await first.end() == "completed"
    async with listening(home.apis[1].url, chat("!tokens 20"), headers=KEY) as second:
        assert await second.end() == "completed"
    assert second.job == first.job
    assert second.events == first.events
    assert list(await truth.states()) == [first.job]


async def test_the_key_of_a_failed_job_starts_anew_and_once(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=1)
    body = chat("!fault context_too_long")
    async with listening(home.url, body, headers=KEY) as first:
        assert await first.end() == "failed"
    async with httpx.AsyncClient(timeout=30) as client:
        urls = [home.apis[n % 2].url + "/api/chat" for n in range(20)]
        answers = await asyncio.gather(*(client.post(url, json=chat_whole(), headers=KEY) for url in urls))
    assert {answer.status_code for answer in answers} == {400}  # another body, also now
    async with listening(home.url, body, headers=KEY) as second:
        assert await second.end() == "failed"
    assert second.job != first.job
    assert set(await truth.states()) == {first.job, second.job}


def chat_whole() -> dict[str, object]:
    return chat("!tokens 3", stream=False)


async def test_the_key_of_a_cancelled_job_starts_one_new_job_for_all_callers(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=0)
    body = chat("!tokens 30", stream=False)
    async with httpx.AsyncClient(timeout=30) as client:
        first = asyncio.create_task(client.post(home.url + "/api/chat", json=body, headers=KEY))
        cancelled = await eventually(partial(only_job, truth), 30, "the first job is accepted")
        await truth.jobs.cancel(cancelled)
        await first
        home.start_worker()
        urls = [home.apis[n % 2].url + "/api/chat" for n in range(50)]
        answers = await asyncio.gather(*(client.post(url, json=body, headers=KEY) for url in urls))
    assert {answer.json()["message"]["content"] for answer in answers} == {words(30)}
    jobs = {answer.headers["x-sluice-job"] for answer in answers}
    assert len(jobs) == 1 and cancelled not in jobs
    assert set(await truth.states()) == {cancelled, *jobs}


async def only_job(truth: Truth) -> str | None:
    return next(iter(await truth.states()), None)


async def test_the_key_of_a_job_that_redis_keeps_no_more_starts_anew_under_another_id(
    house: Houses, truth: Truth
) -> None:
    """A cancelled job is kept for minutes. Accepted again under its id it would end twice."""
    home = await house(apis=1, workers=0)
    async with listening(home.url, chat("!tokens 20"), headers=KEY) as first:
        await truth.jobs.cancel(first.job)
        assert await first.end() == "cancelled"
    await truth.redis.delete(truth.keys.job(first.job), truth.keys.events(first.job))
    [claim] = [key async for key in truth.redis.scan_iter("sluice:idempotency:*")]
    left = await truth.redis.pttl(claim)
    await truth.redis.pexpire(claim, left - 15 * 60_000)
    async with listening(home.url, chat("!tokens 20"), headers=KEY) as second:
        assert second.job != first.job


async def test_a_key_whose_job_is_on_its_way_in_names_that_job(house: Houses, truth: Truth) -> None:
    """Its API process died between the claim and the queue: the retry heals that."""
    home = await house(apis=1, workers=0)
    async with listening(home.url, chat("!tokens 20"), headers=KEY) as first:
        await truth.jobs.cancel(first.job)
        assert await first.end() == "cancelled"
    await truth.redis.delete(truth.keys.job(first.job), truth.keys.events(first.job))
    async with listening(home.url, chat("!tokens 20"), headers=KEY) as second:
        assert second.job == first.job
