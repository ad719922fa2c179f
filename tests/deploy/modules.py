"""Other people's definitions, read from their Go modules: pinned by hash, in the module cache, not committed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml


class Module(NamedTuple):
    """A Go module, and where in it its CRDs lie. `sum` is the hash that Go's checksum database has for this version."""

    path: str
    version: str
    sum: str
    crds: str


KEDA = Module(
    "github.com/kedacore/keda/v2",
    "v2.20.2",
    "h1:SR60v8uIcelbveS8n/1jcl8tLdBBIbHMxmdOHw8tKqA=",
    "config/crd/bases/*.yaml",
)
GATEWAY_API = Module(
    "sigs.k8s.io/gateway-api",
    "v1.4.1",
    "h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8=",
    "config/crd/standard/*.yaml",
)
TRAEFIK = Module(
    "github.com/traefik/traefik/v3",
    "v3.6.12",
    "h1:6pe4s7aaDTQs+AsF7KP3sM/xnq7zOVvibRQe5tw9eFo=",
    "docs/content/reference/dynamic-configuration/traefik.io_*.yaml",
)
EXTERNAL_SECRETS = Module(
    "github.com/external-secrets/external-secrets",
    "v1.3.2",
    "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
    "config/crds/bases/external-secrets.io_externalsecrets.yaml",
)


def folder(module: Module) -> Path:
    """The folder where Go keeps the module's source. A module of another content than the pinned one is refused."""
    command = ["go", "mod", "download", "-json", f"{module.path}@{module.version}"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{module.path} cannot be had:\n{done.stdout}{done.stderr}"
    module_info = json.loads(done.stdout)
    assert module_info["Sum"] == module.sum, (
        f"{module.path} {module.version} is not what was pinned: {module_info['Sum']}"
    )
    return Path(module_info["Dir"])


@cache
def schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """(apiVersion, kind) → its schema, with unknown fields refused; of every CRD that the manifests may use."""
    closed: dict[tuple[str, str], dict[str, Any]] = {}
    for definition in definitions():
        closed.update(_versions(definition["spec"]))
    return closed


def definitions() -> Iterator[dict[str, Any]]:
    """Every CRD that the manifests may use."""
    for module in (KEDA, GATEWAY_API, TRAEFIK, EXTERNAL_SECRETS):
        for path in sorted(folder(module).glob(module.crds)):
            for definition in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
                if definition and definition["kind"] == "CustomResourceDefinition":
                    yield definition


def _versions(spec: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (f"{spec['group']}/{version['name']}", spec["names"]["kind"]): _closed(version["schema"]["openAPIV3Schema"])
        for version in spec["versions"]
        if version["served"]
    }


def _closed(node: dict[str, Any], top: bool = True) -> dict[str, Any]:
    """A CRD's schema as JSON Schema that refuses what an API server would drop."""
    whole = dict(node)
    if "properties" in node:
        whole["properties"] = {name: _closed(schema, top=False) for name, schema in node["properties"].items()}
        if top:  # every object has these, and their schema is Kubernetes' own affair
            whole["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {}, "status": {}}
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            whole["additionalProperties"] = False
    if isinstance(node.get("additionalProperties"), dict):
        whole["additionalProperties"] = _closed(node["additionalProperties"], top=False)
    if isinstance(node.get("items"), dict):
        whole["items"] = _closed(node["items"], top=False)
    if node.get("x-kubernetes-int-or-string"):
        whole.pop("type", None)
    return whole
