"""What every pod promises the cluster: it is nobody, writes nowhere, takes so much, and says how it is."""

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

# Kubernetes' "restricted" standard names these; what it forbids besides has no place in our manifests at all.
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


def test_every_container_says_what_it_takes_at_least_and_at_most(objects: list[Object]) -> None:
    for pod, container in containers(objects):
        resources = container["resources"]
        for kind in ("cpu", "memory"):
            least, most = quantity(resources["requests"][kind]), quantity(resources["limits"][kind])
            assert 0 < least <= most, (pod.name, container["name"], kind)


def test_what_a_container_writes_has_an_end(objects: list[Object]) -> None:
    for pod in pods(objects):
        for volume in pod.spec.get("volumes", []):
            assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"], (pod.name, volume)


def test_what_a_pod_writes_fits_what_it_may_take_of_its_node_s_disk(objects: list[Object]) -> None:
    """Its volumes in memory aside. A container that says no limit gets the namespace's; a pod may take their sum."""
    [limits] = of_kind(objects, "LimitRange")[0]["spec"]["limits"]
    default = limits["default"]["ephemeral-storage"]
    for pod in pods(objects):
        volumes = [one["emptyDir"] for one in pod.spec.get("volumes", []) if "emptyDir" in one]
        written = sum(quantity(one["sizeLimit"]) for one in volumes if one.get("medium") != "Memory")
        allowed = sum(quantity(one["resources"]["limits"].get("ephemeral-storage", default)) for one in pod.lasting)
        assert written + LOGS * len(pod.lasting) <= allowed, pod.name


def test_a_stop_in_the_first_moment_is_heard(objects: list[Object]) -> None:
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
        mounted = {mount["name"] for one in pod.containers for mount in one.get("volumeMounts", [])}
        assert mounted == there, pod.name


def test_every_container_that_lasts_is_probed(objects: list[Object]) -> None:
    """One that ends by itself says how it was by its exit status."""
    for pod in pods(objects):
        if pod.owner["kind"] == "Job":
            continue
        for container in pod.lasting:
            assert "livenessProbe" in container, (pod.name, container["name"])
            if container.get("ports"):  # somebody asks it: only once it can answer
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


def test_no_base_and_no_component_says_which_image_is_meant() -> None:
    """Tags stand in the overlays, and other people's in components/images: one place each."""
    for path in (*DEPLOY.glob("bases/*/*.yaml"), *DEPLOY.glob("components/*/*.yaml")):
        for image in re.findall(r"^ +image: (.*)$", path.read_text(), re.MULTILINE):
            assert re.fullmatch(r"[a-z-]+", image), (path, image)


def test_who_has_a_role_has_a_token_of_the_cluster_and_nobody_else(objects: list[Object]) -> None:
    """The API where it marks pods, and the Job that makes the Secret."""
    users = {"mark-pods": ("backend", "backend"), "make-secrets": ("secret-maker", "make-secrets")}
    holders = {(pod.name, one["name"]) for pod, one in containers(objects) if tokens(pod, one)}
    assert holders == {users[one["metadata"]["name"]] for one in of_kind(objects, "Role")}
    for pod, container in containers(objects):
        asks = environment(objects, container).get("SLUICE_ORCHESTRATOR") if container["name"] == "backend" else None
        if pod.name != "secret-maker":
            assert (asks == "kubernetes") == bool(tokens(pod, container)), (pod.name, container["name"])
        for path, seconds in tokens(pod, container):
            assert path == str(NAMESPACE.parent) and seconds <= 3600


def tokens(pod: Pod, container: Object) -> list[tuple[str, int]]:
    """(where it is mounted, seconds until it is worth nothing) of each."""
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
    """Who makes one can read none, not even its own."""
    assert not of_kind(objects, "ClusterRole", "ClusterRoleBinding")
    rules = {
        "mark-pods": {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "patch"]},
        "make-secrets": {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
    }
    for role in of_kind(objects, "Role"):
        assert role["rules"] == [rules[role["metadata"]["name"]]]
    holders = {"mark-pods": "backend", "make-secrets": "secret-maker"}
    for binding in of_kind(objects, "RoleBinding"):
        assert [one["name"] for one in binding["subjects"]] == [holders[binding["roleRef"]["name"]]]


def test_every_pod_has_a_rank(objects: list[Object]) -> None:
    values = {one["metadata"]["name"]: one["value"] for one in of_kind(objects, "PriorityClass")}
    rank = {pod.name: values[pod.spec["priorityClassName"]] for pod in pods(objects)}
    assert rank.get("secret-maker", rank["redis"]) == rank["redis"]  # everything waits for it
    order = ["redis", "postgres", "backend", "frontend", "vllm", "ollama-worker", "model-puller"]
    ranks = [rank[name] for name in order if name in rank]
    assert ranks == sorted(ranks, reverse=True)
    assert rank["redis"] > rank["backend"] > rank["ollama-worker"] > rank.get("model-puller", 0)


