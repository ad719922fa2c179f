"""An overlay on the cluster, from the first object to the last one gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.deploy.rendering import of_kind
from tests.kubernetes.api import Answer, Api, Object


@contextmanager
def applied(api: Api, objects: list[Object]) -> Iterator[list[Answer]]:
    """What the API server said to each. Afterwards none of them is there."""
    try:
        yield [api.apply(one) for one in objects]
    finally:
        for one in of_kind(objects, "Namespace", "PriorityClass"):  # the rest goes with the namespace
            api.delete(one)
