"""What is rolled out, what is left alone, and what is taken back; the cluster is a stand-in, the manifests are ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.files import ROOT, SCRIPTS

STAND_IN = Path(__file__).parent / "stand_in_kubectl.py"
WORKLOADS = {"backend": "backend", "worker": "ollama-worker-default", "frontend": "frontend"}


def image(part: str, release: str) -> str:
    return f"ghcr.io/somebody/sluice-{part}@sha256:{sha256((part + release).encode()).hexdigest()}"


class Cluster:
    """The state behind the stand-in, and a copy of the tree for the script to render in."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.tree = home / "tree"
        shutil.copytree(ROOT / "deploy", self.tree / "deploy")
        shutil.copytree(SCRIPTS, self.tree / ".github" / "scripts")
        (home / "kubectl").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "{home}" "$@"\n')
        (home / "kubectl").chmod(0o755)
        self.write({"objects": {}, "pods": {}, "calls": [], "broken": "", "silent": False, "unfetched": False})

    def read(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.home / "state.json").read_text())
        return state

    def write(self, state: dict[str, Any]) -> None:
        (self.home / "state.json").write_text(json.dumps(state))

    def set(self, **what: object) -> None:
        self.write({**self.read(), **what})

    def pods(self) -> dict[str, list[str]]:
        """Part → the images of the processes that it has had, in order, as the names of their releases."""
        state = self.read()
        return {
            part: [item[0] for item in state["pods"].get(f"Deployment/{name}", [])] for part, name in WORKLOADS.items()
        }

    def roll_out(self, *arguments: str, **images: str) -> subprocess.CompletedProcess[str]:
        """`backend="one"`: a new image of that release."""
        folder = self.home / "images"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for part, release in images.items():
            (folder / part).write_text(image(part, release) + "\n")
        command = [sys.executable, self.tree / ".github/scripts/rollout.py", "staging", "--images", folder, *arguments]
        env = {**os.environ, "PATH": f"{self.home}:{os.environ['PATH']}"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=100)
        assert list((self.tree / "deploy").glob(".rendered.*")) == [], "it leaves nothing behind"
        return done


ALL = {"backend": "one", "worker": "one", "frontend": "one"}


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


@pytest.fixture
def running(cluster: Cluster) -> Cluster:
    """A cluster with release one of everything."""
    done = cluster.roll_out(**ALL)
    assert done.returncode == 0, done.stderr
    cluster.set(calls=[])
    return cluster


def test_the_first_release_has_all_images_and_answers_a_chat(cluster: Cluster) -> None:
    done = cluster.roll_out(**ALL)
    assert done.returncode == 0, done.stderr
    assert cluster.pods() == {part: [image(part, "one")] for part in WORKLOADS}
    calls = [" ".join(call.split()[:2]) for call in cluster.read()["calls"]]
    order = ["get -k", "delete jobs", "apply -k", "get jobs", "rollout status", "exec -i"]
    assert [calls.index(item) for item in order] == sorted(calls.index(item) for item in order)
    assert calls[-1] == "exec -i"
    waits = [call.split() for call in cluster.read()["calls"] if call.startswith("rollout status")]
    patience = {name.partition("/")[0]: within for _, _, name, _, within in waits}
    assert patience == {"deployment.apps": "120m", "statefulset.apps": "30m"}, "a Deployment judges its own progress"


def test_only_a_part_with_a_new_image_is_rolled(running: Cluster) -> None:
    assert running.roll_out(frontend="two").returncode == 0
    assert {part: len(images) for part, images in running.pods().items()} == {"backend": 1, "worker": 1, "frontend": 2}
    assert running.pods()["frontend"][-1] == image("frontend", "two")


def test_manifests_alone_roll_nothing_that_they_do_not_change(running: Cluster) -> None:
    service = running.tree / "deploy/bases/backend/service.yaml"
    service.write_text(service.read_text().replace("port: 8000", "port: 8001"))
    assert running.roll_out().returncode == 0
    assert {len(images) for images in running.pods().values()} == {1}
    assert running.read()["objects"]["Service/backend"]["spec"]["ports"][0]["port"] == 8001


