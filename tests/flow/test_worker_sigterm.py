"""A worker gets SIGTERM: it ends what it runs where it has the time, else gives it back, and exits with 0."""

from __future__ import annotations

from pathlib import Path

from tests.support.child import free_port
from tests.support.house import Houses
from tests.support.listener import chat, listening, words
from tests.support.processes import Worker
from tests.support.truth import Truth


async def test_a_worker_with_time_enough_ends_its_job_and_takes_no_other(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 1000")) as heard, listening(home.url, chat("!tokens 20")) as waiting:
        await heard.words(20)
        home.worker.term()
        await home.worker.wait_for_action("worker.draining")
        assert await heard.end() == "completed"
        assert heard.text == words(1000)
        assert len(heard.of("started")) == 1
        assert await home.worker.wait_for_exit() == 0
        assert await truth.workers.beats() == {}
        assert (await truth.record(waiting.job)).state == "queued"
        home.start_worker()
        assert await waiting.end() == "completed"
        assert waiting.text == words(20)
    assert not await truth.leftovers()


async def test_a_worker_out_of_time_gives_its_job_back_uncharged_and_another_continues(
    house: Houses, truth: Truth
) -> None:
    home = await house(apis=1, workers=1, SLUICE_GRACE_SECONDS="0.2")
    async with listening(home.url, chat("!tokens 1000")) as heard:
        await heard.words(20)
        home.worker.term()
        assert await home.worker.wait_for_exit() == 0
        given_back = await truth.record(heard.job)
        assert (given_back.state, given_back.tries, given_back.note) == ("queued", 0, "interrupted")
        home.start_worker()
        assert await heard.end() == "completed"
        assert heard.text == words(1000)
        assert heard.events == await truth.frames(heard.job)
    record = await truth.record(heard.job)
    assert (record.attempt, record.tries) == (2, 0)
    await truth.check_ended_once(heard.job)


async def test_a_worker_that_waits_for_redis_stops_on_sigterm(tmp_path: Path) -> None:
    env = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}", "SLUICE_ENGINE": "simulated"}
    worker = Worker(tmp_path / "worker", env)
    try:
        worker.start()
        await worker.wait_for_action("redis.away")
        worker.term()
        assert await worker.wait_for_exit() == 0
    finally:
        worker.stop()


async def test_a_second_sigterm_hurries_the_drain(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 100000")) as heard:
        await heard.words(5)
        home.worker.term()
        await home.worker.wait_for_action("worker.draining")
        home.worker.term()
        assert await home.worker.wait_for_exit() == 0
        assert (await truth.record(heard.job)).state == "queued"
