"""Two API processes and two workers that look like pods, beside a stand-in of Kubernetes' API server.

The tests are one story in this order: a house takes seconds to start, and its end is a kill.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.support.house import House, MakesHouse
from tests.support.kubernetes import ApiServer, api_server
from tests.support.listener import chat, listening
from tests.support.processes import Api, Worker
from tests.support.waiting import eventually, wait_until

PODS = ("ollama-worker-default-6c8f7d9b4-aaaaa", "ollama-worker-default-6c8f7d9b4-bbbbb")
POD = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"  # elsewhere loopback has one address only
PATIENCE = 20.0  # seconds; a lease and two looks are ten
# A worker whose kernel calls it as a pod's would.
IN_A_POD = (
    "import runpy, socket; socket.gethostname = lambda: '{}'; runpy.run_module('ollama_worker', run_name='__main__')"
)


class Pod(Worker):
    def __init__(self, home: Path, env: Mapping[str, str], name: str) -> None:
        super().__init__(home, env, name)
        self.command = [sys.executable, "-c", IN_A_POD.format(name)]


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    with api_server() as world:
        for pod in PODS:
            world.add(pod)
        world.add("backend-5d9c", labels={"app.kubernetes.io/name": "backend", "app.kubernetes.io/part-of": "sluice"})
        yield world


@pytest.fixture(scope="module")
def home(server: ApiServer, module_house: MakesHouse, tmp_path_factory: pytest.TempPathFactory) -> House:
    place = tmp_path_factory.mktemp("house")
    in_a_pod = {"SLUICE_HOST": "0.0.0.0", "SLUICE_ALLOW_OPEN": "1"}
    marking = {"SLUICE_ORCHESTRATOR": "kubernetes", "KUBECONFIG": str(server.configuration(place))}
    house = module_house(apis=0, workers=0, SLUICE_SLOTS="2")
    for _ in range(2):
        house.start_api(**in_a_pod, **marking)
    for pod in PODS:
        house.workers.append(Pod(place / pod, house.env, pod))
        house.workers[-1].start()
    for api in house.apis:
        api.wait_ready(workers=2)
    wait_until(lambda: len(leads(house)) == 1, PATIENCE, "one process marks")
    return house


def leads(house: House) -> list[tuple[str, str]]:
    """(when, process) of each taking of the lease, in order."""
    lines = ((api, line) for api in house.apis for line in api.log_lines())
    return sorted((line["timestamp"], api.name) for api, line in lines if line.get("action") == "orchestrator.leads")


def last(leads: list[tuple[str, str]]) -> str:
    return leads[-1][1]


async def marked(server: ApiServer, *wanted: str) -> None:
    """Wait until the pods are marked so, in whichever order; without a mark is 0."""

    def as_wanted() -> bool | None:
        return sorted(server.cost(pod) or "0" for pod in PODS) == sorted(wanted) or None

    await eventually(as_wanted, PATIENCE, f"pods are marked {wanted}")


async def streams(api: Api) -> int:
    """Calls as KEDA does: by the pod's address, which is no allowed host."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{POD}:{api.port}/metrics/streams")
    assert answer.status_code == 200, answer.text
    return int(answer.json()["streams"])


async def test_open_answers_are_counted_as_they_come_and_go(home: House, server: ApiServer) -> None:
    """Open answers are streams and callers who wait for a whole answer or for a slot; each process counts its own."""
    first, second = home.apis
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(listening(first.url, chat("!tokens 5000")))
        async with httpx.AsyncClient(timeout=60) as client:
            whole = asyncio.create_task(client.post(first.url + "/api/chat", json=chat("!tokens 5000", stream=False)))
            await eventually(lambda: counted(first, 6), PATIENCE, "six answers are open")
            assert await streams(second) == 0
            await marked(server, "200", "200")  # else this could still come when the next test counts patches
            whole.cancel()
            await asyncio.gather(whole, return_exceptions=True)
        await eventually(lambda: counted(first, 5), PATIENCE, "one caller is gone")
    await eventually(lambda: counted(first, 0), PATIENCE, "all are gone")


async def counted(api: Api, wanted: int) -> bool | None:
    return await streams(api) == wanted or None


async def test_a_busy_pod_is_marked_and_an_idle_pod_is_unmarked(home: House, server: ApiServer) -> None:
    leaders, rounds = -1, 0
    while len(leads(home)) != leaders and rounds < 3:  # the process that takes the lease over marks busy pods too
        await marked(server, "0", "0")
        leaders, rounds, before = len(leads(home)), rounds + 1, len(server.patches())
        async with listening(home.url, chat("!tokens 5000")) as heard:
            await heard.words(1)
            await marked(server, "100", "0")
            busy = next(pod for pod in PODS if server.cost(pod) == "100")
        await marked(server, "0", "0")
    assert server.patches()[before:] == [(busy, "100"), (busy, "0")]
    assert {request.kind for request in server.requests if request.verb == "patch"} == {"application/merge-patch+json"}
    assert len(leads(home)) == leaders


async def test_an_api_server_that_hangs_slows_no_chat(home: House, server: ApiServer) -> None:
    """Whole chats begin and end while one request to that server hangs, in the very process that sent it."""
    holder = next(api for api in home.apis if api.name == last(leads(home)))
    server.answers, before = "hang", len(leads(home))
    async with httpx.AsyncClient(timeout=30) as client, listening(holder.url, chat("!tokens 5000")) as heard:
        await heard.words(1)  # a pod is busy, so there is something to patch
        await asyncio.to_thread(server.held.acquire, timeout=PATIENCE)
        done, given_up = 0, server.given_up
        while server.given_up == given_up:
            answer = await client.post(holder.url + "/api/chat", json=chat("!tokens 1", stream=False))
            assert answer.status_code == 200
            done += server.given_up == given_up
        assert done > 0
    await holder.wait_for_action("orchestrator.failed", trouble="Away")
    server.answers = ""
    await eventually(lambda: len(leads(home)) > before or None, PATIENCE, "whoever reaches it marks again")


async def test_the_next_follows_a_holder_that_was_killed(home: House, server: ApiServer) -> None:
    await marked(server, "0", "0")
    before = leads(home)
    holder = next(api for api in home.apis if api.name == last(before))
    holder.kill()
    heir = next(api for api in home.apis if api.alive)
    async with listening(heir.url, chat("!tokens 5000")) as heard:
        await heard.words(1)
        await marked(server, "100", "0")
    assert len(leads(home)) == len(before) + 1
    assert last(leads(home)) == heir.name
