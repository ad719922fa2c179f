"""Brings an overlay with new images to the cluster that kubectl speaks to, and takes it back where it does not answer.

    python3 .github/scripts/rollout.py production --images images/        a file a new image, one reference in each
    python3 .github/scripts/rollout.py production --restart backend       its pods anew, also where nothing changed
    python3 .github/scripts/rollout.py production --images images/ --dry-run    render it, without a cluster

1. An image that is not new stays the one that runs: a Deployment whose template is what it was is not rolled.
2. `kubectl apply -k`; models are fetched, every rollout is awaited, and one chat goes through the queue (smoke.py).
3. What fails is taken back: of each object, what was applied before is applied again. Objects that are new stay; they
   are named.

Unlike deploy/deploy.sh it makes no Secrets: the first rollout of a cluster is deploy.sh's. Only the standard library.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "sluice"
OURS = {"backend": "sluice-backend", "worker": "sluice-worker", "frontend": "sluice-frontend"}
# What is pushed is named by its digest: a tag can be moved, a digest is the image.
PUSHED = re.compile(r"[a-z0-9.-]+(?::[0-9]+)?(?:/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# A Deployment itself reports that it is stuck: nothing has moved for its progressDeadlineSeconds. This only bounds one
# that moves for ever: eight workers leave one after the other, ten minutes each, before the last new one has its GPU.
PATIENCE = {"deployment": "120m", "statefulset": "30m"}  # a StatefulSet never reports it
MODELS = 7200  # seconds for the Job that fetches them; it is done in seconds where they are there
LOOK = 5  # seconds between two looks at it


class Failed(Exception):
    """The message has the reason, and what to do."""


def main(arguments: list[str]) -> int:
    asked = read(arguments)
    try:
        images = new_images(asked.images)
        if asked.dry_run:
            return render(asked.overlay, images)
        return roll_out(asked.overlay, {**running_images(), **images}, asked.restart)
    except Failed as failure:
        print(f"rollout: {failure}", file=sys.stderr)
        return 1


def read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overlay", choices=sorted(path.name for path in (ROOT / "deploy" / "overlays").iterdir()))
    parser.add_argument("--images", type=Path, help="a folder")
    parser.add_argument("--restart", type=parts, default=[], help="backend, worker, frontend; or none")
    parser.add_argument("--dry-run", action="store_true")
    return parser.parse_args(arguments)


def parts(text: str) -> list[str]:
    names = [] if text in ("", "none") else text.split(",")
    if unknown := set(names) - set(OURS):
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}")
    return names


# Images


def new_images(folder: Path | None) -> dict[str, str]:
    """`sluice-backend` → its reference, of every file in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder and folder.exists() else []
    found = {}
    for reference in (path.read_text().strip() for path in files):
        if not PUSHED.fullmatch(reference) or (name := basename(reference)) not in OURS.values():
            raise Failed(f"{reference!r} is no image of ours by its digest")
        found[name] = reference
    return found


def running_images() -> dict[str, str]:
    """The same of what the cluster runs now; nothing of it where nothing runs yet."""
    found = {}
    for workload in [*ask("get", "deployments"), *ask("get", "scaledjobs", absent_ok=True)]:
        for container in containers(workload):
            if (name := basename(container["image"])) in OURS.values():
                found[name] = container["image"]
    return found


