"""The numbers that KEDA and the autoscalers get are the code's."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from backend.health.endpoints import router as health
from tests.deploy.modules import KEDA
from tests.deploy.rendering import ROOT, Object, containers, environment, named, objects_of, of_kind, pods
from wire.keys import Keys

WITH_KEDA = ("staging", "production", "gateway", "vllm", "long-jobs", "tight")


def scaled(name: str) -> Object:
    """The object that scales the pool of workers."""
    scalers = of_kind(objects_of(name), "ScaledObject", "ScaledJob")
    return next(item for item in scalers if item["metadata"]["name"] == "ollama-worker-default")


def worker(name: str) -> tuple[Object, dict[str, str]]:
    objects = objects_of(name)
    pod, container = next((pod, item) for pod, item in containers(objects) if item["name"] == "worker")
    return pod.owner, environment(objects, container)


@pytest.mark.parametrize("name", WITH_KEDA)
def test_keda_reads_the_stream_that_the_wire_writes(name: str) -> None:
    _, env = worker(name)
    trigger = scaled(name)["spec"]["triggers"][0]
    assert trigger["type"] == "redis-streams"
    assert trigger["metadata"]["stream"] == Keys(env["SLUICE_POOL"]).demand


@pytest.mark.parametrize("name", WITH_KEDA)
def test_keda_counts_a_workers_slots_and_no_consumer_group(name: str) -> None:
    _, env = worker(name)
    metadata = scaled(name)["spec"]["triggers"][0]["metadata"]
    assert metadata["streamLength"] == env["SLUICE_SLOTS"]
    assert metadata["activationLagCount"] == "0"  # the first job leaves zero
    assert not {"consumerGroup", "lagCount", "pendingEntriesCount"} & set(metadata)


@pytest.mark.parametrize("name", WITH_KEDA)
def test_keda_reads_the_redis_of_the_cluster_as_its_own_user(name: str) -> None:
    objects = objects_of(name)
    trigger = scaled(name)["spec"]["triggers"][0]
    host, _, port = trigger["metadata"]["address"].partition(":")
    service, namespace, _ = host.split(".")
    assert namespace == "sluice"
    assert int(port) in [item["port"] for item in named(objects, "Service", service)["spec"]["ports"]]
    assert trigger["metadata"]["username"] == "keda"
    secrets = named(objects, "TriggerAuthentication", trigger["authenticationRef"]["name"])["spec"]["secretTargetRef"]
    assert {"parameter": "password", "name": "sluice-secrets", "key": "redis-keda-password"} in secrets
    encrypted = worker(name)[1]["REDIS_URL"].startswith("rediss://")
    assert ("enableTLS" in trigger["metadata"]) == encrypted == ("ca" in {item["parameter"] for item in secrets})


@pytest.mark.parametrize("name", WITH_KEDA)
def test_an_unreachable_redis_holds_the_workers(name: str) -> None:
    assert "fallback" not in scaled(name)["spec"]


@pytest.mark.parametrize("name", WITH_KEDA)
def test_a_pool_goes_to_zero_and_its_scaler_scales_its_own_workers(name: str) -> None:
    spec, (owner, env) = scaled(name)["spec"], worker(name)
    assert spec["minReplicaCount"] == 0 < spec["maxReplicaCount"]
    assert owner["metadata"]["name"] == f"ollama-worker-{env['SLUICE_POOL']}"
    if name != "long-jobs":
        target = spec["scaleTargetRef"]
        assert (target["kind"], target["name"]) == (owner["kind"], owner["metadata"]["name"])


@pytest.mark.parametrize("name", ["staging", "production"])
def test_workers_come_at_once_and_leave_late(name: str) -> None:
    behaviour = scaled(name)["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behaviour["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behaviour["scaleDown"]["stabilizationWindowSeconds"] >= 60
    assert scaled(name)["spec"]["cooldownPeriod"] >= 60


def test_an_autoscaler_has_no_tolerance_where_the_cluster_has_that_setting() -> None:
    behaviour = scaled("tight")["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert [behaviour[way]["tolerance"] for way in ("scaleUp", "scaleDown")] == ["0", "0"]
    assert "tolerance" not in str(named(objects_of("tight"), "ScaledObject", "backend"))


def test_no_manifest_sets_the_replicas_that_an_autoscaler_sets(objects: list[Object]) -> None:
    """An apply would set the number back."""
    for item in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        target = item["spec"]["scaleTargetRef"]
        assert "replicas" not in named(objects, target["kind"], target["name"])["spec"]


def test_without_keda_the_api_has_two_to_four_processes_at_half_a_cpu() -> None:
    spec = of_kind(objects_of("dev"), "HorizontalPodAutoscaler")[0]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 4)
    target = {"type": "Utilization", "averageUtilization": 50}
    assert spec["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


@pytest.mark.parametrize("name", WITH_KEDA)
def test_with_keda_the_api_has_as_many_processes_and_its_open_answers_count_too(name: str) -> None:
    """No other object scales the API: KEDA takes over the autoscaler of the same name."""
    assert of_kind(objects_of(name), "HorizontalPodAutoscaler") == []
    item = named(objects_of(name), "ScaledObject", "backend")
    spec = item["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "backend"}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 4)
    assert item["metadata"]["annotations"] == {"scaledobject.keda.sh/transfer-hpa-ownership": "true"}
    plain = of_kind(objects_of("dev"), "HorizontalPodAutoscaler")[0]
    autoscaler = spec["advanced"]["horizontalPodAutoscalerConfig"]
    assert (autoscaler["name"], autoscaler["behavior"]) == (plain["metadata"]["name"], plain["spec"]["behavior"])
    cpu, answers = spec["triggers"]
    assert (cpu["type"], cpu["metricType"], cpu["metadata"]) == ("cpu", "Utilization", {"value": "50"})
    assert (answers["type"], answers["metricType"]) == ("metrics-api", "AverageValue")


@pytest.mark.parametrize("name", WITH_KEDA)
def test_the_scaler_reads_open_answers_where_the_code_counts_them(name: str) -> None:
    objects = objects_of(name)
    trigger = named(objects, "ScaledObject", "backend")["spec"]["triggers"][1]["metadata"]
    url = urlsplit(trigger["url"])
    service, namespace = str(url.hostname).split(".")[:2]  # as KEDA reads them, to find the pods behind it
    spec = named(objects, "Service", service)["spec"]
    _, backend = next((pod, item) for pod, item in containers(objects) if item["name"] == "backend")
    assert namespace == "sluice" and spec["selector"] == {"app.kubernetes.io/name": "backend"}
    assert [url.port] == [port["containerPort"] for port in backend["ports"]]  # the pod's own: KEDA goes by its address
    route = next(item for item in health.routes if item.path == url.path)  # type: ignore[attr-defined]
    request = SimpleNamespace(state=SimpleNamespace(trails=SimpleNamespace(open={1, 2, 3})))
    assert asyncio.run(route.endpoint(request)) == {trigger["valueLocation"]: 3}  # type: ignore[attr-defined]
    assert (trigger["aggregateFromKubeServiceEndpoints"], trigger["aggregationType"]) == ("true", "sum")
    assert float(trigger["targetValue"]) > 0


@pytest.mark.parametrize("name", ["staging", "production", "long-jobs", "minimal", "vllm"])
def test_every_engine_has_one_gpu_and_no_other_container_has_any(name: str) -> None:
    gpus = {
        (pod.name, item["name"]): item["resources"]["limits"]["nvidia.com/gpu"]
        for pod, item in containers(objects_of(name))
        if "nvidia.com/gpu" in item["resources"]["limits"]
    }
    engine = ("vllm", "vllm") if name in ("minimal", "vllm") else ("ollama-worker", "ollama")
    assert gpus == {engine: "1"}
    for pod in pods(objects_of(name)):
        if pod.name == engine[0]:
            assert [item["key"] for item in pod.spec["tolerations"]] == ["nvidia.com/gpu"]
            assert "affinity" not in pod.spec


@pytest.mark.parametrize("name", ["staging", "production", "long-jobs"])
def test_ollama_starts_before_its_worker_and_leaves_after_it(name: str) -> None:
    """A native sidecar, so that draining does not kill generation."""
    pod = next(pod for pod in pods(objects_of(name)) if pod.name == "ollama-worker")
    sidecar = pod.spec["initContainers"][0]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("ollama", "Always")
    assert "startupProbe" in sidecar  # what the worker waits for
    assert [mount.get("readOnly") for mount in sidecar["volumeMounts"] if mount["name"] == "models"] == [True]


def test_the_keda_that_is_run_is_the_one_whose_schemas_are_read() -> None:
    """By `make test-kubernetes`."""
    script = (ROOT / "tests" / "real_kubernetes.sh").read_text()
    assert f"\nKEDA={KEDA.path}@{KEDA.version} " in script
    assert f"\nKEDA_SUM={KEDA.sum}\n" in script


def test_a_scaled_job_is_the_pools_worker_and_no_release_ends_one() -> None:
    job = scaled("long-jobs")["spec"]
    assert job["rollout"]["strategy"] == "gradual"
    assert job["scalingStrategy"] == {"strategy": "default"}
    theirs = job["jobTargetRef"]["template"]["spec"]
    ours = named(objects_of("production"), "Deployment", "ollama-worker-default")["spec"]["template"]["spec"]
    # Its settings are others, so their ConfigMap has another name; all else is the Deployment's, word for word.
    assert without(theirs, "restartPolicy", "terminationGracePeriodSeconds", "containers") == without(
        ours, "terminationGracePeriodSeconds", "containers"
    )
    assert without(theirs["containers"][0], "command", "envFrom") == without(
        ours["containers"][0], "command", "envFrom"
    )


def without(item: Object, *keys: str) -> Object:
    return {key: value for key, value in item.items() if key not in keys}
