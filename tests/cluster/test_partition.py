"""The network between hosts loses everything without a sign: not a reset, not a refusal.

SLUICE_TEST_PARTITION_SECONDS: how long the long cut of a worker lasts; unset, until its job runs elsewhere.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.cluster.hosts import Cable
from tests.cluster.partition import FAR_RATE, NEAR_RATE, Divided, a_worker_near, divided, monitored
from tests.support.listener import Listener, chat, listening, words
from tests.support.processes import Worker
from tests.support.truth import Truth, truth_of
from wire.jobs import NOT_YOURS
from wire.workers import REAP_SECONDS

# The longest cut that every beat survives: five are missed in ten seconds, and one may wait seconds for its answer.
SHORT, LONGEST = 5.0, 5.7
TRIALS = 3  # this machine is shared: one of three trials has the time that it needs
LONG = float(os.environ.get("SLUICE_TEST_PARTITION_SECONDS", "0"))
PATIENCE = 60.0


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Divided]:
    with divided(tmp_path_factory.mktemp("partition")) as hosts:
        yield hosts


@pytest.fixture
async def truth(hosts: Divided) -> AsyncIterator[Truth]:
    async with truth_of(hosts.valkey.url) as truth:
        yield truth


async def test_a_second_of_silence_costs_no_token(hosts: Divided, truth: Truth) -> None:
    """The cut is between the queue and the API and the worker that serve a reader."""
    async with listening(hosts.far_api.url, chat("!tokens 80")) as answer:
        await answer.words(20)
        hosts.worker_cable.cut()
        hosts.api_cable.cut()
        await asyncio.sleep(1)  # the length of the fault
        hosts.worker_cable.heal()
        hosts.api_cable.heal()
        await goes_on(answer, truth, 80)


async def test_a_worker_cut_off_for_less_than_the_reap_time_goes_on_as_the_same_attempt(
    hosts: Divided, truth: Truth
) -> None:
    """On a busy machine the cut may become a longer one, which shows nothing: then the test tries again."""
    count = int(FAR_RATE * SHORT)
    for _ in range(TRIALS):
        async with listening(hosts.api.url, chat(f"!tokens {count}")) as answer:
            await answer.words(20)
            if await cut_off(hosts.worker_cable, SHORT) <= LONGEST:
                await goes_on(answer, truth, count)
                break
            await answer.end(PATIENCE)
    else:
        pytest.fail(f"each of {TRIALS} cuts lasted longer than {LONGEST} s")
    async with listening(hosts.api.url, chat("!tokens 10")) as next_one:  # its order waits for a broken connection
        await goes_on(next_one, truth, 10)


async def cut_off(cable: Cable, seconds: float) -> float:
    """For how long the cut lasted, at most."""
    begun = time.monotonic()
    cable.cut()
    await asyncio.sleep(seconds)
    cable.heal()
    return time.monotonic() - begun


async def goes_on(answer: Listener, truth: Truth, count: int) -> None:
    """Checks a whole end, in one attempt; nothing twice, nothing left over."""
    await truth.check_whole(answer, count)
    assert not await truth.leftovers()


async def test_a_worker_cut_off_for_longer_stops_by_itself_and_its_job_ends_elsewhere(
    hosts: Divided, truth: Truth
) -> None:
    """The cut-off worker's answer would last three seconds more; the other sends the rest until the cut has healed."""
    count = int(FAR_RATE * (REAP_SECONDS + 3) + NEAR_RATE * max(0.0, LONG - REAP_SECONDS))
    prompt = f"!tokens {count}"
    async with listening(hosts.api.url, chat(prompt)) as answer, monitored(hosts.valkey) as monitor:
        await answer.words(20)
        old = (await truth.record(answer.job)).owner
        assert f"-{hosts.far_worker.pid}-" in old
        hosts.worker_cable.cut()
        cut = time.monotonic()
        other = a_worker_near(hosts.near, hosts.house)
        stopped = await stops(hosts, prompt) - cut
        assert 0 < stopped < REAP_SECONDS + 1
        await answer.until(lambda answer: len(answer.of("started")) == 2, "the second attempt")
        elsewhere = time.monotonic() - cut
        far = f" {hosts.worker_cable.there}:"  # a client's address
        spoken = len(monitor.of(old, far))
        await asyncio.sleep(max(0.0, cut + LONG - time.monotonic()))
        hosts.worker_cable.heal()
        print(
            f"stopped {stopped:.1f} s after the cut, elsewhere at {elsewhere:.1f}, healed {time.monotonic() - cut:.1f}"
        )
        await hosts.far_worker.wait_for_action("worker.reaped", worker=old)
        await is_fenced(truth, answer.job, old)
        assert await answer.end(PATIENCE) == "completed"
        assert monitor.of(old, far)[spoken:], "the old life sent nothing after the cut"
    await ended_elsewhere(answer, truth, prompt, other)
    await works_on(hosts, truth, old)
    await asyncio.to_thread(other.stop)
    assert not await truth.leftovers()


