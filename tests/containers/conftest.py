"""Images that are built once, and a house of containers. All of it needs what tests/real_images.sh brings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.docker import LONG, Compose, docker

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.real_cluster if "cluster" in item.path.name else pytest.mark.real_images)
            item.add_marker(pytest.mark.timeout(LONG))


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """Part → image, built by docker-compose.yml as it stands."""
    compose = Compose("sluice-images")
    compose("build", "backend", "worker", "frontend", within=LONG)
    return {part: f"sluice-{part}:test" for part in ("backend", "worker", "frontend")}


@pytest.fixture(scope="module")
def house(images: dict[str, str]) -> Iterator[Compose]:
    """`docker compose up --wait`; the project ends with its volumes."""
    compose = Compose("sluice-house")
    compose.down()
    before = set(docker("volume", "ls", "--quiet").split())
    try:
        compose.up()
        yield compose
    finally:
        print(compose("logs", "--tail", "30"))
        compose.down()
    assert set(docker("volume", "ls", "--quiet").split()) <= before, "a volume stayed behind"
