"""docker-compose.yml on a real engine: it comes up, answers, and no restart of any part breaks an answer."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.cluster.callers import Callers
from tests.cluster.dialects import DIALECTS
from tests.containers.docker import Compose, docker, inspect
from tests.support.waiting import eventually

STREAMS = 20
TOKENS = range(40, 80)  # two to four seconds each
PARTS = ("worker", "backend", "redis", "postgres", "cache")


async def test_the_house_comes_up_and_a_chat_goes_through(house: Compose) -> None:
    async with httpx.AsyncClient(base_url=house.url, timeout=60) as client:
        assert (await client.get("/")).status_code == 200
        body = {"messages": [{"role": "user", "content": "!tokens 5"}], "stream": False}
        answer = await client.post("/api/chat", json=body)
        assert answer.status_code == 200 and answer.json()["message"]["content"]


async def test_nothing_warns_of_a_page_that_is_elsewhere(house: Compose) -> None:
    assert "site.missing" not in house("logs", "backend")


async def test_no_container_has_a_nameless_volume(house: Compose) -> None:
    mounts = [mount for container in house("ps", "--quiet").split() for mount in inspect(container)["Mounts"]]
    assert [mount for mount in mounts if mount["Type"] == "volume" and len(mount["Name"]) == 64] == []


@pytest.mark.parametrize("part", PARTS)
async def test_a_restart_of_a_part_breaks_no_answer(house: Compose, part: str) -> None:
    async with Callers(lambda: house.url, STREAMS, TOKENS) as callers:
        callers.patient = True  # a caller that comes meanwhile gets a time to try again
        await callers.all_listen()
        await asyncio.to_thread(house, "restart", "--timeout", "60", part)
        await callers.all_listen()
        await callers.finish()
    assert callers.faults == []
    assert all(answer.ended for answer in callers.answers)


async def test_a_restart_of_the_page_s_nginx_lets_what_passes_through_end(house: Compose) -> None:
    """No caller comes or comes back meanwhile: there is one nginx, and its port is closed until nginx is up again."""
    stay = [dialect for dialect in DIALECTS if not dialect.resumes]
    async with Callers(lambda: house.url, STREAMS, TOKENS, stay) as callers:
        await callers.all_listen()
        await asyncio.gather(callers.finish(), asyncio.to_thread(house, "restart", "--timeout", "60", "frontend"))
    assert callers.faults == []
    assert all(answer.ended for answer in callers.answers)


async def test_a_second_api_gets_its_share_and_one_that_dies_is_passed_over(house: Compose) -> None:
    house.up("--scale", "backend=2", "--no-recreate")
    first, second = house.containers("backend")
    async with httpx.AsyncClient(base_url=house.url, timeout=60) as client:

        async def both() -> bool:
            """Each API logs the requests that it gets."""
            await client.get("/api/models")
            return all("/api/models" in docker("logs", container) for container in (first, second))

        await eventually(both, 60, "both get requests")
        docker("kill", second)
        statuses = [(await client.get("/api/models")).status_code for _ in range(20)]
    assert statuses == [200] * 20
    house.up("--scale", "backend=1")


async def test_a_worker_that_is_stopped_as_it_starts_is_registered_nowhere(house: Compose) -> None:
    """The worker obeys the signal: its container is not killed."""
    house("stop", "worker")
    assert house.redis("HLEN", "sluice:{default}:beats") == "0"
    for moment in (0.1, 0.5, 1.0, 2.0, 4.0):
        house("start", "worker")
        [worker] = house.containers("worker")
        await asyncio.sleep(moment)
        house("stop", "--timeout", "60", "worker")
        assert inspect(worker)["State"]["ExitCode"] != 137, f"{moment} s after its start"
        assert house.redis("HLEN", "sluice:{default}:beats") == "0", f"{moment} s after its start"
    house("start", "worker")
