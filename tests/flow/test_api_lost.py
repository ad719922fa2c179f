"""An API process dies or leaves in mid-stream: its jobs run on, and what was heard over all connections is the log."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.house import Houses
from tests.support.listener import Listener, chat, following, listening, words
from tests.support.processes import START, Api
from tests.support.truth import Truth


async def check_whole(truth: Truth, count: int, *parts: Listener) -> None:
    """The parts one after the other are the log, byte for byte, and its text is the answer."""
    heard = [frame for part in parts for frame in part.events]
    assert heard == await truth.frames(parts[0].job)
    assert await truth.text(parts[0].job) == words(count)
    await truth.check_ended_once(parts[0].job)


async def test_a_stream_of_a_killed_api_goes_on_at_another(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=1)
    async with listening(home.url, chat("!tokens 1000")) as before:
        await before.words(20)
        home.api.kill()
        await before.hung_up()
        assert before.broken
    async with following(home.apis[1].url, before.job, before.last_id) as after:
        assert await after.end() == "completed"
    await check_whole(truth, 1000, before, after)


async def test_a_stream_of_a_killed_api_continues_at_the_same_api_started_again(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 1000")) as before:
        await before.words(20)
        home.api.kill()
        await before.hung_up()
    home.api.start()
    await home.api.ready()
    async with following(home.url, before.job, before.last_id) as after:
        assert await after.end() == "completed"
    await check_whole(truth, 1000, before, after)


async def test_an_api_that_gets_sigterm_lets_its_streams_end(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 200")) as heard:
        await heard.words(20)
        home.api.term()
        assert await heard.end() == "completed"
        await heard.hung_up()
        assert heard.broken is None
    await home.api.wait_for_exit()
    await check_whole(truth, 200, heard)


STOPPED_AT_ITS_START = """
import os, signal, uvicorn
from backend.__main__ import main

its_own = uvicorn.Config.get_loop_factory

def told_before_uvicorn_listens(config):
    os.kill(os.getpid(), signal.SIGTERM)
    return its_own(config)

uvicorn.Config.get_loop_factory = told_before_uvicorn_listens
main()
"""


async def test_an_api_that_gets_sigterm_while_it_starts_ends(house: Houses, tmp_path: Path) -> None:
    api = Api(tmp_path / "api", house.build().env)
    api.command = [sys.executable, "-c", STOPPED_AT_ITS_START]
    api.start()
    try:
        assert await api.wait_for_exit(START) == 0, api.tail()
    finally:
        api.kill()


async def test_an_api_out_of_time_cuts_its_streams_and_cancels_nothing(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=1, SLUICE_GRACE_SECONDS="1")
    async with listening(home.url, chat("!tokens 3000")) as before:
        assert "x-sluice-on-disconnect" not in before.stream.headers  # so: cancel, were it the client that left
        await before.words(20)
        home.api.term()
        await home.api.wait_for_exit()
        await before.hung_up()
        assert "completed" not in before.kinds
    assert (await truth.record(before.job)).state == "running"
    async with following(home.apis[1].url, before.job, before.last_id) as after:
        assert await after.end() == "completed"
    await check_whole(truth, 3000, before, after)


async def test_an_api_that_is_leaving_cancels_no_job_whose_caller_hangs_up_meanwhile(
    house: Houses, truth: Truth
) -> None:
    """A load balancer moves clients away from a server that leaves: that is no wish to cancel."""
    home = await house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 200")) as heard, listening(home.url, chat("!tokens 300")) as other:
        await heard.words(20)
        home.api.term()
        await other.words(1)  # whatever is served now is served by a process that is leaving
    await home.api.wait_for_exit()
    assert (await truth.until_state(heard.job, "completed", "cancelled")).state == "completed"
    assert (await truth.until_state(other.job, "completed", "cancelled")).state == "completed"


async def test_two_apis_send_the_same_job_byte_for_byte(house: Houses, truth: Truth) -> None:
    home = await house(apis=2, workers=1)
    async with listening(home.url, chat("!tokens 200")) as first:
        await first.words(20)
        async with following(home.apis[1].url, first.job) as second:
            assert [await first.end(), await second.end()] == ["completed", "completed"]
    assert first.events == second.events
    await check_whole(truth, 200, second)


@pytest.mark.parametrize("cut_at", [1, 7, 50])
async def test_a_client_may_come_back_after_any_event(house: Houses, truth: Truth, cut_at: int) -> None:
    home = await house(apis=1, workers=1, SLUICE_SIMULATED_RATE="50")  # slow: so many events are still to come
    headers, count = {"X-Sluice-On-Disconnect": "continue"}, 100 + 2 * cut_at
    async with listening(home.url, chat(f"!tokens {count}"), headers=headers) as before:
        await before.until(lambda heard: len(heard.events) >= cut_at, f"{cut_at} events")
    async with following(home.url, before.job, before.last_id) as after:
        assert await after.end() == "completed"
    await check_whole(truth, count, before, after)
