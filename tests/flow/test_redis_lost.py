"""Redis dies, hangs, or comes back with less than it had: nothing acknowledged is lost, and readers hear of a loss."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from pathlib import Path

import httpx
import pytest

from tests.support.house import Houses
from tests.support.listener import chat, following, listening, words
from tests.support.processes import Api
from tests.support.truth import Truth, truth_of
from tests.support.valkey import Valkey
from tests.support.waiting import eventually


async def test_a_killed_redis_under_load_costs_no_job_and_no_token(
    durable_house: Houses, durable_truth: Truth, fresh_valkey: Valkey
) -> None:
    """Eight streams run and four jobs wait; no client reconnects."""
    home = await durable_house(apis=1, workers=2, SLUICE_SLOTS="4", SLUICE_SIMULATED_RATE="60")
    async with contextlib.AsyncExitStack() as stack:
        heard = [await stack.enter_async_context(listening(home.url, chat("!tokens 150"))) for _ in range(12)]
        for listener in heard[:8]:
            await listener.words(10)
        fresh_valkey.written()
        fresh_valkey.kill()
        await home.api.wait_for_action("redis.away")
        fresh_valkey.start()
        for listener in heard:
            assert await listener.end() == "completed"
    for listener in heard:
        assert listener.text == words(150)
        assert listener.events == await durable_truth.frames(listener.job)
        await durable_truth.check_ended_once(listener.job)
    for process in home.children():
        process.expect_alive()  # type: ignore[attr-defined]
    assert not await durable_truth.leftovers()


async def test_a_client_that_vanished_while_redis_was_away_is_heeded_when_it_is_back(
    durable_house: Houses, durable_truth: Truth, fresh_valkey: Valkey
) -> None:
    home = await durable_house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 100000")) as heard:
        await heard.words(5)
        fresh_valkey.written()
        fresh_valkey.kill()
        await home.api.wait_for_action("redis.away")
    fresh_valkey.start()
    assert (await durable_truth.until_state(heard.job, "cancelled")).why == "client_gone"


async def test_each_process_logs_once_that_redis_is_away_and_once_that_it_is_back(
    durable_house: Houses, fresh_valkey: Valkey
) -> None:
    """They try again all the time: five lines a second of each process would bury every other line."""
    home = await durable_house(apis=1, workers=1)
    fresh_valkey.written()
    fresh_valkey.kill()
    for process in home.children():
        await process.wait_for_action("redis.away")  # type: ignore[attr-defined]
        await process.wait_for_action("link.failed")  # type: ignore[attr-defined]
    async with httpx.AsyncClient(timeout=30) as client:
        for _ in range(20):  # each is answered when Redis has not answered in time
            assert (await client.get(home.url + "/health/ready")).status_code == 503
            await asyncio.sleep(0.1)
    fresh_valkey.start()
    for process in home.children():
        await process.wait_for_action("redis.back", within=30)  # type: ignore[attr-defined]
        await process.wait_for_action("link.back", within=30)  # type: ignore[attr-defined]
        lines = [line for line in process.log_lines() if line["action"].startswith(("redis.", "link."))]  # type: ignore[attr-defined]
        actions = [line["action"] for line in lines]
        assert len(actions) == len(set(actions)) <= 5, lines


async def test_a_redis_that_hangs_for_three_seconds_costs_no_token(
    durable_house: Houses, durable_truth: Truth, fresh_valkey: Valkey
) -> None:
    home = await durable_house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 1000")) as heard:
        await heard.words(50)
        fresh_valkey.pause()
        await asyncio.sleep(3)  # the length of the fault
        fresh_valkey.resume()
        assert await heard.end() == "completed"
        assert heard.text == words(1000)
        assert heard.events == await durable_truth.frames(heard.job)
    record = await durable_truth.record(heard.job)
    assert (record.attempt, record.tries) == (1, 0)


@pytest.mark.parametrize("fault", ["killed", "hangs"])
async def test_without_redis_a_chat_is_refused_within_a_second(
    durable_house: Houses, fresh_valkey: Valkey, fault: str
) -> None:
    """The contract's second. The quickest of twenty: a loaded machine adds to what we take, and takes nothing off."""
    home = await durable_house(apis=1, workers=0)
    fresh_valkey.kill() if fault == "killed" else fresh_valkey.pause()
    took: list[float] = []
    async with httpx.AsyncClient(timeout=30) as client:
        while len(took) < 20 and min(took, default=1.0) >= 1.0:
            took.append(await _refused(client, home.url))
    assert min(took) < 1.0, took
    home.api.expect_alive()
    ready = await home.api.get("/health/ready")
    assert ready is not None and ready.status_code == 503 and "redis" in ready.json()["reason"]


async def _refused(client: httpx.AsyncClient, url: str) -> float:
    began = time.monotonic()
    answer = await client.post(url + "/api/chat", json=chat("!tokens 3"))
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "queue_unavailable"
    assert answer.headers["retry-after"] == "1"
    return time.monotonic() - began


