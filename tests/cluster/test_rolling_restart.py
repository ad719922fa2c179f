"""Every part of a cluster is replaced, one after the other, under fifty streams: no caller notices.

Three APIs behind the page's nginx with the shipped configuration, four workers, a durable server. Order and signals are
the manifests' (deploy/bases): a new process is ready before an old one leaves; the old one is no endpoint when it gets
SIGTERM; then it drains.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.callers import Callers
from tests.cluster.cluster import Cluster
from tests.cluster.verdict import check_all
from tests.support.house import Houses
from tests.support.kept import kept_in
from tests.support.listener import chat
from tests.support.sse import open_stream
from tests.support.truth import Truth
from tests.support.valkey import Valkey

APIS, WORKERS, STREAMS = 3, 4, 50
# Slots for all while one worker drains, and answers of four to six seconds. None is refused where the machine stands
# still for a second.
SETTINGS = {
    "SLUICE_SLOTS": "16",
    "SLUICE_SIMULATED_RATE": "15",
    "SLUICE_GRACE_SECONDS": "60",
    "SLUICE_REDIS_SECONDS": "5",
}
TOKENS = range(60, 90)


@pytest.fixture
def cluster(tmp_path: Path, durable_house: Houses, fresh_valkey: Valkey, durable_truth: Truth) -> Iterator[Cluster]:
    grace = float(SETTINGS["SLUICE_GRACE_SECONDS"])
    cluster = Cluster(tmp_path, durable_house.build(**SETTINGS), fresh_valkey, durable_truth, grace)
    yield cluster
    cluster.stop()


@pytest.mark.timeout(300)
async def test_a_rolling_restart_of_every_part_breaks_no_answer(cluster: Cluster, durable_truth: Truth) -> None:
    await cluster.start(APIS, WORKERS)
    async with Callers(lambda: cluster.entrance, STREAMS, TOKENS) as callers:
        callers.patient = True  # fifty at once, to processes that have just started
        await callers.all_listen()
        callers.patient = False
        streams = await cluster.replace_apis()
        assert len(streams) == APIS and min(streams) > 0, "one had nothing to lose"
        jobs = await cluster.replace_workers(hurried=1)
        assert len(jobs) == WORKERS and min(jobs) > 0, "one had nothing to lose"
        await check_open(callers)
        await cluster.replace_nginx()
        await check_open(callers)
        callers.patient = True  # while the queue's server is away no job is accepted
        async with cluster.server_away():
            await check_told_to_try_again(cluster.entrance)
        await callers.all_listen()
        callers.patient = False
        await callers.finish()
    assert callers.returns, "no page was loaded anew"
    print(f"{len(callers.answers)} answers; told to try again: {callers.refusals}; came back: {callers.returns}")
    await check_all(durable_truth, callers)
    await check_recorded(durable_truth, cluster.database_url)
    assert await given_back(callers, durable_truth), "no job went on at another worker"


async def check_recorded(truth: Truth, database_url: str) -> None:
    """Every answer came by some API, each once."""
    states = await truth.states()
    async with kept_in(database_url) as kept:
        await kept.until_recorded(states)
        await kept.check_recorded_once(states)


async def check_open(callers: Callers) -> None:
    """Every dialect has streams that a fault would break."""
    await callers.all_listen()
    assert {answer.dialect for answer in callers.open} == set(callers.dialects)


async def check_told_to_try_again(entrance: str) -> None:
    async with open_stream(f"{entrance}/api/chat", chat("!tokens 1")) as answer:
        assert answer.status == 503 and answer.headers["retry-after"], await answer.body()


async def given_back(callers: Callers, truth: Truth) -> list[str]:
    """Jobs that needed a second worker."""
    return [answer.job for answer in callers.answers if (await truth.record(answer.job)).attempt > 1]
