"""Every overlay on a real API server: all of it is taken, does what it says there, and gives nobody more than that."""

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
# Where nobody scales workers, so nobody needs to know which are busy; there a Job makes the Secret.
ALONE = ("dev", "minimal", CHATBOT)
COUNTED = {"Deployment": "replicas", "StatefulSet": "replicas", "Job": "active"}  # where their status counts pods


class Applied(NamedTuple):
    name: str
    objects: list[Object]
    answers: list[Answer]

    @property
    def marks(self) -> bool:
        """Its API marks busy workers' pods."""
        return any(one["metadata"]["name"] == "mark-pods" for one in of_kind(self.objects, "RoleBinding"))


def rendered(name: str) -> list[Object]:
    if name != CHATBOT:
        return objects_of(name)
    return [one for one in yaml.safe_load_all((DEPLOY / CHATBOT).read_text()) if one]


@pytest.fixture(scope="module", params=(*ALL, CHATBOT))
def house(request: pytest.FixtureRequest, api: Api) -> Iterator[Applied]:
    """An overlay, or production with components that no overlay has, on the cluster."""
    objects = rendered(request.param)
    with applied(api, objects) as answers:
        yield Applied(request.param, objects, answers)


def test_every_object_is_taken_and_nothing_is_warned_of(house: Applied) -> None:
    assert [answer.warnings for answer in house.answers if answer.warnings] == []


def test_every_pod_that_it_asks_for_is_admitted(house: Applied, api: Api) -> None:
    """By Pod Security, quota, limits, priorities, accounts. Controllers make them; no node is there to run them."""
    for one in of_kind(house.objects, *COUNTED):
        wanted = one["spec"].get("replicas", 1)  # what Kubernetes takes where nothing is said
        until(partial(has_pods, api, one, wanted), CONTROLLERS, f"{name_of(one)} has its pods")
    for one in of_kind(house.objects, "ScaledJob"):  # KEDA makes these, so they are asked for in its place
        api.create(pod_of(house.objects, one["kind"]), dryRun="All")


def has_pods(api: Api, one: Object, wanted: int) -> bool | None:
    status = api.get(api.path_of(one)).get("status", {})
    return True if status.get(COUNTED[one["kind"]], 0) >= wanted else None


def test_what_is_applied_again_changes_nothing(house: Applied, api: Api) -> None:
    """Controllers write beside us, an autoscaler into the same spec; what is ours stays as it was and when it was."""
    again = [api.apply(one).object for one in house.objects]
    assert [ours(one) for one in again] == [ours(answer.object) for answer in house.answers]


def ours(one: Object) -> Object:
    """The API server's note of what was last changed by us: which fields, and when."""
    notes: list[Object] = one["metadata"]["managedFields"]
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
    one = deepcopy(named(house.objects, "Deployment", "frontend"))
    one["spec"]["template"]["spec"]["containers"][0]["mispelt"] = 1
    with pytest.raises(Refused, match="mispelt"):
        api.apply(one)


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


# Who may do what

MARKS = {"verbs": ["list", "patch"], "apiGroups": [""], "resources": ["pods"]}
MAKES = {"verbs": ["create"], "apiGroups": [""], "resources": ["secrets"]}


def rights(api: Api, account: str) -> list[Object]:
    """Every rule that holds for a service account in the namespace, as the API server itself counts them."""
    asked = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": NAMESPACE},
    }
    somebody = api.acting_as(f"system:serviceaccount:{NAMESPACE}:{account}")
    try:
        path = f"{group('authorization.k8s.io/v1')}/selfsubjectrulesreviews"
        told = somebody.ask("POST", path, asked).object["status"]
    finally:
        somebody.close()
    assert not told["incomplete"], told
    return sorted(told["resourceRules"] + told["nonResourceRules"], key=str)


def test_no_account_may_do_anything_but_the_apis_that_marks_pods_and_the_jobs_that_makes_the_secret(
    house: Applied, api: Api
) -> None:
    """Anything that not everybody who has an account may: ask what they may, and which API there is."""
    nothing = rights(api, "a-stranger")
    for account in of_kind(house.objects, "ServiceAccount"):
        name = account["metadata"]["name"]
        more = [rule for rule in rights(api, name) if rule not in nothing]
        wanted = {"backend": [MARKS] * house.marks, "secret-maker": [MAKES]}.get(name, [])
        assert more == wanted, name
    assert house.marks == (house.name not in ALONE)


def test_pods_are_marked_where_they_are_ours_and_deleted_by_nobody(house: Applied, api: Api) -> None:
    assert [may(api, verb) for verb in ("list", "patch")] == [house.marks] * 2
    assert [may(api, verb) for verb in ("get", "create", "delete", "deletecollection", "update")] == [False] * 5
    assert not may(api, "patch", namespace="kube-system")
    assert not may(api, "list", resource="secrets")


def may(api: Api, verb: str, resource: str = "pods", namespace: str = NAMESPACE) -> bool:
    asked = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{NAMESPACE}:backend",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated"],
            "resourceAttributes": {"namespace": namespace, "verb": verb, "resource": resource},
        },
    }
    told = api.ask("POST", f"{group('authorization.k8s.io/v1')}/subjectaccessreviews", asked).object
    allowed: bool = told["status"]["allowed"]
    return allowed


def test_a_token_is_mounted_in_no_pod_but_the_apis_that_marks_pods(house: Applied, api: Api) -> None:
    """Nor does the API server's admission add one."""
    for pod in api.get(within("pods"))["items"]:
        if house.marks and pod["spec"]["serviceAccountName"] == "backend":
            continue
        volumes = [volume["name"] for volume in pod["spec"].get("volumes", [])]
        assert not [name for name in volumes if name.startswith("kube-api-access")], pod["metadata"]["name"]
