"""The kubelet's probe of a worker: a worker that hangs is started again, a worker that waits is left alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.deploy.rendering import DEPLOY, Object, containers
from tests.images.dockerfile import read

PROBE = DEPLOY / "bases" / "ollama-worker" / "alive.sh"


def status(file: Path, **env: str) -> int:
    """The exit status of one probe, run as the kubelet runs it: a process of its own."""
    given = {"PATH": os.environ["PATH"], "SLUICE_ALIVE_FILE": str(file), **env}
    done = subprocess.run(["sh", str(PROBE)], env=given, capture_output=True, text=True, check=False)
    assert done.stdout == done.stderr == ""
    return done.returncode


def touched(file: Path, seconds_ago: float) -> Path:
    file.touch()
    moment = time.time() - seconds_ago
    os.utime(file, (moment, moment))
    return file


def test_a_worker_that_touches_its_file_goes_on_and_one_that_hangs_is_started_again(tmp_path: Path) -> None:
    assert status(touched(tmp_path / "alive", 2)) == 0
    assert status(touched(tmp_path / "alive", 3600)) == 1


def test_a_worker_that_still_starts_is_left_alone(tmp_path: Path) -> None:
    assert status(tmp_path / "nothing") == 0


def test_a_clock_that_was_set_back_kills_no_worker(tmp_path: Path) -> None:
    assert status(touched(tmp_path / "alive", -3600)) == 0


def test_how_long_a_worker_may_stand_still_can_be_set(tmp_path: Path) -> None:
    assert status(touched(tmp_path / "alive", 30), ALIVE_LIMIT_SECONDS="10") == 1
    assert status(touched(tmp_path / "alive", 30), ALIVE_LIMIT_SECONDS="90") == 0


def test_a_probe_starts_no_python(tmp_path: Path) -> None:
    """Python's imports alone outlast a probe's patience on a busy node."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "stat", "date"):
        (programs / name).symlink_to(str(shutil.which(name)))
    assert status(touched(tmp_path / "alive", 2), PATH=str(programs)) == 0


def test_a_probe_has_patience_with_a_busy_node(objects: list[Object]) -> None:
    probe = next(item for _, item in containers(objects) if item["name"] == "worker")["livenessProbe"]
    assert probe["exec"]["command"] == ["sh", "/opt/sluice/alive.sh"]
    assert probe["timeoutSeconds"] >= 30 and probe["failureThreshold"] >= 3


def test_the_image_names_the_file_that_the_probe_reads() -> None:
    assert read("worker").final.env["SLUICE_ALIVE_FILE"] == "/tmp/alive"
    assert "SLUICE_ALIVE_FILE:-/tmp/alive}" in PROBE.read_text()
