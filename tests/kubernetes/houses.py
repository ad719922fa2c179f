"""An overlay on the cluster, from the first object to the last one gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.deploy.rendering import of_kind
from tests.kubernetes.api import Answer, Api, Object


@contextmanager
def applied(api: Api, objects: list[Object]) -> Iterator[list[Answer]]:
    """Yields the API server's answer to each object. Afterwards none of the objects is there."""
    try:
        yield [api.apply(item) for item in objects]
    finally:
        for item in of_kind(objects, "Namespace", "PriorityClass"):  # the rest goes with the namespace
            api.delete(item)
