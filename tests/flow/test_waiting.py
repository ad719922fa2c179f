"""Jobs that wait for a worker, for their turn, for a model; and jobs that are refused for want of room."""

from __future__ import annotations

import contextlib

import httpx

from tests.support.house import Houses
from tests.support.listener import chat, listening, words
from tests.support.truth import Truth


async def test_a_pool_at_zero_takes_the_job_and_answers_when_a_worker_starts(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=0)
    async with httpx.AsyncClient(timeout=30) as client:
        detailed = await client.get(home.url + "/health/detailed")
    assert detailed.status_code == 200, detailed.text
    assert detailed.json()["status"] == "degraded"
    async with listening(home.url, chat("!tokens 20")) as heard:
        await heard.until(lambda heard: heard.of("queued"), "its place")
        assert heard.of("queued")[0]["reason"] == "starting_worker"
        assert heard.of("queued")[0]["position"] == 1
        assert heard.frames[0].id is None
        assert await truth.jobs.depth() == 1  # what starts a worker
        home.start_worker()
        assert await heard.end() == "completed"
        assert heard.text == words(20)
    assert not await truth.leftovers()


async def test_places_move_up(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=0)
    async with contextlib.AsyncExitStack() as stack:
        heard = []
        for place in (1, 2, 3):
            heard.append(await stack.enter_async_context(listening(home.url, chat("!tokens 20"))))
            await heard[-1].until(lambda one, place=place: place in positions(one), f"place {place}")
        await truth.jobs.cancel(heard[0].job)
        await heard[1].until(lambda one: positions(one) == [2, 1], "it moved up")
        await heard[2].until(lambda one: positions(one) == [3, 2], "it moved up")


def positions(heard: object) -> list[int]:
    return [place["position"] for place in heard.of("queued")]  # type: ignore[attr-defined]


async def test_a_full_queue_refuses_with_429_and_when_to_come_back(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=0, QUEUE_MAX_DEPTH="2")
    async with listening(home.url, chat("a")) as first, listening(home.apis[1].url, chat("b")):
        async with httpx.AsyncClient(timeout=30) as client:
            refused = await client.post(home.url + "/api/chat", json=chat("c"))
        assert refused.status_code == 429
        assert refused.headers["retry-after"].isdigit()
        assert refused.json()["code"] == "queue_full_depth"
        assert "x-sluice-job" not in refused.headers
        assert len(await truth.states()) == 2
        await truth.jobs.cancel(first.job)
        async with listening(home.url, chat("c")):
            assert await truth.jobs.depth() == 2


async def test_one_tenants_bound_is_its_own_refusal(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=0, QUEUE_MAX_PER_TENANT="1")
    async with listening(home.url, chat("a")), httpx.AsyncClient(timeout=30) as client:
        refused = await client.post(home.url + "/api/chat", json=chat("b"))
        assert (refused.status_code, refused.json()["code"]) == (429, "queue_full_tenant")


async def test_loading_the_model_is_reported_and_costs_no_attempt(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=1, SLUICE_SIMULATED_LOAD_MS="4000")
    async with listening(home.url, chat("!tokens 20")) as heard:
        news = {"type": "queued", "position": 0, "reason": "loading_model"}
        await heard.until(lambda heard: news in heard.of("queued"), "the news")
        # A caller who comes later learns it too.
        async with listening(f"{home.apis[1].url}/api/jobs/{heard.job}/events") as late:
            await late.until(lambda late: late.of("queued"), "the news")
            assert late.of("queued")[0]["reason"] == "loading_model"
        assert await heard.end() == "completed"
        assert heard.text == words(20)
        assert heard.of("completed")[0]["timings"]["load_ms"] == 4000
    assert (await truth.record(heard.job)).note == ""


async def test_a_deadline_ends_a_job_that_no_worker_takes(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=0, SLUICE_DEADLINE_SECONDS="1")
    async with listening(home.url, chat("!tokens 20")) as heard:
        assert await heard.end() == "failed"
        assert heard.of("failed")[0]["code"] == "deadline"
    await truth.check_ended_once(heard.job)
    assert not await truth.leftovers()
