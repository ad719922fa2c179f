"""Every overlay on a real API server: all of it is taken, works as declared, and gives no account more than that."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from typing import NamedTuple

import pytest
import yaml

from tests.deploy.rendering import ALL, DEPLOY, name_of, named, objects_of, of_kind, pods
from tests.kubernetes.api import CONTROLLERS, MANAGER, NAMESPACE, Answer, Api, Object, Refused, group, until, within
from tests.kubernetes.houses import applied

CHATBOT = "chatbot.yaml"
# Where no autoscaler scales workers, the busy ones need no marks; there a Job makes the Secret.
ALONE = ("dev", "minimal", CHATBOT)
COUNTED = {"Deployment": "replicas", "StatefulSet": "replicas", "Job": "active"}  # where their status counts pods


class Applied(NamedTuple):
    name: str
    objects: list[Object]
    answers: list[Answer]

    @property
    def marks(self) -> bool:
        """Whether its API marks busy workers' pods."""
        return any(item["metadata"]["name"] == "mark-pods" for item in of_kind(self.objects, "RoleBinding"))


def rendered(name: str) -> list[Object]:
    if name != CHATBOT:
        return objects_of(name)
    return [item for item in yaml.safe_load_all((DEPLOY / CHATBOT).read_text()) if item]


@pytest.fixture(scope="module", params=(*ALL, CHATBOT))
def house(request: pytest.FixtureRequest, api: Api) -> Iterator[Applied]:
    """An overlay, or production with components that no overlay has, on the cluster."""
    objects = rendered(request.param)
    with applied(api, objects) as answers:
        yield Applied(request.param, objects, answers)


def test_every_object_is_taken_without_a_warning(house: Applied) -> None:
    assert [answer.warnings for answer in house.answers if answer.warnings] == []


def test_every_pod_that_the_overlay_wants_is_admitted(house: Applied, api: Api) -> None:
    """Pod Security, quota, limits, priorities and accounts admit them. Controllers make them; no node runs them."""
    for item in of_kind(house.objects, *COUNTED):
        wanted = item["spec"].get("replicas", 1)  # Kubernetes takes this number where none is set
        until(partial(has_pods, api, item, wanted), CONTROLLERS, f"{name_of(item)} has its pods")
    for item in of_kind(house.objects, "ScaledJob"):  # KEDA makes these pods, so the test makes them in its place
        api.create(pod_of(house.objects, item["kind"]), dryRun="All")


def has_pods(api: Api, item: Object, wanted: int) -> bool | None:
    status = api.get(api.path_of(item)).get("status", {})
    return True if status.get(COUNTED[item["kind"]], 0) >= wanted else None


def test_a_second_apply_changes_nothing(house: Applied, api: Api) -> None:
    """Controllers write too, an autoscaler into the same spec; our fields stay as they were and when they were."""
    again = [api.apply(item).object for item in house.objects]
    assert [ours(item) for item in again] == [ours(answer.object) for answer in house.answers]


def ours(item: Object) -> Object:
    """The API server's note of our last change: which fields, and when."""
    notes: list[Object] = item["metadata"]["managedFields"]
    return next(note for note in notes if (note["manager"], note["operation"]) == (MANAGER, "Apply"))


# What is refused