def test_pods_are_started_anew_on_demand(running: Cluster) -> None:
    assert running.roll_out("--restart", "worker").returncode == 0
    assert {part: len(images) for part, images in running.pods().items()} == {"backend": 1, "worker": 2, "frontend": 1}


@pytest.mark.parametrize("wrong", [{"broken": "sluice-backend"}, {"silent": True}])
def test_a_release_that_does_not_answer_is_taken_back_whole(running: Cluster, wrong: dict[str, object]) -> None:
    service = running.tree / "deploy/bases/backend/service.yaml"
    service.write_text(service.read_text().replace("port: 8000", "port: 8001"))
    running.set(**wrong)
    done = running.roll_out(backend="two", frontend="two")
    assert done.returncode == 1 and "has been applied again" in done.stderr
    for part in ("backend", "frontend"):
        assert running.pods()[part] == [image(part, release) for release in ("one", "two", "one")]
    assert len(running.pods()["worker"]) == 1
    assert running.read()["objects"]["Service/backend"]["spec"]["ports"][0]["port"] == 8000


def test_a_server_that_never_gets_ready_is_taken_back_too(running: Cluster) -> None:
    images = running.tree / "deploy/components/images/kustomization.yaml"
    text = images.read_text()
    images.write_text(text.replace("newTag: 8.1.10", "newTag: 8.1.10-broken"))
    running.set(broken="8.1.10-broken")
    done = running.roll_out()
    assert done.returncode == 1 and "could not be taken back" not in done.stderr, done.stderr
    releases = [images[0] for images in running.read()["pods"]["StatefulSet/redis"]]
    assert ["broken" in image for image in releases] == [False, True, False]


def test_models_that_cannot_be_fetched_are_reported_before_a_worker_is_awaited(cluster: Cluster) -> None:
    cluster.set(unfetched=True)
    done = cluster.roll_out(**ALL)
    assert done.returncode == 1 and "Job pull-models could not fetch its models" in done.stderr
    until_taken_back, _, _ = "\n".join(cluster.read()["calls"]).partition("get pods")
    assert "get jobs" in until_taken_back and "rollout status" not in until_taken_back


def test_an_object_that_a_failed_release_brought_is_named_and_stays(running: Cluster) -> None:
    """Deleting an object unseen could delete what it holds."""
    base = running.tree / "deploy/bases/backend"
    settings = base / "settings.env"
    settings.write_text(settings.read_text().replace("QUEUE_MAX_ATTEMPTS=3", "QUEUE_MAX_ATTEMPTS=4"))
    running.set(silent=True)
    done = running.roll_out()
    assert done.returncode == 1
    assert "ConfigMap backend-settings-" in done.stderr and "is new, and stays" in done.stderr


def test_a_cluster_that_runs_nothing_yet_needs_all_images(cluster: Cluster) -> None:
    done = cluster.roll_out(backend="one")
    assert done.returncode == 1
    assert "no sluice-frontend, sluice-worker runs here and none is new" in done.stderr
    assert not any(call.startswith("apply") for call in cluster.read()["calls"])


def test_a_dry_run_calls_no_cluster(cluster: Cluster) -> None:
    done = cluster.roll_out("--dry-run", backend="one")
    assert done.returncode == 0, done.stderr
    assert [call.split()[0] for call in cluster.read()["calls"]] == ["kustomize"]
    assert f"new {image('backend', 'one')}" in done.stdout and "objects would be applied" in done.stdout


@pytest.mark.parametrize(
    "reference",
    [
        "ghcr.io/somebody/sluice-backend:latest",
        "ghcr.io/somebody/something@sha256:" + "0" * 64,
        'ghcr.io/somebody/sluice-backend@sha256:0"\n  - name: other',
        "",
    ],
)
def test_an_image_is_ours_and_named_by_its_digest_or_refused(cluster: Cluster, reference: str) -> None:
    folder = cluster.home / "images"
    folder.mkdir()
    (folder / "backend").write_text(reference)
    command = [sys.executable, SCRIPTS / "rollout.py", "staging", "--images", folder, "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and "is no image of ours by its digest" in done.stderr


@pytest.mark.parametrize("words", [["nonesuch"], ["../bases"], ["staging", "--restart", "redis"]])
def test_unknown_arguments_are_refused(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "rollout.py", *words], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 2
