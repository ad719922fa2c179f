"""The manifests are what an API server takes, in every Kubernetes that they are for."""

from __future__ import annotations

import difflib
import json
from copy import deepcopy
from functools import cache

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.deploy.modules import schemas
from tests.deploy.rendering import DEPLOY, OVERLAYS, VARIANTS, Object, kustomize, name_of, named, objects_of

OLDEST, NEWEST = "1.30", "1.37"  # Kubernetes; native sidecars and sleeping hooks are on by default from the oldest on


@cache
def validator(api_version: str, kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schemas()[api_version, kind])


def refused(item: Object, version: str) -> str:
    """The API server's objection, with unknown fields refused; "" where the object is taken."""
    return _refused(json.dumps(item), version)


@cache  # most objects are the same in all overlays
def _refused(text: str, version: str) -> str:
    item = json.loads(text)
    try:
        if (item["apiVersion"], item["kind"]) in schemas():
            validator(item["apiVersion"], item["kind"]).validate(item)
        else:
            kubernetes_validate.validate(item, version, strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        return f"{name_of(item)}: {'.'.join(str(part) for part in error.path)}: {error.message}"
    return ""


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_fits_its_schema(objects: list[Object], version: str) -> None:
    assert [why for item in objects if (why := refused(item, version))] == []


@pytest.mark.parametrize("kind", ["Deployment", "ScaledObject", "Ingress", "NetworkPolicy"])
def test_a_misspelt_field_is_refused(kind: str) -> None:
    item = deepcopy(next(item for item in objects_of("production") if item["kind"] == kind))
    item["spec"]["mispelt"] = 1
    assert "mispelt" in refused(item, OLDEST)


def test_a_misspelt_field_deep_in_a_scaled_object_is_refused() -> None:
    item = deepcopy(named(objects_of("production"), "ScaledObject", "ollama-worker-default"))
    item["spec"]["triggers"][0]["metaData"] = {}
    assert "metaData" in refused(item, OLDEST)


def test_names_are_unique_and_all_is_in_one_namespace(objects: list[Object]) -> None:
    names = [name_of(item) for item in objects]
    assert len(names) == len(set(names))
    wide = {"Namespace", "PriorityClass"}
    assert {item["metadata"].get("namespace") for item in objects if item["kind"] not in wide} == {"sluice"}


def test_every_object_that_another_names_is_rendered(objects: list[Object]) -> None:
    """A ConfigMap, a volume claim, a service account or a priority is rendered with the object that names it."""
    there = {name_of(item) for item in objects} | {"ConfigMap/kube-root-ca.crt"}  # which every namespace has
    assert named_by(objects) - there == set()


def named_by(objects: list[Object]) -> set[str]:
    names: set[str] = set()
    for item in objects:
        _look(item, names)
    return names


def _look(node: object, names: set[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _look(item, names)
    if not isinstance(node, dict):
        return
    for key, kind in (("configMapRef", "ConfigMap"), ("configMap", "ConfigMap")):
        if isinstance(named := node.get(key), dict):
            names.add(f"{kind}/{named['name']}")
    for key, kind in (("serviceAccountName", "ServiceAccount"), ("priorityClassName", "PriorityClass")):
        if key in node:
            names.add(f"{kind}/{node[key]}")
    if "claimName" in node:
        names.add(f"PersistentVolumeClaim/{node['claimName']}")
    for value in node.values():
        _look(value, names)


def test_chatbot_yaml_is_what_the_minimal_overlay_renders() -> None:
    """`make manifests` writes it."""
    header, _, written = (DEPLOY / "chatbot.yaml").read_text().partition("\n---\n")
    assert all(line.startswith("#") for line in header.splitlines())
    rendered = kustomize(DEPLOY / "overlays" / "minimal")
    changes = list(difflib.unified_diff(written.splitlines(), rendered.splitlines(), "written", "rendered", n=1))
    assert changes == [], "deploy/chatbot.yaml is stale: run `make manifests`"


def test_the_minimal_overlay_needs_nothing_but_kubernetes_itself() -> None:
    """No KEDA, no Traefik, no cert-manager: one `kubectl apply`."""
    assert [name_of(item) for item in objects_of("minimal") if (item["apiVersion"], item["kind"]) in schemas()] == []


def test_every_file_holds_one_object() -> None:
    for path in sorted(DEPLOY.glob("[bco]*/**/*.yaml")):
        assert len(list(yaml.safe_load_all(path.read_text()))) == 1, path


def test_every_component_is_rendered_by_some_test() -> None:
    used = set()
    for path in (DEPLOY / "overlays").glob("*/kustomization.yaml"):
        used |= {name.rpartition("/")[2] for name in yaml.safe_load(path.read_text()).get("components", [])}
    for variant in VARIANTS.values():
        used |= {*variant.first, *variant.last}
    assert used == {path.name for path in (DEPLOY / "components").iterdir()}
    assert set(OVERLAYS) == {"dev", "staging", "production", "minimal"}