def test_a_rollout_has_a_new_process_ready_before_an_old_one_leaves(name: str, objects: list[Object]) -> None:
    """Where there is one GPU the new one would wait for it, and the old one for the new one."""
    for one in of_kind(objects, "Deployment"):
        strategy = one["spec"]["strategy"]
        if one["metadata"]["name"] == "vllm":
            assert strategy == {"type": "Recreate"}
        elif one["metadata"]["name"] == "ollama-worker-default" and name == "staging":
            assert strategy["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
        else:
            assert strategy["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_server_that_never_gets_ready_is_replaced_by_the_version_that_it_is_rolled_back_to(
    objects: list[Object],
) -> None:
    """A StatefulSet that keeps an order waits for the broken pod first, for ever."""
    for one in of_kind(objects, "StatefulSet"):
        assert one["spec"]["podManagementPolicy"] == "Parallel", name_of(one)


def test_no_label_chooses_a_pod_s_node(objects: list[Object]) -> None:
    """The device plugin and the operator label nodes differently, and a pool of nodes at zero has no labels to find."""
    assert [pod.name for pod in pods(objects) if "nodeSelector" in pod.spec] == []


def test_a_volume_that_one_node_mounts_is_filled_where_the_gpu_is(objects: list[Object]) -> None:
    modes = [one["spec"]["accessModes"] for one in of_kind(objects, "PersistentVolumeClaim")]
    for pod in pods(objects):
        if pod.name == "model-puller":
            assert ("nvidia.com/gpu.count" in str(pod.spec.get("affinity"))) == (modes == [["ReadWriteOnce"]])


def test_our_images_may_come_from_a_registry_that_asks_for_a_password(objects: list[Object]) -> None:
    secrets = {
        one["metadata"]["name"]: [secret["name"] for secret in one.get("imagePullSecrets", [])]
        for one in of_kind(objects, "ServiceAccount")
    }
    for pod, container in containers(objects):
        if container["image"].startswith("sluice-"):
            assert secrets[pod.spec["serviceAccountName"]] == ["sluice-registry"], pod.name


def test_no_budget_counts_pods_that_no_controller_does(objects: list[Object]) -> None:
    """How many pods of a Job there should be nobody can tell: a budget on them lets none go, and a drain hangs."""
    for budget in of_kind(objects, "PodDisruptionBudget"):
        labels = budget["spec"]["selector"]["matchLabels"]
        chosen = {pod.owner["kind"] for pod in pods(objects) if labels.items() <= pod.labels.items()}
        assert chosen == {"Deployment"}, name_of(budget)


def test_replicas_and_nodes_are_spread_and_drained_one_by_one(objects: list[Object]) -> None:
    budgets = [one["spec"]["selector"]["matchLabels"] for one in of_kind(objects, "PodDisruptionBudget")]
    for one in of_kind(objects, "Deployment"):
        pod = pod_of(one)
        if one["metadata"]["name"] == "vllm":
            continue
        assert pod.spec["topologySpreadConstraints"], pod.name
        for constraint in pod.spec["topologySpreadConstraints"]:
            assert constraint["labelSelector"]["matchLabels"].items() <= pod.labels.items()
        assert any(labels.items() <= pod.labels.items() for labels in budgets), pod.name


def pod_of(owner: Object) -> Pod:
    return pods([owner])[0]


def test_selectors_find_their_own_pods_and_no_others(objects: list[Object]) -> None:
    for one in of_kind(objects, "Deployment", "StatefulSet"):
        selector = one["spec"]["selector"]["matchLabels"]
        found = [name_of(pod.owner) for pod in pods(objects) if selector.items() <= pod.labels.items()]
        assert found == [name_of(one)]


def test_the_quota_has_room_for_all_that_the_autoscalers_may_ask_for(objects: list[Object]) -> None:
    hard = of_kind(objects, "ResourceQuota")[0]["spec"]["hard"]
    asked: dict[str, float] = {"pods": 0.0}
    for pod in pods(objects):
        count = most(objects, pod)
        asked["pods"] += count
        for kind in ("requests", "limits"):
            for name, value in needs(pod, kind).items():
                asked[f"{kind}.{name}"] = asked.get(f"{kind}.{name}", 0) + count * value
    asked["requests.nvidia.com/gpu"] = asked.pop("limits.nvidia.com/gpu", 0)
    assert set(asked) - set(hard) <= {"requests.ephemeral-storage", "limits.ephemeral-storage"}  # a node's, not counted
    over = {name: value for name, value in asked.items() if name in hard and value > quantity(hard[name])}
    assert over == {}


def test_a_laptop_s_two_cores_hold_the_development_overlay_also_while_it_is_rolled_out() -> None:
    """With the workers that KEDA would start where it is, and half a core for what the cluster itself runs."""
    objects = objects_of("dev")
    asked = sum(most(objects, pod) * needs(pod, "requests")["cpu"] for pod in pods(objects))
    worker = next(needs(pod, "requests")["cpu"] for pod in pods(objects) if pod.name == "ollama-worker")
    assert asked + 7 * worker <= 1.5


def most(objects: list[Object], pod: Pod) -> int:
    """How many there may be at most, with the one more of a rollout."""
    name = pod.owner["metadata"]["name"]
    for one in of_kind(objects, "HorizontalPodAutoscaler"):
        if one["spec"]["scaleTargetRef"]["name"] == name:
            return int(one["spec"]["maxReplicas"]) + 1
    for one in of_kind(objects, "ScaledObject", "ScaledJob"):
        if one["metadata"]["name"] == name:
            return int(one["spec"]["maxReplicaCount"]) + (one["kind"] == "ScaledObject")
    return int(pod.owner["spec"].get("replicas", 1)) + (pod.owner["kind"] == "Deployment" and name != "vllm")


def needs(pod: Pod, kind: str) -> dict[str, float]:
    total: dict[str, float] = {}
    for container in pod.lasting:
        for name, value in container["resources"][kind].items():
            total[name] = total.get(name, 0) + quantity(value)
    return total
