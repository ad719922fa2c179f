"""The manifests on a real node: they come up, scale by demand, roll under streams, and keep pods apart."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cluster.callers import Callers
from tests.containers.kubernetes import applied, get, kubectl, rendered, rolled_out, until, way_in, without_gpu
from tests.deploy.rendering import DEPLOY

STREAMS = 20
TOKENS = range(40, 80)
WORKLOADS = ("statefulset/redis", "statefulset/postgres", "deployment/backend", "deployment/frontend")
WORKERS = "deployment/ollama-worker-default"
# All of these ports listen, so a refusal is the network plugin's.
REACH = """
import socket, sys
for place in sys.argv[1:]:
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 3).close()
        print(place)
    except OSError:
        pass
"""
SERVERS = ("redis:6379", "postgres:5432", "backend:8000", "frontend:8080", "kubernetes.default:443")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def dev(home: Path) -> Iterator[None]:
    """The development overlay, with an engine whose words are known."""
    with applied(rendered(home, "known-words"), "data-redis-0", "data-postgres-0"):
        rolled_out(*WORKLOADS, WORKERS)
        yield


async def ask(url: str, tokens: int = 5) -> None:
    body = {"messages": [{"role": "user", "content": f"!tokens {tokens}"}], "stream": False}
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        answer = await client.post("/api/chat", json=body)
        assert answer.status_code == 200 and answer.json()["message"]["content"], answer.text


def passwords() -> set[str]:
    return {base64.b64decode(value).decode() for value in get("secret", "sluice-secrets")["data"].values()}


@pytest.mark.usefixtures("dev")
class TestDevelopment:
    async def test_the_cluster_comes_up_by_itself_with_passwords_of_its_own_and_answers(self) -> None:
        assert all(re.fullmatch(r"[0-9a-f]{48}", password) for password in passwords())
        async with way_in("frontend") as url:
            await ask(url)

    def test_pods_that_may_not_connect_cannot(self) -> None:
        """The network plugin enforces this."""
        reached = {
            "backend": {"redis:6379", "postgres:5432"},
            "ollama-worker-default": {"redis:6379"},
        }
        for name, places in reached.items():
            reached = kubectl("exec", f"deployment/{name}", "--", "python", "-c", REACH, *SERVERS).split()
            assert set(reached) == places, name

    @pytest.mark.parametrize("workload", [*WORKLOADS, WORKERS])
    async def test_a_rollout_breaks_no_answer(self, workload: str) -> None:
        async with way_in("frontend") as url, Callers(lambda: url, STREAMS, TOKENS) as callers:
            callers.patient = True
            await callers.all_listen()
            await asyncio.to_thread(kubectl, "rollout", "restart", workload)
            await asyncio.to_thread(rolled_out, workload)
            await callers.all_listen()
            await callers.finish()
        assert callers.faults == []
        assert all(answer.ended for answer in callers.answers)

    async def test_a_worker_that_is_stopped_as_it_starts_is_gone_at_once(self) -> None:
        """The pod does not wait for its grace, which is ten minutes: that long it would hold a GPU."""
        for moment in (0.2, 1.0, 3.0):
            kubectl("scale", WORKERS, "--replicas", "0")
            until(lambda: not workers(), 120, "no worker is left")
            kubectl("scale", WORKERS, "--replicas", "1")
            until(running, 120, "its container runs")
            await asyncio.sleep(moment)
            kubectl("scale", WORKERS, "--replicas", "0")
            until(lambda: not workers(), 120, f"it is gone, {moment} s after its start")
        kubectl("scale", WORKERS, "--replicas", "1")
        rolled_out(WORKERS)

    async def test_keda_starts_workers_by_demand_and_none_stays(self, home: Path) -> None:
        text = rendered(home, "with-keda").replace("cooldownPeriod: 300", "cooldownPeriod: 20")
        text = text.replace("stabilizationWindowSeconds: 180", "stabilizationWindowSeconds: 5")
        kubectl("apply", "-f", "-", given=text)
        until(lambda: not workers(), 300, "no job waits, and no worker is there")
        async with way_in("frontend") as url:
            async with Callers(lambda: url, STREAMS, TOKENS) as callers:
                callers.patient = True
                await asyncio.to_thread(until, lambda: len(running()) > 1, 300, "more than one worker runs")
                await callers.all_listen()
                await callers.finish()
            assert callers.faults == [] and all(answer.ended for answer in callers.answers)
        until(lambda: not workers(), 600, "all have left again")


def workers() -> list[str]:
    items = get("pods", "--selector", "app.kubernetes.io/name=ollama-worker")["items"]
    return [item["metadata"]["name"] for item in items]


def running() -> list[str]:
    items = get("pods", "--selector", "app.kubernetes.io/name=ollama-worker")["items"]
    return [item["metadata"]["name"] for item in items if item["status"]["phase"] == "Running"]


async def test_chatbot_yaml_comes_up_by_one_apply(home: Path) -> None:
    """The manifest runs with a stand-in of vLLM, and without the GPU that no node here has."""
    text = without_gpu((DEPLOY / "chatbot.yaml").read_text())
    with applied(text, "data-redis-0", "models"):
        rolled_out("statefulset/redis", "deployment/vllm", "deployment/backend", "deployment/frontend", WORKERS)
        assert all(re.fullmatch(r"[0-9a-f]{48}", password) for password in passwords())
        async with way_in("chatbot") as url:
            await ask(url)
