"""What every pod promises the cluster: it runs as nobody, writes nowhere, bounds its use, and reports its state."""

from __future__ import annotations

import re

from backend.orchestrator.cluster import NAMESPACE, WORKERS
from tests.deploy.rendering import (
    DEPLOY,
    Object,
    Pod,
    containers,
    environment,
    name_of,
    objects_of,
    of_kind,
    pods,
    quantity,
)
from tests.deploy.test_settings import INIT

# Kubernetes' "restricted" standard names these; what the standard forbids besides has no place in our manifests at all.
VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret", "downwardAPI", "csi", "ephemeral"}
FORBIDDEN = {"hostNetwork", "hostPID", "hostIPC", "hostUsers"}
# Go's runtime listens from its first moment, the servers before they read their data; `users` is over in a moment.
LISTENS_AT_ONCE = {"ollama", "redis", "postgres", "users"}
LOGS = 2**20 * 64  # bytes of a container's log that a node keeps at most, roughly: files of 10 MB, five of them


def test_the_namespace_refuses_pods_that_are_not_restricted(objects: list[Object]) -> None:
    labels = of_kind(objects, "Namespace")[0]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_pod_is_restricted(objects: list[Object]) -> None:
    for pod in pods(objects):
        context = pod.spec["securityContext"]
        assert context["runAsNonRoot"] is True and context["runAsUser"] > 0 and context["runAsGroup"] > 0, pod.name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, pod.name
        assert not FORBIDDEN & set(pod.spec), pod.name
        kinds = {kind for volume in pod.spec.get("volumes", []) for kind in volume if kind != "name"}
        assert kinds <= VOLUMES, pod.name


def test_every_container_is_restricted_and_reads_only(objects: list[Object]) -> None:
    for pod, container in containers(objects):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, (pod.name, container["name"])
        assert not any("hostPort" in port for port in container.get("ports", []))


def test_every_container_names_what_it_takes_at_least_and_at_most(objects: list[Object]) -> None:
    for pod, container in containers(objects):
        resources = container["resources"]
        for kind in ("cpu", "memory"):
            least, most = quantity(resources["requests"][kind]), quantity(resources["limits"][kind])
            assert 0 < least <= most, (pod.name, container["name"], kind)


def test_every_volume_that_a_container_writes_has_a_size_limit(objects: list[Object]) -> None:
    for pod in pods(objects):
        for volume in pod.spec.get("volumes", []):
            assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"], (pod.name, volume)


def test_the_files_of_a_pod_fit_its_part_of_its_node_s_disk(objects: list[Object]) -> None:
    """Its volumes in memory aside. A container without a limit gets the namespace's; a pod may take their sum."""
    [limits] = of_kind(objects, "LimitRange")[0]["spec"]["limits"]
    default = limits["default"]["ephemeral-storage"]
    for pod in pods(objects):
        volumes = [item["emptyDir"] for item in pod.spec.get("volumes", []) if "emptyDir" in item]
        written = sum(quantity(item["sizeLimit"]) for item in volumes if item.get("medium") != "Memory")
        allowed = sum(quantity(item["resources"]["limits"].get("ephemeral-storage", default)) for item in pod.lasting)
        assert written + LOGS * len(pod.lasting) <= allowed, pod.name


def test_a_stop_in_the_first_moment_is_obeyed(objects: list[Object]) -> None:
    """The kernel drops a signal for which a container's first process has no handler: the pod then stays for its grace.

    Our images bring an init. Where another's has none the cluster's own process is the first of the pod; processes then
    see each other, so no second container may last there.
    """
    for pod, container in containers(objects):
        if pod.spec.get("shareProcessNamespace"):
            assert len(pod.lasting) == 1, pod.name
        elif container["name"] not in LISTENS_AT_ONCE:
            assert container["command"][:3] == INIT, (pod.name, container["name"])