async def test_an_api_without_redis_at_its_start_is_red_until_redis_comes(tmp_path: Path) -> None:
    server = Valkey(tmp_path / "valkey")
    houses = Houses(tmp_path, server)
    home = houses.build()
    try:
        api = home.start_api()
        red = await eventually(lambda: _health(api), 30, "the API listens")
        assert red.status_code == 503
        assert red.json() == {"status": "unavailable", "reason": "redis: it does not answer"}
        live = await api.get("/health/live")
        assert live is not None and live.status_code == 200
        server.start()
        await api.ready()
        home.start_worker()
        async with listening(api.url, chat("!tokens 10")) as heard:
            assert await heard.end() == "completed"
    finally:
        houses.stop()
        server.stop()


async def _health(api: Api) -> httpx.Response | None:
    return await api.get("/health/ready")


class Backup:
    """An older copy of a server's files: what is left of them after a power loss."""

    def __init__(self, server: Valkey, home: Path) -> None:
        self._server = server
        self._kept = home / "backup"

    def take(self) -> None:
        """What was acknowledged by now is in the copy."""
        self._server.written()
        shutil.copytree(self._server.cwd / "appendonlydir", self._kept)

    def put_back(self) -> None:
        self._server.kill()
        shutil.rmtree(self._server.cwd / "appendonlydir")
        shutil.copytree(self._kept, self._server.cwd / "appendonlydir")
        self._server.start()


@pytest.fixture
def backup(fresh_valkey: Valkey, tmp_path: Path) -> Backup:
    return Backup(fresh_valkey, tmp_path)


async def test_lost_tokens_of_a_running_job_are_sent_again_by_its_worker(
    durable_house: Houses, durable_truth: Truth, backup: Backup
) -> None:
    """The log comes back behind what the client has read: the client waits for it, and hears nothing twice."""
    home = await durable_house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 1500")) as heard:
        await heard.words(50)
        backup.take()
        await heard.words(len(heard.text.split()) + 100)
        backup.put_back()
        assert await heard.end() == "completed"
        assert heard.text == words(1500)
        assert heard.events == await durable_truth.frames(heard.job)
    await durable_truth.check_ended_once(heard.job)
    assert not await durable_truth.leftovers()


async def test_a_lost_give_makes_the_text_so_far_void_and_readers_hear_of_it(
    durable_house: Houses, fresh_valkey: Valkey, backup: Backup
) -> None:
    """Redis has forgotten that the job was ever given: another attempt begins anew, and readers get `restarted`."""
    home = await durable_house(apis=2, workers=0)
    async with listening(home.url, chat("!tokens 1000")) as heard, truth_of(fresh_valkey.url) as truth:
        await heard.until(lambda heard: heard.of("queued"), "its place")
        backup.take()
        home.start_worker()
        await heard.words(100)
        last = heard.last_id
        home.worker.pause()  # or it might have caught up before the question
        backup.put_back()
        await _is_refused_ahead_of_the_log(home.apis[1], heard.job, last)
        home.worker.resume()
        assert await heard.end() == "completed"
        assert heard.kinds.count("restarted") == 1
        assert heard.text == words(1000)
        assert await truth.text(heard.job) == words(1000)
        await truth.check_ended_once(heard.job)
        anew = heard.kinds.index("restarted") + 1
        assert [frame for frame in heard.frames[anew:] if frame.id] == await truth.frames(heard.job)


async def _is_refused_ahead_of_the_log(api: Api, job: str, last: str) -> None:
    """A client that resumes behind what is left: a clear conflict, never silence."""
    await api.ready()
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.get(f"{api.url}/api/jobs/{job}/events", headers={"Last-Event-ID": last})
    assert answer.status_code == 409, answer.text
    assert answer.json()["error"]["code"] == "unknown_event_id"


async def test_the_reader_of_a_lost_job_gets_an_error(
    durable_house: Houses, fresh_valkey: Valkey, backup: Backup
) -> None:
    """The last second held the job itself: its reader learns that, and the worker stops."""
    home = await durable_house(apis=1, workers=1)
    backup.take()
    async with listening(home.url, chat("!tokens 100000")) as heard, truth_of(fresh_valkey.url) as truth:
        await heard.words(20)
        backup.put_back()
        await heard.hung_up()
        assert heard.broken is None
        assert heard.frames[-1].event == "error"
        assert heard.frames[-1].json()["error"]["code"] == "job_lost"
        await home.worker.wait_for_action("attempt.stale", job_id=heard.job)
        assert await truth.jobs.record(heard.job) is None
        assert not await truth.leftovers()
        async with listening(home.url, chat("!tokens 10")) as other:
            assert await other.end() == "completed"


async def test_a_lost_end_is_made_again(
    durable_house: Houses, durable_truth: Truth, fresh_valkey: Valkey, backup: Backup
) -> None:
    """The job ended, then Redis forgot it: its worker does not know the job any more, so it is run to its end again."""
    home = await durable_house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 200")) as heard:
        await heard.words(50)
        backup.take()
        assert await heard.end() == "completed"
    backup.put_back()
    await durable_truth.until_state(heard.job, "completed")
    assert await durable_truth.text(heard.job) == words(200)
    await durable_truth.check_ended_once(heard.job)
    async with following(home.url, heard.job) as again:
        assert await again.end() == "completed"
        assert again.text == words(200)
    assert not await durable_truth.leftovers()
