"""KEDA and the autoscaler count the answers that a real API has open, by the address of its pod. The count decides how
many processes there are to be."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from copy import deepcopy
from pathlib import Path

import pytest

from tests.deploy.rendering import named, objects_of
from tests.kubernetes.api import CONTROLLERS, NAMESPACE, Api, Object, Refused, within
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.houses import applied
from tests.kubernetes.keda import Keda, keda_on
from tests.support.house import House
from tests.support.listener import chat, listening
from tests.support.valkey import Valkey
from tests.support.waiting import eventually

AUTOSCALER = within("horizontalpodautoscalers/backend", "autoscaling/v2")
SOON = 2 * CONTROLLERS  # seconds: an autoscaler looks every 15
SECRETS = {  # KEDA reads the environment of the scaled pods
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "sluice-secrets", "namespace": NAMESPACE},
    "stringData": {
        f"{whose}-password": "none" for whose in ("redis-api", "redis-worker", "redis-keda", "redis-admin", "postgres")
    },
}
FOR_ONE = 2  # open answers for one process, here


@pytest.fixture(scope="module")
def keda(cluster: ControlPlane) -> Iterator[Keda]:
    with keda_on(cluster) as running:
        yield running


@pytest.fixture
async def house(fresh_valkey: Valkey, tmp_path: Path) -> AsyncIterator[House]:
    """One API, as a pod's, and one worker with room for one job: open answers wait."""
    house = House(tmp_path, fresh_valkey.url, {"SLUICE_SLOTS": "1"})
    try:
        house.start_worker()
        house.start_api(SLUICE_HOST="0.0.0.0", SLUICE_ALLOW_OPEN="1")
        await house.ready()
        yield house
    finally:
        house.stop()
        print(house.report())


@pytest.fixture
def scaled(api: Api, keda: Keda, house: House) -> Iterator[Object]:
    """Production, on a cluster that had the plain autoscaler; its API's pod is the house's process."""
    objects = deepcopy(objects_of("production"))
    answers = named(objects, "ScaledObject", "backend")["spec"]["triggers"][1]["metadata"]
    answers["url"] = answers["url"].replace(":8000/", f":{house.api.port}/")
    answers["targetValue"] = str(FOR_ONE)
    plain = named(objects_of("dev"), "HorizontalPodAutoscaler", "backend")
    with applied(api, [objects[0], SECRETS, plain, *objects[1:], pod_of(house.api.port)]):
        yield plain


def pod_of(port: int) -> Object:
    """The address of a pod of the Service: this machine's, but not loopback, which Kubernetes refuses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as road:
        road.connect(("192.0.2.1", 9))  # nothing is sent
        address = road.getsockname()[0]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "backend-here",
            "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": "backend", "endpointslice.kubernetes.io/managed-by": "test"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
    }


async def test_processes_are_open_answers_over_what_one_carries_between_two_and_four(
    house: House, api: Api, scaled: Object
) -> None:
    await eventually(lambda: taken_over(api), SOON, "KEDA has taken the plain autoscaler over")
    spec = api.get(AUTOSCALER)["spec"]
    assert {key: spec[key] for key in ("minReplicas", "maxReplicas")} == {"minReplicas": 2, "maxReplicas": 4}
    assert sorted(metric["type"] for metric in spec["metrics"]) == ["External", "Resource"]
    async with AsyncExitStack() as callers:
        for more, answers, processes in ((5, 5, 3), (15, 20, 4)):
            for _ in range(more):
                await callers.enter_async_context(listening(house.url, chat("!tokens 100000")))
            await eventually(
                lambda n=answers: open_answers(api) == n or None, SOON, f"{answers} open answers are counted"
            )
            await eventually(lambda n=processes: processes_of(api) == n or None, SOON, f"{processes} processes")


def taken_over(api: Api) -> bool | None:
    autoscaler = api.get(AUTOSCALER)
    owners = [item["kind"] for item in autoscaler["metadata"].get("ownerReferences", [])]
    return (owners == ["ScaledObject"] and len(autoscaler["spec"]["metrics"]) == 2) or None


def open_answers(api: Api) -> int | None:
    """The count that an autoscaler gets when it calls now."""
    metrics = [item["external"] for item in api.get(AUTOSCALER)["spec"]["metrics"] if item["type"] == "External"]
    path = within(metrics[0]["metric"]["name"], "external.metrics.k8s.io/v1beta1")
    try:
        items = api.ask("GET", path, params={"labelSelector": "scaledobject.keda.sh/name=backend"}).object["items"]
    except Refused:
        return None
    return int(items[0]["value"]) if items else None


def processes_of(api: Api) -> int:
    count: int = api.get(within("deployments/backend", "apps/v1"))["spec"]["replicas"]
    return count