def test_every_volume_is_mounted_and_every_mount_has_a_volume(objects: list[Object]) -> None:
    for pod in pods(objects):
        there = {volume["name"] for volume in pod.spec.get("volumes", [])}
        there |= {claim["metadata"]["name"] for claim in pod.owner["spec"].get("volumeClaimTemplates", [])}
        mounted = {mount["name"] for item in pod.containers for mount in item.get("volumeMounts", [])}
        assert mounted == there, pod.name


def test_every_container_that_lasts_is_probed(objects: list[Object]) -> None:
    """A container that ends by itself reports its success by its exit status."""
    for pod in pods(objects):
        if pod.owner["kind"] == "Job":
            continue
        for container in pod.lasting:
            assert "livenessProbe" in container, (pod.name, container["name"])
            if container.get("ports"):  # callers reach this container: only once it can answer
                assert {"readinessProbe", "startupProbe"} <= set(container), (pod.name, container["name"])


def test_a_hung_container_is_given_half_a_minute_before_it_is_started_again(objects: list[Object]) -> None:
    """A restart cuts streams: a probe that is lost in a burst of work must not be enough."""
    for pod in pods(objects):
        for container in pod.lasting:
            if probe := container.get("livenessProbe"):
                assert probe["periodSeconds"] * (probe.get("failureThreshold", 3) - 1) >= 20, pod.name
                assert probe.get("timeoutSeconds", 1) >= 5, pod.name


def test_every_image_has_a_digest_or_a_fixed_tag(objects: list[Object]) -> None:
    for pod, container in containers(objects):
        image = container["image"]
        fixed = re.fullmatch(r"[a-z0-9./:_-]+?(:(?P<tag>[A-Za-z0-9_.-]+))?(?P<digest>@sha256:[0-9a-f]{64})?", image)
        assert fixed and (fixed["digest"] or fixed["tag"] not in (None, "latest")), (pod.name, image)


def test_no_base_and_no_component_names_an_image_s_tag() -> None:
    """Tags stand in the overlays, and other people's in components/images: one place each."""
    for path in (*DEPLOY.glob("bases/*/*.yaml"), *DEPLOY.glob("components/*/*.yaml")):
        for image in re.findall(r"^ +image: (.*)$", path.read_text(), re.MULTILINE):
            assert re.fullmatch(r"[a-z-]+", image), (path, image)


def test_a_pod_has_a_token_of_the_cluster_exactly_where_it_has_a_role(objects: list[Object]) -> None:
    """The API has a role where it marks pods, and the Job that makes the Secret."""
    users = {"mark-pods": ("backend", "backend"), "make-secrets": ("secret-maker", "make-secrets")}
    holders = {(pod.name, item["name"]) for pod, item in containers(objects) if tokens(pod, item)}
    assert holders == {users[item["metadata"]["name"]] for item in of_kind(objects, "Role")}
    for pod, container in containers(objects):
        orchestrator = (
            environment(objects, container).get("SLUICE_ORCHESTRATOR") if container["name"] == "backend" else None
        )
        if pod.name != "secret-maker":
            assert (orchestrator == "kubernetes") == bool(tokens(pod, container)), (pod.name, container["name"])
        for path, seconds in tokens(pod, container):
            assert path == str(NAMESPACE.parent) and seconds <= 3600


def tokens(pod: Pod, container: Object) -> list[tuple[str, int]]:
    """(the path where it is mounted, the seconds until it expires) of each token."""
    volumes = {volume["name"]: volume.get("projected", {}).get("sources", []) for volume in pod.spec.get("volumes", [])}
    return [
        (mount["mountPath"], source["serviceAccountToken"]["expirationSeconds"])
        for mount in container.get("volumeMounts", [])
        for source in volumes.get(mount["name"], [])
        if "serviceAccountToken" in source
    ]


def test_the_pods_that_the_api_marks_are_the_workers(objects: list[Object]) -> None:
    wanted = dict(label.split("=") for label in WORKERS.split(","))
    assert {pod.name for pod in pods(objects) if wanted.items() <= pod.labels.items()} == {"ollama-worker"}