def pod_of(objects: list[Object], kind: str, name: str = "") -> Object:
    """A pod as one of the objects would make it."""
    pod = next(pod for pod in pods(objects) if pod.owner["kind"] == kind and name in ("", pod.name))
    metadata = {"name": "one", "namespace": NAMESPACE, "labels": pod.labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": deepcopy(pod.spec)}


@pytest.fixture
def page(house: Applied) -> Object:
    """A pod that every overlay has."""
    return pod_of(house.objects, "Deployment", "frontend")


def test_a_misspelt_field_is_refused(house: Applied, api: Api) -> None:
    item = deepcopy(named(house.objects, "Deployment", "frontend"))
    item["spec"]["template"]["spec"]["containers"][0]["mispelt"] = 1
    with pytest.raises(Refused, match="mispelt"):
        api.apply(item)


def test_a_pod_that_would_be_root_is_refused(page: Object, api: Api) -> None:
    page["spec"]["securityContext"] |= {"runAsNonRoot": False, "runAsUser": 0}
    with pytest.raises(Refused, match='violates PodSecurity "restricted:latest"'):
        api.create(page, dryRun="All")


def test_more_gpus_than_the_quota_has_are_refused(page: Object, api: Api) -> None:
    resources = page["spec"]["containers"][0]["resources"]
    for key in ("limits", "requests"):
        resources[key]["nvidia.com/gpu"] = "10"
    with pytest.raises(Refused, match="exceeded quota: sluice"):
        api.create(page, dryRun="All")


def test_a_container_without_numbers_gets_small_ones(page: Object, api: Api) -> None:
    del page["spec"]["containers"][0]["resources"]
    made = api.create(page, dryRun="All")
    limits = made["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "2Gi"}


# The rights of each account

MARKS = {"verbs": ["list", "patch"], "apiGroups": [""], "resources": ["pods"]}
MAKES = {"verbs": ["create"], "apiGroups": [""], "resources": ["secrets"]}


def rights(api: Api, account: str) -> list[Object]:
    """Every rule that holds for a service account in the namespace, as the API server itself counts them."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": NAMESPACE},
    }
    account_api = api.acting_as(f"system:serviceaccount:{NAMESPACE}:{account}")
    try:
        path = f"{group('authorization.k8s.io/v1')}/selfsubjectrulesreviews"
        status = account_api.ask("POST", path, review).object["status"]
    finally:
        account_api.close()
    assert not status["incomplete"], status
    return sorted(status["resourceRules"] + status["nonResourceRules"], key=str)


def test_no_account_may_do_anything_but_the_apis_that_marks_pods_and_the_jobs_that_makes_the_secret(
    house: Applied, api: Api
) -> None:
    """Anything beyond what every account may do: the rights of a stranger, and the API that is open to all."""
    nothing = rights(api, "a-stranger")
    for account in of_kind(house.objects, "ServiceAccount"):
        name = account["metadata"]["name"]
        more = [rule for rule in rights(api, name) if rule not in nothing]
        wanted = {"backend": [MARKS] * house.marks, "secret-maker": [MAKES]}.get(name, [])
        assert more == wanted, name
    assert house.marks == (house.name not in ALONE)


def test_pods_are_marked_where_they_are_ours_and_deleted_by_no_account(house: Applied, api: Api) -> None:
    assert [may(api, verb) for verb in ("list", "patch")] == [house.marks] * 2
    assert [may(api, verb) for verb in ("get", "create", "delete", "deletecollection", "update")] == [False] * 5
    assert not may(api, "patch", namespace="kube-system")
    assert not may(api, "list", resource="secrets")


def may(api: Api, verb: str, resource: str = "pods", namespace: str = NAMESPACE) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{NAMESPACE}:backend",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated"],
            "resourceAttributes": {"namespace": namespace, "verb": verb, "resource": resource},
        },
    }
    status = api.ask("POST", f"{group('authorization.k8s.io/v1')}/subjectaccessreviews", review).object
    allowed: bool = status["status"]["allowed"]
    return allowed


def test_a_token_is_mounted_in_no_pod_but_the_apis_that_marks_pods(house: Applied, api: Api) -> None:
    """The API server's admission adds none either."""
    for pod in api.get(within("pods"))["items"]:
        if house.marks and pod["spec"]["serviceAccountName"] == "backend":
            continue
        volumes = [volume["name"] for volume in pod["spec"].get("volumes", [])]
        assert not [name for name in volumes if name.startswith("kube-api-access")], pod["metadata"]["name"]
