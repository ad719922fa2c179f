"""The images as Docker builds and runs them: they run as nobody, read only, and end when they are stopped."""

from __future__ import annotations

import time

import pytest

from tests.containers.docker import docker, inspect

PARTS = ("backend", "worker", "frontend")
MOMENTS = (0.1, 0.3, 1.0, 2.0, 5.0, 10.0)  # seconds after the start
GRACE = 60  # seconds until Docker kills a container: one that ignored the signal would be killed (137)
KILLED = 137
CLOSED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:mode=1777")
SETTINGS = {
    "backend": ("SLUICE_HOST=0.0.0.0", "SLUICE_ALLOW_OPEN=1", "SLUICE_GRACE_SECONDS=600"),
    "worker": ("SLUICE_ENGINE=simulated", "NODE_ENV=development", "SLUICE_GRACE_SECONDS=600"),
    "frontend": (),
}


def start(image: str, part: str, *words: str) -> str:
    """A container as compose runs it, alone, without a Redis; its id."""
    settings = [word for setting in SETTINGS[part] for word in ("--env", setting)]
    return docker("run", "--detach", *CLOSED, "--add-host", "backend:127.0.0.1", *settings, *words, image).strip()


@pytest.mark.parametrize("part", PARTS)
def test_an_image_runs_as_nobody_and_writes_nowhere_but_in_tmp(images: dict[str, str], part: str) -> None:
    places = "for place in / /opt /etc /srv /var/tmp; do touch $place/x 2>/dev/null && echo $place; done"
    script = f"id -u; {places}; touch /tmp/x"
    printed = docker("run", "--rm", *CLOSED, "--entrypoint", "sh", images[part], "-c", script).split()
    assert printed == ["10001"]


@pytest.mark.parametrize("part", PARTS)
def test_a_container_that_is_stopped_soon_after_its_start_is_not_killed(images: dict[str, str], part: str) -> None:
    """Without Docker's own init, as a pod has it."""
    statuses = {}
    for moment in MOMENTS:
        container = start(images[part], part)
        try:
            time.sleep(moment)
            docker("stop", "--time", str(GRACE), container)
            statuses[moment] = inspect(container)["State"]["ExitCode"]
        finally:
            docker("rm", "--force", container)
    assert KILLED not in statuses.values(), statuses


def test_only_an_image_built_for_a_cluster_has_a_cluster_s_client(images: dict[str, str]) -> None:
    script = "import importlib.util; print(importlib.util.find_spec('kubernetes') is not None)"
    has = docker("run", "--rm", "--entrypoint", "python", images["backend"], "-c", script)
    assert has.strip() == "False"


def test_the_sizes_of_the_images_are_recorded(images: dict[str, str], record_property: pytest.RecordProperty) -> None:
    """The figures go into docs/deploy/README.md: `-s` shows them."""
    for part, image in images.items():
        size = inspect(image)["Size"]
        record_property(part, size)
        print(f"{image}: {size / 1e6:.0f} MB")
        assert size > 0
