"""A stand-in for kubectl and the cluster behind it, which no test can have: it keeps applied objects in a file.

`python stand_in_kubectl.py HOME WORDS…`. In HOME lies `state.json`: `objects` by "Kind/name", as an API server would
keep them; `pods`, of each Deployment and StatefulSet, the images of all processes that it has had; `calls`; and what a
test wants to fail: `broken`, a part of an image's name whose pods never get ready, `unfetched`, models that no Job
can fetch, and `silent`, a house that answers no chat. Rendering is kustomize's own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

KUSTOMIZE = Path(__file__).parents[2] / "deploy" / "kustomize.sh"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
Object = dict[str, Any]


def main(home: Path, words: list[str]) -> int:
    file = home / "state.json"
    state = json.loads(file.read_text())
    assert words[:2] == ["--namespace", "sluice"], words
    state["calls"].append(" ".join(words[2:]))
    status = Cluster(state).answer(words[2:])
    file.write_text(json.dumps(state))
    return status


class Cluster:
    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        self.objects: dict[str, Object] = state["objects"]

    def answer(self, words: list[str]) -> int:
        match words:
            case ["kustomize", folder]:
                print(render(folder))
            case ["get", "-k", folder, *_]:
                self.print_list([self.objects[key] for key in map(key_of, objects(folder)) if key in self.objects])
            case ["get", "statefulsets,deployments", *_]:
                print("\n".join(name_of(key) for key in sorted(self.objects) if is_workload(key)))
            case ["get", "jobs", *_]:
                self.print_list([self.ended(item) for key, item in self.objects.items() if key.startswith("Job/")])
            case ["get", "deployments", *_]:
                self.print_list([item for key, item in self.objects.items() if key.startswith("Deployment/")])
            case ["get", "scaledjobs", *_]:
                print("error: the server doesn't have a resource type", file=sys.stderr)
                return 1
            case ["apply", "-k", folder]:
                self.apply(objects(folder))
            case ["apply", "-f", "-"]:
                self.apply(json.load(sys.stdin)["items"])
            case ["rollout", "restart", "deployments", "--selector", label]:
                self.start_pods(next(key for key, item in self.objects.items() if is_labelled(item, label)))
            case ["rollout", "status", name, *_]:
                kind = "StatefulSet" if name.startswith("statefulset.") else "Deployment"
                return self.status(f"{kind}/{name.partition('/')[2]}")
            case ["exec", *_]:
                sys.stdin.read()
                print("no answer" if self.state["silent"] else "Job 1 was answered")
                return int(self.state["silent"])
        return 0

    def print_list(self, items: list[Object]) -> None:
        print(json.dumps({"kind": "List", "items": items}))

    def apply(self, wanted: list[Object]) -> None:
        for item in wanted:
            before = self.objects.get(key := key_of(item))
            kept = json.loads(json.dumps(item))
            kept["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(item)
            self.objects[key] = kept
            changed = is_workload(key) and (not before or before["spec"]["template"] != kept["spec"]["template"])
            if changed and not self.waits_for_its_pod(key):
                self.start_pods(key)

    def ended(self, job: Object) -> Object:
        how = "Failed" if self.state["unfetched"] else "Complete"
        return {**job, "status": {"conditions": [{"type": how, "status": "True"}]}}

    def waits_for_its_pod(self, key: str) -> bool:
        """Whether a StatefulSet that keeps an order waits: it replaces no pod that is not ready."""
        policy = self.objects[key]["spec"].get("podManagementPolicy", "OrderedReady")
        return key.startswith("StatefulSet/") and policy == "OrderedReady" and self.is_stuck(key)

    def start_pods(self, key: str) -> None:
        spec = self.objects[key]["spec"]["template"]["spec"]
        self.state["pods"].setdefault(key, []).append([item["image"] for item in spec["containers"]])

    def status(self, key: str) -> int:
        stuck = self.is_stuck(key)
        print(f"{key} {'exceeded its progress deadline' if stuck else 'successfully rolled out'}")
        return int(stuck)

    def is_stuck(self, key: str) -> bool:
        broken = self.state["broken"]
        return bool(broken) and any(broken in image for image in self.state["pods"].get(key, [[]])[-1])


def objects(folder: str) -> list[Object]:
    return [item for item in yaml.load_all(render(folder), Loader=yaml.CSafeLoader) if item]


def render(folder: str) -> str:
    """Renders once a folder, since that takes a second and no folder changes: each rollout removes its own."""
    kept = Path(folder, "rendered")
    if not kept.exists():
        kept.write_text(subprocess.run([KUSTOMIZE, "build", folder], check=True, capture_output=True, text=True).stdout)
    return kept.read_text()


def key_of(item: Object) -> str:
    return f"{item['kind']}/{item['metadata']['name']}"


def name_of(key: str) -> str:
    """The object's name as `--output name` writes it."""
    kind, _, name = key.partition("/")
    return f"{kind.lower()}.apps/{name}"


def is_workload(key: str) -> bool:
    return key.startswith(("Deployment/", "StatefulSet/"))


def is_labelled(item: Object, label: str) -> bool:
    name, _, value = label.partition("=")
    return bool(item["kind"] == "Deployment" and item["metadata"].get("labels", {}).get(name) == value)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
