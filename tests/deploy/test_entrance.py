"""The entrance sends the API's paths to the API, all others to the page, and /metrics to no upstream."""

from __future__ import annotations

from typing import Any

import pytest

from backend.app import create_app
from backend.dialects.protocols import PROTOCOLS
from backend.entrance.slashes import TrailingSlashes
from backend.settings import ApiSettings
from tests.deploy.rendering import Object, environment, named, objects_of, of_kind

WITH_A_WAY_IN = ("dev", "staging", "production", "gateway")
DOCUMENTATION = {"/docs", "/openapi.json", "/static-offline-docs"}  # which no document lists: the document and its page


def document() -> dict[str, Any]:
    return create_app(ApiSettings(_env_file=None)).openapi()  # type: ignore[call-arg]


def wanted() -> set[str]:
    """The first part of every path of the OpenAPI document, less the paths that are not for people outside."""
    return {"/" + path.split("/")[1] for path in document()["paths"]} - {"/metrics"} | DOCUMENTATION


def api_parts() -> frozenset[str]:
    """The first parts of the paths that the API keeps from the page."""
    app = create_app(ApiSettings(_env_file=None))  # type: ignore[call-arg]
    [parts] = [added.kwargs["api"] for added in app.user_middleware if added.cls is TrailingSlashes]  # type: ignore[comparison-overlap]
    assert isinstance(parts, frozenset)
    return parts


def ways(objects: list[Object]) -> dict[str, tuple[str, str, int | str]]:
    """Path → (kind of match, service, port)."""
    routes: dict[str, tuple[str, str, int | str]] = {}
    for ingress in of_kind(objects, "Ingress"):
        for path in ingress["spec"]["rules"][0]["http"]["paths"]:
            service = path["backend"]["service"]
            routes[path["path"]] = (path["pathType"], service["name"], service["port"]["name"])
    for route in of_kind(objects, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            target = rule["backendRefs"][0]
            for match in rule["matches"]:
                routes[match["path"]["value"]] = (match["path"]["type"], target["name"], target["port"])
    return routes


@pytest.mark.parametrize("name", WITH_A_WAY_IN)
def test_every_prefix_of_the_openapi_document_goes_to_the_api_and_the_rest_to_the_page(name: str) -> None:
    routes = ways(objects_of(name))
    assert {path for path, (_, service, _) in routes.items() if service == "backend"} == wanted()
    assert {path for path, (_, service, _) in routes.items() if service == "frontend"} == {"/"}
    assert routes["/"][0] in ("Prefix", "PathPrefix")


@pytest.mark.parametrize("name", WITH_A_WAY_IN)
def test_metrics_are_not_among_the_ways(name: str) -> None:
    assert not any(path.startswith("/metrics") for path in ways(objects_of(name)))


def test_the_entrance_sends_the_api_every_path_that_the_api_keeps_from_the_page() -> None:
    assert {"/" + part for part in api_parts()} - {"/metrics"} == wanted()


@pytest.mark.parametrize("name", WITH_A_WAY_IN)
def test_every_path_of_every_client_protocol_goes_to_the_api(name: str) -> None:
    prefixes = {path for path, (_, service, _) in ways(objects_of(name)).items() if service == "backend"}
    for protocol in PROTOCOLS:
        assert {"/" + path.split("/")[1] for path in protocol.prefixes} <= prefixes, protocol.name


@pytest.mark.parametrize("name", WITH_A_WAY_IN)
def test_the_ways_lead_to_ports_that_are_there(name: str) -> None:
    objects = objects_of(name)
    for _, service, port in ways(objects).values():
        ports = named(objects, "Service", service)["spec"]["ports"]
        assert port in {item["name"] for item in ports} | {item["port"] for item in ports}


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_api_answers_for_the_host_of_the_entrance(name: str) -> None:
    objects = objects_of(name)
    ingress = of_kind(objects, "Ingress")[0]
    host = ingress["spec"]["rules"][0]["host"]
    backend = named(objects, "Deployment", "backend")["spec"]["template"]["spec"]["containers"][0]
    assert environment(objects, backend)["SLUICE_ALLOWED_HOSTS"].split(",") == [host]
    assert ingress["spec"]["tls"] == [{"hosts": [host], "secretName": "sluice-tls"}]
    entry = "traefik.ingress.kubernetes.io/router.entrypoints"
    assert ingress["metadata"]["annotations"][entry] == "websecure"


def test_a_gateway_speaks_https_only_and_cuts_no_stream() -> None:
    objects = objects_of("gateway")
    assert of_kind(objects, "Ingress") == []
    assert [item["protocol"] for item in of_kind(objects, "Gateway")[0]["spec"]["listeners"]] == ["HTTPS"]
    rules = {rule["name"]: rule for rule in of_kind(objects, "HTTPRoute")[0]["spec"]["rules"]}
    assert rules["api"]["timeouts"] == {"request": "0s", "backendRequest": "0s"}


@pytest.mark.parametrize("name", WITH_A_WAY_IN)
def test_nothing_on_the_way_holds_a_stream_back(name: str) -> None:
    """No middleware of Traefik's waits for an answer's end."""
    for item in of_kind(objects_of(name), "Middleware"):
        assert set(item["spec"]) == {"basicAuth"}
