"""What the overlays render: every overlay, and production with each component that no overlay has."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = sorted(path.name for path in (DEPLOY / "overlays").iterdir())
Object = dict[str, Any]


class Variant(NamedTuple):
    """Production with more components, as an operator would add them: each before or behind an existing one."""

    first: tuple[str, ...] = ()  # components that later ones change
    last: tuple[str, ...] = ()


VARIANTS = {
    "gateway": Variant(first=("gateway-api",)),
    "long-jobs": Variant(first=("keda", "scaled-job")),
    "vllm": Variant(first=("keda", "vllm")),
    "tight": Variant(
        last=("redis-tls", "exact-scaling", "external-secrets", "egress-backend"),
    ),
}
ALL = (*OVERLAYS, *VARIANTS)


def kustomize(folder: Path) -> str:
    """What `kubectl apply -k` would apply. A refusal fails with kustomize's own message."""
    command = [str(DEPLOY / "kustomize.sh"), "build", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # kustomize's warnings: what is deprecated today is refused tomorrow
    return done.stdout


@cache
def text_of(name: str) -> str:
    """An overlay or a variant, rendered."""
    if name in VARIANTS:
        return text_with(VARIANTS[name])
    return kustomize(DEPLOY / "overlays" / name)


@cache
def objects_of(name: str) -> list[Object]:
    """The same as objects; a caller that changes an object copies it first."""
    return [item for item in yaml.load_all(text_of(name), Loader=yaml.CSafeLoader) if item]


def text_with(variant: Variant) -> str:
    """Production with other components, rendered."""
    with TemporaryDirectory() as place:
        return kustomize(_variant(Path(place), variant))


def _variant(place: Path, variant: Variant) -> Path:
    """Production with other components, in a copy of the tree: kustomize takes relative paths only."""
    shutil.copytree(DEPLOY, place / "deploy")
    overlay = place / "deploy" / "overlays" / "production"
    file = overlay / "kustomization.yaml"
    whole = yaml.safe_load(file.read_text())
    first, last = ([f"../../components/{name}" for name in names] for names in variant)
    whole["components"] = [*first, *(name for name in whole["components"] if name not in first), *last]
    file.write_text(yaml.safe_dump(whole))
    return overlay


# Looking into objects


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [item for item in objects if item["kind"] in kinds]


def named(objects: list[Object], kind: str, name: str) -> Object:
    return next(item for item in of_kind(objects, kind) if item["metadata"]["name"] == name)


def name_of(item: Object) -> str:
    return f"{item['kind']}/{item['metadata']['name']}"


TEMPLATES: dict[str, Callable[[Object], Object]] = {
    "Deployment": lambda item: item["spec"]["template"],
    "StatefulSet": lambda item: item["spec"]["template"],
    "Job": lambda item: item["spec"]["template"],
    "ScaledJob": lambda item: item["spec"]["jobTargetRef"]["template"],
}


class Pod(NamedTuple):
    """A pod as one of the objects would make it."""

    owner: Object
    labels: dict[str, str]
    spec: Object

    @property
    def name(self) -> str:
        return self.labels["app.kubernetes.io/name"]

    @property
    def containers(self) -> list[Object]:
        """All containers, init containers too."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def lasting(self) -> list[Object]:
        """The containers that run as long as the pod: its containers and native sidecars."""
        sidecars = [item for item in self.spec.get("initContainers", []) if item.get("restartPolicy") == "Always"]
        return [*sidecars, *self.spec["containers"]]


def pods(objects: list[Object]) -> list[Pod]:
    templates = [(item, TEMPLATES[item["kind"]](item)) for item in of_kind(objects, *TEMPLATES)]
    return [Pod(item, template["metadata"]["labels"], template["spec"]) for item, template in templates]


def containers(objects: list[Object]) -> Iterator[tuple[Pod, Object]]:
    for pod in pods(objects):
        for container in pod.containers:
            yield pod, container


def environment(objects: list[Object], container: Object) -> dict[str, str]:
    """The variables in the environment of the container's process; a Secret's value is only marked as a secret."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom", []):
        variables |= named(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container.get("env", []):
        if (source := variable.get("valueFrom")) is None:
            variables[variable["name"]] = _expanded(variable["value"], variables)
        elif not source["secretKeyRef"].get("optional"):
            variables[variable["name"]] = f"secret-{source['secretKeyRef']['key']}"
    return variables


def _expanded(value: str, known: dict[str, str]) -> str:
    """`$(NAME)` as Kubernetes reads it: of what stands before, and as it is where nothing does."""
    for name, text in known.items():
        value = value.replace(f"$({name})", text)
    return value


QUANTITIES = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "": 1.0}


def quantity(value: str | int | float) -> float:
    """`500m` → 0.5, `1Gi` → 2**30."""
    text = str(value)
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * QUANTITIES[unit]
