"""The network between a process and Redis breaks in mid-stream, in every way a network breaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx
import pytest

from tests.support.house import PROMPT, House, Houses
from tests.support.listener import chat, listening
from tests.support.proxy import Proxy
from tests.support.truth import Truth
from tests.support.valkey import Valkey
from tests.support.waiting import eventually


class Cables(NamedTuple):
    """One proxy before Redis for the API, one for the worker."""

    api: Proxy
    worker: Proxy
    home: House


@pytest.fixture
async def cables(house: Houses, valkey: Valkey) -> AsyncIterator[Cables]:
    async with Proxy(valkey.port) as api, Proxy(valkey.port) as worker:
        home = house.build(**PROMPT)
        home.start_api(REDIS_URL=f"redis://127.0.0.1:{api.port}")
        home.start_worker(REDIS_URL=f"redis://127.0.0.1:{worker.port}")
        await home.ready()
        yield Cables(api, worker, home)
        await asyncio.to_thread(home.stop)  # while the proxies still serve, so that it can take its leave


@pytest.mark.parametrize("side", ["api", "worker"])
async def test_cut_connections_cost_no_token(cables: Cables, truth: Truth, side: str) -> None:
    proxy: Proxy = getattr(cables, side)
    async with listening(cables.home.url, chat("!tokens 600")) as heard:
        for cut in range(1, 6):
            await heard.words(cut * 80)
            before = proxy.accepted
            proxy.cut()
            await eventually(lambda: proxy.accepted > before or None, 10, "it connects again")  # noqa: B023
        await truth.check_whole(heard, 600)


@pytest.mark.parametrize("side", ["api", "worker"])
async def test_a_silent_network_that_comes_back_costs_no_token(cables: Cables, truth: Truth, side: str) -> None:
    proxy: Proxy = getattr(cables, side)
    async with listening(cables.home.url, chat("!tokens 600")) as heard:
        await heard.words(50)
        proxy.blackhole()
        await asyncio.sleep(2)  # the length of the fault
        proxy.heal()
        await truth.check_whole(heard, 600)


@pytest.mark.parametrize("side", ["api", "worker"])
async def test_lost_replies_cost_no_token_and_double_none(cables: Cables, truth: Truth, side: str) -> None:
    """The commands arrive, their answers do not, then the connection breaks: every command is sent again."""
    proxy: Proxy = getattr(cables, side)
    async with listening(cables.home.url, chat("!tokens 600")) as heard:
        for cut in range(1, 4):
            await heard.words(cut * 100)
            proxy.blackhole("down")
            await asyncio.sleep(0.1)  # some commands go out
            proxy.cut()
            proxy.heal()
        await truth.check_whole(heard, 600)


async def test_an_end_whose_reply_is_lost_is_written_once(cables: Cables, truth: Truth) -> None:
    """Ten short jobs while the worker's connections are cut all the time: `finish` meets a cut sooner or later."""
    async with contextlib.AsyncExitStack() as stack:
        streams = [listening(cables.home.url, chat("!tokens 30")) for _ in range(10)]
        heard = [await stack.enter_async_context(stream) for stream in streams]
        ends = asyncio.gather(*(listener.end() for listener in heard))
        while not ends.done():
            cables.worker.blackhole("down")
            await asyncio.sleep(0.03)
            cables.worker.cut()
            cables.worker.heal()
            await asyncio.sleep(0.3)  # longer than a worker rests before it tries again, also on a busy machine
        assert set(await ends) == {"completed"}
        for listener in heard:
            await truth.check_whole(listener, 30)
    assert not await truth.leftovers()


async def test_a_key_finds_the_job_that_got_in_although_its_caller_was_refused(cables: Cables, truth: Truth) -> None:
    """The queue's answer is lost. The caller tries again as the error asks, and nothing takes the job from that try."""
    headers = {"Idempotency-Key": "order-1", "X-Sluice-On-Disconnect": "continue"}
    job = await refused_but_in(cables, truth, headers)
    async with listening(cables.home.url, chat("!tokens 800"), headers=headers) as heard:
        assert heard.job == job
        await truth.check_whole(heard, 800)


async def test_a_job_that_got_in_although_its_caller_was_refused_runs_without_a_caller(
    cables: Cables, truth: Truth
) -> None:
    """Without a key no other try can find it."""
    await asyncio.to_thread(cables.home.worker.stop)
    job = await refused_but_in(cables, truth, {})
    assert (await truth.until_state(job, "cancelled")).why == "client_gone"


async def refused_but_in(cables: Cables, truth: Truth, headers: dict[str, str]) -> str:
    """The id of a job that is in the queue, whose caller got a 503 since the queue's answer did not arrive."""
    async with listening(cables.home.url, chat("!tokens 1")) as first:  # from now on the server knows our scripts
        pass
    cables.api.silent_after = b"!tokens 800"
    async with httpx.AsyncClient(timeout=30) as client:
        refused = await client.post(cables.home.url + "/api/chat", json=chat("!tokens 800"), headers=headers)
    assert refused.status_code == 503
    before = cables.api.accepted
    cables.api.cut()
    cables.api.heal()
    await eventually(lambda: cables.api.accepted > before or None, 10, "it connects again")
    await cables.home.api.ready()
    [job] = set(await truth.states()) - {first.job}
    return job
