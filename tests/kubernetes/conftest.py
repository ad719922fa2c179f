"""One control plane for all tests, with the definitions of the manifests; a namespace that each module fills anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.modules import definitions
from tests.kubernetes.api import Api
from tests.kubernetes.control_plane import ControlPlane


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests need the programs that tests/real_kubernetes.sh builds, and controllers take their time."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.real_kubernetes)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    plane = ControlPlane(tmp_path_factory.mktemp("cluster"))
    try:
        plane.start()
        for definition in definitions():
            plane.admin.apply(definition)
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def api(cluster: ControlPlane) -> Api:
    """The API server for a user who may do everything."""
    return cluster.admin
