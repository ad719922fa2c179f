"""The scripts that come with the manifests, run. A cluster and a registry of models are beyond a test: stand-ins note
the requests that they get."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.deploy.rendering import DEPLOY, named, objects_of, of_kind, text_of
from tests.support.child import Child
from tests.support.house import House
from tests.support.processes import Worker
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

# The stand-in notes each call, answers with the file that a test wrote for its first words, and keeps what it is given.
KUBECTL = """#!/bin/sh
[ "$1" != --namespace ] || { [ "$2" = sluice ] || exit 9; shift 2; }
echo "$*" >> "$KUBECTL_HOME/calls"
case "$1" in
    kustomize) exec "$KUSTOMIZE" build "$2" ;;
    apply) cp "$3" "$KUBECTL_HOME/applied-$(basename "$3")" ;;
    create) for word; do case "$word" in
        --from-env-file=*) cp "${word#*=}" "$KUBECTL_HOME/created-$4" ;;
        --from-file=users=*) cp "${word#*=users=}" "$KUBECTL_HOME/created-$4" ;;
        --from-file=.dockerconfigjson=*) cp "${word#*json=}" "$KUBECTL_HOME/created-$4" ;;
    esac; done ;;
    get)
        if [ "$2" = secret ]; then [ -e "$KUBECTL_HOME/has-$3" ]; exit; fi
        if [ "$2" = jobs ]; then echo job.batch/pull-models; exit; fi
        if [ "$2" = job.batch/pull-models ]; then cat "$KUBECTL_HOME/models" 2>/dev/null || echo Complete; exit; fi
        printf 'statefulset.apps/redis\\ndeployment.apps/backend\\n' ;;
    rollout) [ "$2" != status ] || [ ! -e "$KUBECTL_HOME/broken" ] || [ "$3" != deployment.apps/backend ] ;;
    diff) exit 1 ;;
esac
"""


class Cluster:
    """The surroundings of deploy.sh: `kubectl` on the path, and nothing behind it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.tree = home / "deploy"  # a copy, in which a test sees what the script leaves behind
        shutil.copytree(DEPLOY, self.tree)
        script = home / "kubectl"
        script.write_text(KUBECTL)
        script.chmod(0o755)

    def deploy(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.home}:{os.environ['PATH']}"
        more = {"KUBECTL_HOME": str(self.home), "KUSTOMIZE": str(DEPLOY / "kustomize.sh")}
        return run([str(self.tree / "deploy.sh"), *words], {**os.environ, "REGISTRY": "", **more, "PATH": path, **env})

    @property
    def calls(self) -> list[str]:
        return (self.home / "calls").read_text().splitlines() if (self.home / "calls").exists() else []

    def kept(self, name: str) -> str:
        return (self.home / name).read_text()