async def stops(hosts: Divided, prompt: str) -> float:
    """When the connection of the worker's engine was closed, by the engine's book: its clock is this machine's."""
    await hosts.far_engine.until(prompt, "closed", within=PATIENCE)
    ended: float = (await hosts.far_engine.entries(prompt))[-1]["ended"]
    return ended


async def is_fenced(truth: Truth, job: str, old: str) -> None:
    """Whatever else the old life may have tried to send, in its name; the job runs elsewhere."""
    assert (await truth.record(job)).state == "running"
    assert await truth.jobs.start(job, old, 1, b'{"type":"started"}') is None
    assert not await truth.jobs.note(job, old, 1, "loading_model", b'{"type":"queued"}')
    assert await truth.jobs.finish(job, old, 1, 10_000, "failed", b'{"type":"failed"}', why="late") == NOT_YOURS
    assert not await truth.jobs.give_back(job, old, 1, "late", ("late", "charged"))


async def ended_elsewhere(answer: Listener, truth: Truth, prompt: str, other: Worker) -> None:
    """Whole and once, by the other worker's only attempt; nothing of the old one's after it was cut."""
    assert answer.text == words(int(prompt.split()[1]))
    assert answer.events == await truth.frames(answer.job)
    assert [start["attempt"] for start in answer.of("started")] == [1, 2]
    assert f"-{other.pid}-" in answer.of("started")[1]["worker"]
    record = await truth.record(answer.job)
    assert (record.attempt, record.tries) == (2, 1)
    await truth.check_ended_once(answer.job)


async def works_on(hosts: Divided, truth: Truth, old: str) -> None:
    """Two jobs at once need both workers: the one that was cut off takes its share, in a new life."""
    assert old not in await truth.until_asking(2)
    url = hosts.api.url
    async with listening(url, chat("!tokens 200")) as first, listening(url, chat("!tokens 200")) as second:
        assert [await first.end(), await second.end()] == ["completed", "completed"]
        assert first.text == second.text == words(200)
        workers = [start["worker"] for answer in (first, second) for start in answer.of("started")]
    assert any(f"-{hosts.far_worker.pid}-" in worker for worker in workers), workers


async def test_an_api_cut_off_for_longer_than_its_patience_reports_it_and_its_stream_goes_on(
    hosts: Divided, truth: Truth
) -> None:
    """The cut lasts six seconds: the API's clients have given up after 0.8, and its subscription after five."""
    async with listening(hosts.far_api.url, chat("!tokens 250")) as answer:
        await answer.words(20)
        hosts.api_cable.cut()
        healed = time.monotonic() + 6
        await is_red(hosts.far_api.url)
        assert (await hosts.api.ready()) is None  # the other one notices nothing
        await asyncio.sleep(healed - time.monotonic())
        hosts.api_cable.heal()
        await goes_on(answer, truth, 250)
    await hosts.far_api.ready(10)
    async with listening(hosts.far_api.url, chat("!tokens 10")) as again:
        await goes_on(again, truth, 10)


async def is_red(url: str) -> None:
    """The API lives, is not ready and reports why, and refuses a chat within a second, with nothing enqueued."""
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["reason"]) == (503, "redis: it does not answer")
        assert (await client.get("/health/live")).status_code == 200
        for _ in range(TRIALS):
            if await refuses(client) < 2.0:  # promised is one second; this machine is shared
                return
    pytest.fail("no refusal came soon")


async def refuses(client: httpx.AsyncClient) -> float:
    """Returns after how many seconds a chat is refused."""
    began = time.monotonic()
    refused = await client.post("/api/chat", json=chat("!tokens 3"))
    assert (refused.status_code, refused.json()["code"]) == (503, "queue_unavailable"), refused.text
    return time.monotonic() - began
