"""A client vanishes: its job's end is what the client asked for, and never at another reader's cost."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from tests.support.house import Houses
from tests.support.listener import PATIENCE, chat, following, listening, words
from tests.support.truth import Truth
from tests.support.waiting import eventually

WISH = "X-Sluice-On-Disconnect"


@pytest.mark.parametrize("headers", [{}, {WISH: "cancel"}], ids=["by default", "asked for"])
async def test_cancel_ends_the_job(house: Houses, truth: Truth, headers: dict[str, str]) -> None:
    home = await house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 100000"), headers=headers) as heard:
        await heard.words(5)
    record = await truth.until_state(heard.job, "cancelled")
    assert record.why == "client_gone"
    await home.worker.lets_go_of(heard.job)
    await truth.check_ended_once(heard.job)


async def test_cancel_ends_a_job_that_still_waits(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=0)
    async with listening(home.url, chat("!tokens 10")) as heard:
        await heard.until(lambda heard: heard.of("queued"), "its place")
    await truth.until_state(heard.job, "cancelled")
    assert not await truth.leftovers()


async def test_a_caller_who_waits_for_the_whole_answer_cancels_by_leaving(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=1)
    body = chat("!tokens 100000", stream=False)
    async with httpx.AsyncClient(timeout=30) as client:
        waits = asyncio.create_task(client.post(home.url + "/api/chat", json=body))
        [job] = await eventually(lambda: _jobs(truth), PATIENCE, "the job")
        waits.cancel()
        await asyncio.gather(waits, return_exceptions=True)
    assert (await truth.until_state(job, "cancelled", "completed")).why == "client_gone"


async def _jobs(truth: Truth) -> list[str] | None:
    return list(await truth.states()) or None


async def test_continue_lets_the_answer_go_on(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 200"), headers={WISH: "continue"}) as heard:
        await heard.words(5)
    assert (await truth.until_state(heard.job, "completed", "cancelled")).state == "completed"
    assert await truth.text(heard.job) == words(200)


async def test_grace_cancels_after_its_seconds_and_not_before(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 100000"), headers={WISH: "grace:2"}) as heard:
        await heard.words(5)
        left = time.monotonic()
    await truth.until_state(heard.job, "cancelled")
    assert time.monotonic() - left >= 2


async def test_a_caller_who_comes_back_within_the_grace_keeps_the_job(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=1)
    async with listening(home.url, chat("!tokens 1600"), headers={WISH: "grace:6"}) as before:
        await before.words(5)
    async with following(home.apis[1].url, before.job, before.last_id) as after:
        assert await after.end() == "completed"  # 8 s of tokens: the grace has passed meanwhile
    assert before.events + after.events == await truth.frames(before.job)
    assert await truth.text(before.job) == words(1600)


async def test_another_reader_on_another_api_keeps_the_job(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=1)
    async with listening(home.url, chat("!tokens 300")) as owner:
        await owner.words(5)
        async with following(home.apis[1].url, owner.job) as other:
            await other.words(5)
            await _vanish(owner.stream)
            assert await other.end() == "completed"
            assert other.text == words(300)


async def test_the_last_reader_decides_for_itself(house: Houses, truth: Truth) -> None:
    """Two callers joined one job by its key; the first leaves, which costs nothing; with the second it ends."""
    home = await house(apis=2, workers=1)
    headers = {"Idempotency-Key": "two-callers"}
    body = chat("!tokens 100000")
    async with listening(home.apis[1].url, body, headers=headers) as second:
        async with listening(home.url, body, headers=headers) as first:
            await first.words(5)
            assert first.job == second.job
        await home.api.wait_for_action("request.answered", path="/api/chat")
        heard = len(second.text.split())
        await second.words(heard + 20)
    assert (await truth.until_state(second.job, "cancelled")).why == "client_gone"


async def _vanish(stream: object) -> None:
    """Close the client's socket under its reader."""
    connection = stream._socket  # type: ignore[attr-defined]
    connection.shutdown(2)
    await asyncio.sleep(0)