def run(command: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    assert list(cluster.tree.glob(".rendered.*")) == [], "deploy.sh leaves nothing behind"


def test_an_overlay_is_brought_up_in_order(cluster: Cluster) -> None:
    done = cluster.deploy("production", REGISTRY="registry.example.org/us", TAG="abc123")
    assert done.returncode == 0, done.stderr
    verbs = [re.sub(r"/\S*/", "", call) for call in cluster.calls]
    wanted = (
        "apply -f namespace.yaml",
        "create secret generic sluice-secrets",
        "create secret generic sluice-entrance",
        "create secret generic sluice-registry",
        "delete jobs",
        "apply -f all.yaml",
        "get jobs",
        "rollout status statefulset.apps/redis",
        "rollout status deployment.apps/backend",
        "exec deployment/backend",
    )
    places = [next(place for place, verb in enumerate(verbs) if verb.startswith(item)) for item in wanted]
    assert places == sorted(places)
    images = set(re.findall(r"image: (\S*sluice-\S*)", cluster.kept("applied-all.yaml")))
    assert images == {f"registry.example.org/us/sluice-{name}:abc123" for name in ("backend", "frontend", "worker")}


def test_without_a_registry_the_overlay_is_applied_as_it_is(cluster: Cluster) -> None:
    assert cluster.deploy("staging").returncode == 0
    applied = yaml.safe_load_all(cluster.kept("applied-all.yaml"))
    assert sorted(map(str, applied)) == sorted(map(str, yaml.safe_load_all(text_of("staging"))))


def test_images_without_a_registry_are_refused_before_anything_is_changed(cluster: Cluster) -> None:
    """Nodes would look for them on Docker Hub, for as long as a rollout may take."""
    command, path = [str(cluster.tree / "deploy.sh"), "production"], f"{cluster.home}:{os.environ['PATH']}"
    env = {"KUBECTL_HOME": str(cluster.home), "KUSTOMIZE": str(DEPLOY / "kustomize.sh"), "PATH": path}
    refused = run(command, env)
    assert refused.returncode == 2 and "REGISTRY=your.registry/you" in refused.stderr
    assert [call.split()[0] for call in cluster.calls] == ["kustomize"]
    assert run([command[0], "dev"], env).returncode == 0, "its images are built here"


def test_a_registry_that_requires_a_password_gets_the_given_one(cluster: Cluster) -> None:
    done = cluster.deploy("minimal", REGISTRY="registry.example.org/us", REGISTRY_USER="us", REGISTRY_TOKEN="read")
    assert done.returncode == 0, done.stderr
    login = base64.b64encode(b"us:read").decode()
    assert json.loads(cluster.kept("created-sluice-registry")) == {"auths": {"registry.example.org": {"auth": login}}}
    assert "read" not in " ".join(cluster.calls), "whoever lists processes reads it"


@pytest.mark.parametrize("there", [False, True])
def test_without_a_password_for_the_registry_its_secret_is_empty_or_stays(cluster: Cluster, there: bool) -> None:
    if there:
        (cluster.home / "has-sluice-registry").touch()
    assert cluster.deploy("minimal").returncode == 0
    assert (cluster.home / "created-sluice-registry").exists() != there
    assert there or json.loads(cluster.kept("created-sluice-registry")) == {"auths": {}}


def test_models_that_cannot_be_fetched_end_the_rollout_before_a_worker_is_awaited(cluster: Cluster) -> None:
    (cluster.home / "models").write_text("FailureTarget\nFailed\n")
    done = cluster.deploy("production")
    assert done.returncode == 1 and "has not fetched its models" in done.stderr
    assert not any(call.startswith("rollout") for call in cluster.calls)


def test_a_deployment_judges_its_progress_and_a_server_is_given_half_an_hour(cluster: Cluster) -> None:
    """Eight workers that leave one after the other take longer than any of them."""
    assert cluster.deploy("production").returncode == 0
    given = dict(re.findall(r"rollout status (\S+) --timeout (\S+)", "\n".join(cluster.calls)))
    assert given == {"statefulset.apps/redis": "30m", "deployment.apps/backend": "120m"}


def test_secrets_are_random_and_fit_for_a_url(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    other = Cluster(tmp_path / "two")
    for item in (cluster, other):
        assert item.deploy("production").returncode == 0
    first, second = (dict(re.findall(r"(.*)=(.*)", item.kept("created-sluice-secrets"))) for item in (cluster, other))
    assert set(first) == {"redis-api-password", "redis-worker-password", "redis-keda-password", "postgres-password"}
    assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in first.values())
    assert len({*first.values(), *second.values()}) == 8


def test_the_entrances_password_is_printed_once_and_kept_as_a_hash(cluster: Cluster) -> None:
    done = cluster.deploy("production")
    printed = re.search(r"its password (\w+)", done.stderr)
    assert printed
    digest = base64.b64encode(hashlib.sha1(printed[1].encode(), usedforsecurity=False).digest()).decode()
    assert cluster.kept("created-sluice-entrance") == f"sluice:{{SHA}}{digest}\n"


@pytest.mark.parametrize("overlay", ["dev", "minimal", "production"])
def test_secrets_that_are_there_are_left_alone(cluster: Cluster, overlay: str) -> None:
    for name in ("sluice-secrets", "sluice-entrance", "sluice-registry"):
        (cluster.home / f"has-{name}").touch()
    assert cluster.deploy(overlay).returncode == 0
    assert not any("create" in call for call in cluster.calls)


def test_a_job_that_cannot_be_changed_is_made_anew(cluster: Cluster) -> None:
    """The Jobs of a release before: the one that fetches models, and the one that makes Secrets."""
    assert cluster.deploy("minimal").returncode == 0
    [removal] = [call for call in cluster.calls if call.startswith("delete jobs")]
    jobs = {item["metadata"]["labels"]["app.kubernetes.io/name"] for item in of_kind(objects_of("minimal"), "Job")}
    assert jobs and all(name in removal for name in jobs)


def test_a_rollout_that_fails_is_taken_back(cluster: Cluster) -> None:
    (cluster.home / "broken").touch()
    done = cluster.deploy("production")
    assert done.returncode == 1
    assert "rollout undo deployment.apps/backend" in cluster.calls
    assert not any(call.startswith("exec") for call in cluster.calls)


def test_a_dry_run_changes_nothing(cluster: Cluster) -> None:
    assert cluster.deploy("production", "--dry-run").returncode == 0
    assert [call.split()[0] for call in cluster.calls] == ["kustomize", "diff"]


@pytest.mark.parametrize("words", [(), ("nonesuch",), ("production", "--force"), ("../dev/../..",)])
def test_an_unknown_argument_is_refused(cluster: Cluster, words: tuple[str, ...]) -> None:
    done = cluster.deploy(*words)
    assert done.returncode == 2 and "deploy/deploy.sh" in done.stderr
    assert cluster.calls == []


def test_the_question_of_the_smoke_test_is_answered(house: House) -> None:
    """The question as it stands in the script, but for the port."""
    ask = re.search(r"^ASK='\n(.*?)^'$", (DEPLOY / "deploy.sh").read_text(), re.DOTALL | re.MULTILINE)
    assert ask
    done = run([sys.executable, "-c", ask[1].replace("localhost:8000", house.url[7:])], os.environ)
    assert done.returncode == 0 and done.stdout.startswith("An answer came: "), done.stderr


@pytest.fixture
def house(tmp_path: Path, valkey: Valkey) -> Iterator[House]:
    house = House(tmp_path, valkey.url, {})
    try:
        house.start_worker()
        house.start_api().wait_ready(workers=1)
        yield house
    finally:
        house.stop()


async def test_a_scaled_jobs_worker_leaves_by_itself_with_success(tmp_path: Path, valkey: Valkey) -> None:
    """The manifest's own command; its quarter of an hour is over at SIGALRM, which is what `timeout` waits for."""
    template = named(objects_of("long-jobs"), "ScaledJob", "ollama-worker-default")["spec"]["jobTargetRef"]["template"]
    command = template["spec"]["containers"][0]["command"]
    house = House(tmp_path, valkey.url, {})
    worker = Worker(tmp_path / "worker", house.env)
    worker.command = [sys.executable if word == "python" else word for word in command]
    worker.start()
    try:
        await worker.wait_for_action("worker.registered", within=30)
        worker.signal(signal.SIGALRM)
        assert await worker.wait_for_exit(within=30) == 0
        await worker.wait_for_action("worker.left")
    finally:
        worker.stop()


def test_a_pod_that_waits_for_its_model_ends_at_sigterm(tmp_path: Path) -> None:
    """A shell that is a container's first process heeds a signal by a trap alone."""
    [waiting] = named(objects_of("minimal"), "Deployment", "vllm")["spec"]["template"]["spec"]["initContainers"]
    script = waiting["command"][2].replace("/models", str(tmp_path))
    shell = Child("wait", ["sh", "-c", script], {"PATH": os.environ["PATH"], "MODEL_REPOSITORY": "a/b"}, tmp_path)
    shell.start()
    try:
        children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")
        wait_until(lambda: bool(children.read_text()), 10, "it sleeps")
        shell.term()
        assert shell.process.wait(10) == 128 + signal.SIGTERM
    finally:
        shell.stop()


# The Job that fetches models

OLLAMA = """#!/bin/sh
echo "$*" >> "$NOTES"
case "$1" in
    serve) exec sleep 60 ;;
    pull) [ "$2" != broken ] ;;
esac
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "ollama").write_text(OLLAMA)
    (tmp_path / "ollama").chmod(0o755)
    return tmp_path / "notes"


def pull(notes: Path, models: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{notes.parent}:/usr/bin:/bin", "NOTES": str(notes), "SLUICE_MODELS": models}
    return run(["sh", str(DEPLOY / "bases" / "ollama-worker" / "pull-models.sh")], env)


def test_every_model_of_the_catalogue_is_fetched(notes: Path) -> None:
    assert pull(notes, "qwen2.5:0.5b, llama3.1:8b,,").returncode == 0
    fetched = [line for line in notes.read_text().splitlines() if line.startswith("pull")]
    assert fetched == ["pull qwen2.5:0.5b", "pull llama3.1:8b"]


def test_a_model_that_cannot_be_fetched_fails_the_job(notes: Path) -> None:
    assert pull(notes, "broken,qwen2.5:0.5b").returncode != 0


def test_every_script_can_be_run() -> None:
    for path in DEPLOY.glob("*.sh"):
        assert path.stat().st_mode & stat.S_IXUSR, path