def containers(workload: dict[str, Any]) -> list[dict[str, Any]]:
    template = workload["spec"].get("template") or workload["spec"]["jobTargetRef"]["template"]
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def basename(reference: str) -> str:
    """`ghcr.io/you/sluice-backend@sha256:…` → `sluice-backend`."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]


def kustomization(overlay: str, images: dict[str, str]) -> str:
    """The overlay with these images, as JSON, which is YAML too: no reference can break out of its string."""
    return json.dumps(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [f"../overlays/{overlay}"],
            "images": [_image(name, reference) for name, reference in sorted(images.items())],
        },
        indent=2,
    )


def _image(name: str, reference: str) -> dict[str, str]:
    place, _, digest = reference.partition("@")
    if digest:
        return {"name": name, "newName": place.rpartition(":")[0] if _tagged(place) else place, "digest": digest}
    if _tagged(place):
        place, _, tag = place.rpartition(":")
        return {"name": name, "newName": place, "newTag": tag}
    return {"name": name, "newName": place}


def _tagged(place: str) -> bool:
    """A colon in the last part is a tag's; one before it is a port's."""
    return ":" in place.rpartition("/")[2]


# The rollout


def render(overlay: str, images: dict[str, str]) -> int:
    """What would be applied, without a cluster: as many objects of each kind, and our images."""
    with folder(overlay, images) as place:
        text = kubectl("kustomize", place).stdout
    kinds = re.findall(r"^kind: (\w+)$", text, re.MULTILINE)
    print(f"{overlay}: {len(kinds)} objects would be applied; no cluster was asked.")
    for kind in sorted(set(kinds)):
        print(f"  {kinds.count(kind):3} {kind}")
    for image in sorted(set(re.findall(r"^\s+(?:- )?image: (\S+)$", text, re.MULTILINE))):
        print(f"  {'new' if image in images.values() else '   '} {image}")
    return 0


def folder(overlay: str, images: dict[str, str]) -> tempfile.TemporaryDirectory[str]:
    """With a kustomization in it. It lies in deploy/, since kustomize takes relative paths only."""
    made = tempfile.TemporaryDirectory(prefix=".rendered.", dir=ROOT / "deploy")
    Path(made.name, "kustomization.yaml").write_text(kustomization(overlay, images))
    return made


def roll_out(overlay: str, images: dict[str, str], restart: list[str]) -> int:
    if missing := set(OURS.values()) - set(images):
        raise Failed(
            f"no {', '.join(sorted(missing))} runs here and none is new: run the workflow by hand, with all parts"
        )
    with folder(overlay, images) as place:
        before = applied_before(place)
        try:
            apply(place)
            restart_pods(restart)
            wait_for_models()
            wait_for_rollouts()
            smoke()
        except Failed as failure:
            take_back(place, before)
            raise Failed(f"{failure}\nWhat was applied before has been applied again.") from None
    print(f"{overlay} is rolled out, and answers.")
    return 0


def applied_before(place: str) -> list[dict[str, Any]]:
    """Of every object that will be applied, what was applied the last time."""
    there = ask("get", "-k", place, "--ignore-not-found")
    noted = [one["metadata"].get("annotations", {}).get(LAST_APPLIED) for one in there]
    return [json.loads(text) for text in noted if text]


def apply(place: str) -> None:
    # A Job cannot be changed, only made anew; what it fetched is in the volume.
    kubectl("delete", "jobs", "--selector", "app.kubernetes.io/name=model-puller", "--ignore-not-found")
    print(kubectl("apply", "-k", place).stdout, end="")


def restart_pods(names: list[str]) -> None:
    for name in names:
        label = "ollama-worker" if name == "worker" else name
        kubectl("rollout", "restart", "deployments", "--selector", f"app.kubernetes.io/name={label}")


def wait_for_models() -> None:
    """Before anybody waits for a worker, which could only wait for its model. Failed where they cannot be fetched."""
    end = time.monotonic() + MODELS
    while waiting := [name for name, state in pullers() if state != "Complete"]:
        if time.monotonic() > end:
            raise Failed(f"Job {', '.join(waiting)} has not fetched its models within {MODELS} s")
        time.sleep(LOOK)


def pullers() -> list[tuple[str, str]]:
    """Each Job that fetches models, and how it ended; "" while it runs. One that failed raises."""
    found = []
    for job in ask("get", "jobs", "--selector", "app.kubernetes.io/name=model-puller"):
        name = job["metadata"]["name"]
        held = {one["type"] for one in job.get("status", {}).get("conditions", []) if one["status"] == "True"}
        if "Failed" in held:
            raise Failed(f"Job {name} could not fetch its models: kubectl -n {NAMESPACE} logs job/{name}")
        found.append((name, "Complete" if "Complete" in held else ""))
    return found


def wait_for_rollouts() -> None:
    ours = ("--selector", "app.kubernetes.io/part-of=sluice")
    for workload in kubectl("get", "statefulsets,deployments", *ours, "--output", "name").stdout.split():
        kind = workload.partition(".")[0]  # deployment.apps/backend
        print(kubectl("rollout", "status", workload, "--timeout", PATIENCE[kind]).stdout, end="")


def smoke() -> None:
    question = (Path(__file__).parent / "smoke.py").read_text()
    print(
        kubectl(
            "exec", "-i", "deployment/backend", "--container", "backend", "--", "python", "-", stdin=question
        ).stdout
    )


def take_back(place: str, before: list[dict[str, Any]]) -> None:
    """Never raises: the failure that led here is the one to report."""
    for command in (("get", "pods"), ("get", "events", "--sort-by=.lastTimestamp")):
        print(kubectl(*command, check=False).stdout[-4000:], file=sys.stderr)
    known = {(one["kind"], one["metadata"]["name"]) for one in before}
    for one in ask("get", "-k", place, "--ignore-not-found", absent_ok=True):
        if (one["kind"], one["metadata"]["name"]) not in known:
            print(f"rollout: {one['kind']} {one['metadata']['name']} is new, and stays", file=sys.stderr)
    try:
        kubectl("delete", "jobs", "--selector", "app.kubernetes.io/name=model-puller", "--ignore-not-found")
        kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": before}))
        wait_for_rollouts()
    except Failed as failure:
        print(f"rollout: and it could not be taken back: {failure}", file=sys.stderr)


# kubectl


def ask(*arguments: str, absent_ok: bool = False) -> list[dict[str, Any]]:
    """The objects that `kubectl get …` finds."""
    text = kubectl(*arguments, "--output", "json", check=not absent_ok).stdout
    if not text.strip():
        return []
    answer = json.loads(text)
    items: list[dict[str, Any]] = answer["items"] if answer["kind"].endswith("List") else [answer]
    return items


def kubectl(*arguments: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Its output. Failed carries its own words, which name objects and never hold a Secret's value."""
    command = ["kubectl", "--namespace", NAMESPACE, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise Failed(f"kubectl {' '.join(arguments[:3])} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