def test_no_pod_gets_a_token_by_itself(objects: list[Object]) -> None:
    for pod in pods(objects):
        assert pod.spec["automountServiceAccountToken"] is False, pod.name
        assert pod.spec["serviceAccountName"] != "default"
    for account in of_kind(objects, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_no_role_gives_more_than_to_mark_pods_or_to_make_a_secret(objects: list[Object]) -> None:
    """The account that makes a Secret can read none, not even its own."""
    assert not of_kind(objects, "ClusterRole", "ClusterRoleBinding")
    rules = {
        "mark-pods": {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "patch"]},
        "make-secrets": {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
    }
    for role in of_kind(objects, "Role"):
        assert role["rules"] == [rules[role["metadata"]["name"]]]
    holders = {"mark-pods": "backend", "make-secrets": "secret-maker"}
    for binding in of_kind(objects, "RoleBinding"):
        assert [item["name"] for item in binding["subjects"]] == [holders[binding["roleRef"]["name"]]]


def test_every_pod_has_a_rank(objects: list[Object]) -> None:
    values = {item["metadata"]["name"]: item["value"] for item in of_kind(objects, "PriorityClass")}
    rank = {pod.name: values[pod.spec["priorityClassName"]] for pod in pods(objects)}
    assert rank.get("secret-maker", rank["redis"]) == rank["redis"]  # everything waits for it
    order = ["redis", "postgres", "backend", "frontend", "vllm", "ollama-worker", "model-puller"]
    ranks = [rank[name] for name in order if name in rank]
    assert ranks == sorted(ranks, reverse=True)
    assert rank["redis"] > rank["backend"] > rank["ollama-worker"] > rank.get("model-puller", 0)


def test_a_rollout_has_a_new_process_ready_before_an_old_one_leaves(name: str, objects: list[Object]) -> None:
    """Where there is one GPU the new process would wait for it, and the old process for the new one."""
    for item in of_kind(objects, "Deployment"):
        strategy = item["spec"]["strategy"]
        if item["metadata"]["name"] == "vllm":
            assert strategy == {"type": "Recreate"}
        elif item["metadata"]["name"] == "ollama-worker-default" and name == "staging":
            assert strategy["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
        else:
            assert strategy["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_server_that_never_gets_ready_is_replaced_by_the_version_that_it_is_rolled_back_to(
    objects: list[Object],
) -> None:
    """A StatefulSet that keeps an order waits for the broken pod first, for ever."""
    for item in of_kind(objects, "StatefulSet"):
        assert item["spec"]["podManagementPolicy"] == "Parallel", name_of(item)


def test_no_label_chooses_a_pod_s_node(objects: list[Object]) -> None:
    """The device plugin and the operator label nodes differently, and a pool of nodes at zero has no labels."""
    assert [pod.name for pod in pods(objects) if "nodeSelector" in pod.spec] == []


def test_a_volume_that_one_node_mounts_is_filled_where_the_gpu_is(objects: list[Object]) -> None:
    modes = [item["spec"]["accessModes"] for item in of_kind(objects, "PersistentVolumeClaim")]
    for pod in pods(objects):
        if pod.name == "model-puller":
            assert ("nvidia.com/gpu.count" in str(pod.spec.get("affinity"))) == (modes == [["ReadWriteOnce"]])


def test_our_images_may_come_from_a_registry_that_requires_a_password(objects: list[Object]) -> None:
    secrets = {
        item["metadata"]["name"]: [secret["name"] for secret in item.get("imagePullSecrets", [])]
        for item in of_kind(objects, "ServiceAccount")
    }
    for pod, container in containers(objects):
        if container["image"].startswith("sluice-"):
            assert secrets[pod.spec["serviceAccountName"]] == ["sluice-registry"], pod.name


def test_no_budget_counts_pods_that_no_controller_counts(objects: list[Object]) -> None:
    """The wanted number of a Job's pods is unknown: a budget on them lets none go, and a drain hangs."""
    for budget in of_kind(objects, "PodDisruptionBudget"):
        labels = budget["spec"]["selector"]["matchLabels"]
        chosen = {pod.owner["kind"] for pod in pods(objects) if labels.items() <= pod.labels.items()}
        assert chosen == {"Deployment"}, name_of(budget)


def test_replicas_and_nodes_are_spread_and_drained_one_by_one(objects: list[Object]) -> None:
    budgets = [item["spec"]["selector"]["matchLabels"] for item in of_kind(objects, "PodDisruptionBudget")]
    for item in of_kind(objects, "Deployment"):
        pod = pod_of(item)
        if item["metadata"]["name"] == "vllm":
            continue
        assert pod.spec["topologySpreadConstraints"], pod.name
        for constraint in pod.spec["topologySpreadConstraints"]:
            assert constraint["labelSelector"]["matchLabels"].items() <= pod.labels.items()
        assert any(labels.items() <= pod.labels.items() for labels in budgets), pod.name


def pod_of(owner: Object) -> Pod:
    return pods([owner])[0]


def test_selectors_match_their_own_pods_and_no_others(objects: list[Object]) -> None:
    for item in of_kind(objects, "Deployment", "StatefulSet"):
        selector = item["spec"]["selector"]["matchLabels"]
        matched = [name_of(pod.owner) for pod in pods(objects) if selector.items() <= pod.labels.items()]
        assert matched == [name_of(item)]


def test_the_quota_has_room_for_all_that_the_autoscalers_may_request(objects: list[Object]) -> None:
    hard = of_kind(objects, "ResourceQuota")[0]["spec"]["hard"]
    requested: dict[str, float] = {"pods": 0.0}
    for pod in pods(objects):
        count = most(objects, pod)
        requested["pods"] += count
        for kind in ("requests", "limits"):
            for name, value in needs(pod, kind).items():
                requested[f"{kind}.{name}"] = requested.get(f"{kind}.{name}", 0) + count * value
    requested["requests.nvidia.com/gpu"] = requested.pop("limits.nvidia.com/gpu", 0)
    assert set(requested) - set(hard) <= {
        "requests.ephemeral-storage",
        "limits.ephemeral-storage",
    }  # a node's, not counted
    over = {name: value for name, value in requested.items() if name in hard and value > quantity(hard[name])}
    assert over == {}


def test_a_laptop_s_two_cores_hold_the_development_overlay_also_while_it_is_rolled_out() -> None:
    """With the workers that KEDA would start where it is installed, and half a core for the cluster's own pods."""
    objects = objects_of("dev")
    requested = sum(most(objects, pod) * needs(pod, "requests")["cpu"] for pod in pods(objects))
    worker = next(needs(pod, "requests")["cpu"] for pod in pods(objects) if pod.name == "ollama-worker")
    assert requested + 7 * worker <= 1.5


def most(objects: list[Object], pod: Pod) -> int:
    """How many of the pod there may be at most, with the one more of a rollout."""
    name = pod.owner["metadata"]["name"]
    for item in of_kind(objects, "HorizontalPodAutoscaler"):
        if item["spec"]["scaleTargetRef"]["name"] == name:
            return int(item["spec"]["maxReplicas"]) + 1
    for item in of_kind(objects, "ScaledObject", "ScaledJob"):
        if item["metadata"]["name"] == name:
            return int(item["spec"]["maxReplicaCount"]) + (item["kind"] == "ScaledObject")
    return int(pod.owner["spec"].get("replicas", 1)) + (pod.owner["kind"] == "Deployment" and name != "vllm")


def needs(pod: Pod, kind: str) -> dict[str, float]:
    total: dict[str, float] = {}
    for container in pod.lasting:
        for name, value in container["resources"][kind].items():
            total[name] = total.get(name, 0) + quantity(value)
    return total
