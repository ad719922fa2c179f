"""Scaling down takes idle pods: real workers in their places, a real API that marks, real controllers that choose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.rendering import objects_of
from tests.kubernetes.api import CONTROLLERS, Api, Object, until, within
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.houses import applied
from tests.support.house import House
from tests.support.processes import Worker
from tests.support.valkey import Valkey

COST = "controller.kubernetes.io/pod-deletion-cost"
DEPLOYMENT = within("deployments/ollama-worker-default", "apps/v1")
WORKERS = {"labelSelector": "app.kubernetes.io/name=ollama-worker"}
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}  # what a kubelet would write
ON_A_HOST_CALLED = ("unshare", "--map-root-user", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"')  # Linux
BUSY, ALL = 2, 4


@pytest.fixture
def pods(api: Api) -> Iterator[list[str]]:
    """Names of the pool's pods, all of them running and ready for all that the controllers know."""
    with applied(api, objects_of("production")):
        scale(api, ALL)
        names = until(lambda: pod_names(api, ALL), CONTROLLERS, f"{ALL} pods")
        for name in names:
            api.merge(within(f"pods/{name}/status"), {"status": READY})
        yield names


def scale(api: Api, count: int) -> None:
    api.merge(f"{DEPLOYMENT}/scale", {"spec": {"replicas": count}})


def listed(api: Api) -> list[Object]:
    items: list[Object] = api.ask("GET", within("pods"), params=WORKERS).object["items"]
    return items


def pod_names(api: Api, count: int) -> list[str] | None:
    names = [item["metadata"]["name"] for item in listed(api)]
    return names if len(names) == count else None


def costs(api: Api) -> dict[str, str]:
    """Pod → its mark, of the pods with a mark above 0."""
    marks = {item["metadata"]["name"]: item["metadata"].get("annotations", {}).get(COST, "0") for item in listed(api)}
    return {name: mark for name, mark in marks.items() if mark != "0"}


@pytest.fixture
async def house(
    api: Api, cluster: ControlPlane, pods: list[str], fresh_valkey: Valkey, tmp_path: Path
) -> AsyncIterator[House]:
    """A worker for each pod, under its name, and an API with the token that Kubernetes gives its service account."""
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = api.ask("POST", within("serviceaccounts/backend/token"), request).object["status"]["token"]
    house = House(tmp_path, fresh_valkey.url, {"SLUICE_SLOTS": "1"})
    try:
        for pod in pods:
            worker = Worker(tmp_path / pod, house.env, pod)
            worker.command = [*ON_A_HOST_CALLED, pod, *worker.command]
            house.workers.append(worker)
            worker.start()
        house.start_api(SLUICE_ORCHESTRATOR="kubernetes", KUBECONFIG=str(cluster.kubeconfig("backend", token)))
        await house.ready()
        yield house
    finally:
        house.stop()
        print(house.report())


async def test_scaling_down_takes_exactly_the_pods_that_are_idle(house: House, api: Api) -> None:
    chat = {"messages": [{"role": "user", "content": "!tokens 100000"}]}
    async with httpx.AsyncClient(base_url=house.url, timeout=60) as browser:
        chats = [asyncio.create_task(browser.post("/api/chat", json=chat)) for _ in range(BUSY)]
        busy = await asyncio.to_thread(until, lambda: all_marked(api), CONTROLLERS, "busy pods are marked")
        scale(api, BUSY)
        left = await asyncio.to_thread(until, lambda: pod_names(api, BUSY), CONTROLLERS, "the others are gone")
        for item in chats:
            item.cancel()
    assert set(left) == busy


def all_marked(api: Api) -> set[str] | None:
    marks = costs(api)
    return set(marks) if len(marks) == BUSY else None
