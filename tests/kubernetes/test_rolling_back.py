"""The pod of a server that never gets ready, on the real controllers: it makes way for the version before."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import partial

import pytest

from tests.deploy.rendering import named, objects_of
from tests.kubernetes.api import CONTROLLERS, Api, Object, until, within
from tests.kubernetes.houses import applied


@pytest.fixture(scope="module")
def redis(api: Api) -> Iterator[Object]:
    """Whether the server's pod is Pending for ever: no node is here."""
    objects = objects_of("dev")
    with applied(api, objects):
        yield named(objects, "StatefulSet", "redis")


def test_a_server_that_never_gets_ready_is_replaced_by_the_version_that_is_applied_again(
    api: Api, redis: Object
) -> None:
    until(partial(pod_with, api, image_of(redis)), CONTROLLERS, "the first pod")
    broken = deepcopy(redis)
    broken["spec"]["template"]["spec"]["containers"][0]["image"] = "valkey/valkey:broken"
    for release in (broken, redis):
        api.apply(release)
        until(partial(pod_with, api, image_of(release)), CONTROLLERS, f"a pod of {image_of(release)}")


def image_of(item: Object) -> str:
    image: str = item["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def pod_with(api: Api, image: str) -> bool | None:
    pod = api.find(within("pods/redis-0"))
    return True if pod and pod["spec"]["containers"][0]["image"] == image else None
