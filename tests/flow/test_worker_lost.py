"""A worker dies or sleeps in mid-stream: no token is lost, none is sent twice, and no stale one is heard."""

from __future__ import annotations

import asyncio

from tests.support.house import Houses
from tests.support.listener import chat, listening, words
from tests.support.truth import Truth


async def test_a_killed_worker_costs_no_token_and_repeats_none(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=2)
    async with listening(home.url, chat("!tokens 1000")) as heard:
        await heard.words(20)
        owner = (await truth.record(heard.job)).owner
        victim = next(worker for worker in home.workers if f"-{worker.pid}-" in owner)
        victim.kill()
        assert await heard.end() == "completed"
        assert heard.text == words(1000)
        assert [start["attempt"] for start in heard.of("started")] == [1, 2]
        assert heard.events == await truth.frames(heard.job)
    record = await truth.record(heard.job)
    assert (record.attempt, record.tries) == (2, 1)
    await truth.check_ended_once(heard.job)


async def test_a_worker_that_slept_through_its_reaping_reaches_no_reader_and_begins_a_new_life(
    house: Houses, truth: Truth
) -> None:
    home = await house(apis=1, workers=2)
    async with listening(home.url, chat("!tokens 600")) as heard:
        await heard.words(20)
        owner = (await truth.record(heard.job)).owner
        sleeper = next(worker for worker in home.workers if f"-{worker.pid}-" in owner)
        sleeper.pause()
        await home.api.wait_for_action("worker.reaped", within=20, worker=owner)
        await heard.until(lambda heard: len(heard.of("started")) == 2, "the second attempt")
        sleeper.resume()  # in the middle of the other's stream: now its stale writes come
        await sleeper.wait_for_action("worker.reaped")
        assert await heard.end() == "completed"
        assert heard.text == words(600)
        assert {entry.id.attempt for entry in await truth.log(heard.job) if entry.id} == {1, 2}
        assert heard.events == await truth.frames(heard.job)
    assert owner not in await truth.until_asking(2)
    await truth.check_ended_once(heard.job)
    await _works_on(home.url, truth, f"-{sleeper.pid}-")


async def _works_on(url: str, truth: Truth, name: str) -> None:
    """Two jobs at once need both workers: the one that slept must take its share."""
    async with listening(url, chat("!tokens 1000")) as first, listening(url, chat("!tokens 1000")) as second:
        assert [await first.end(), await second.end()] == ["completed", "completed"]
        assert first.text == second.text == words(1000)
        workers = [start["worker"] for heard in (first, second) for start in heard.of("started")]
    assert any(name in worker for worker in workers), workers


async def test_a_poison_job_becomes_a_dead_letter_and_the_others_go_on(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=1, QUEUE_MAX_ATTEMPTS="2")
    async with listening(home.url, chat("!die")) as poison, listening(home.url, chat("!tokens 50")) as other:
        for attempt in (1, 2):
            victim = home.workers[-1]
            await victim.wait_for_exit(30)
            [life] = await truth.workers.beats()
            assert f"-{victim.pid}-" in life
            assert (await truth.record(poison.job)).attempt == attempt
            await truth.reap(life)  # the watcher's ten seconds are another test's subject
            home.start_worker()
        assert await poison.end() == "failed"
        assert poison.of("failed")[0]["code"] == "worker_lost"
        assert await other.end() == "completed"
        assert other.text == words(50)
    assert {"job": poison.job, "why": "worker_lost"} in await truth.dead_letters()
    assert (await truth.record(poison.job)).tries == 2
    await asyncio.gather(truth.check_ended_once(poison.job), truth.check_ended_once(other.job))
    assert not await truth.leftovers()
