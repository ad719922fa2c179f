"""Every overlay and variant, rendered once a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.rendering import ALL, Object, objects_of


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test that renders may have to build kustomize and fetch the modules of other people's definitions."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(params=ALL)
def name(request: pytest.FixtureRequest) -> str:
    """The objects of an overlay, or of production with components that no overlay has."""
    given: str = request.param
    return given


@pytest.fixture
def objects(name: str) -> list[Object]:
    return objects_of(name)
