"""Which pods may connect to each other: every pair of pods is on this page, or denied."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

import pytest

from tests.deploy.rendering import Object, objects_of, of_kind, pods


class Peer(NamedTuple):
    """An end of a connection: a pod of a namespace, or an address."""

    name: str
    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    address: str = ""


OUTSIDE = [
    Peer("traefik", "traefik", (("app.kubernetes.io/name", "traefik"),)),
    Peer("traefik of k3s", "kube-system", (("app.kubernetes.io/name", "traefik"),)),
    Peer("keda", "keda", (("app", "keda-operator"),)),
    Peer("dns", "kube-system", (("k8s-app", "kube-dns"),)),
    Peer("somebody", "elsewhere", (("app.kubernetes.io/name", "backend"), ("app", "keda-operator"))),
    Peer("internet", address="203.0.113.7"),
    Peer("internet by IPv6", address="2a00:1450::7"),
    Peer("docker's host", address="172.18.0.1"),  # and k3d's API server
    Peer("metadata", address="169.254.169.254"),
    Peer("dns of the node", address="169.254.20.10"),
    Peer("api server", address="10.1.2.3"),  # as any private address: the address differs from cluster to cluster
    Peer("api server by IPv6", address="fd00::7"),
]
# A pod that cert-manager starts in our namespace, for as long as it waits for a certificate.
SOLVER = Peer("solver", "sluice", (("acme.cert-manager.io/http01-solver", "true"),))
PORTS = (22, 53, 80, 443, 5432, 6379, 6443, 8000, 8080, 8089, 11434)

NAMES = ("backend", "frontend", "ollama-worker", "redis", "postgres", "vllm", "model-puller", "solver", "secret-maker")
# From, to, port. Every pod may query the DNS.
ALWAYS = {
    ("frontend", "backend", 8000),
    ("backend", "redis", 6379),
    ("ollama-worker", "redis", 6379),
    *((name, dns, 53) for name in NAMES for dns in ("dns", "dns of the node")),
}
POSTGRES = {("backend", "postgres", 5432)}
ENTRANCE = {
    (door, name, port)
    for door in ("traefik", "traefik of k3s")
    for name, port in (("frontend", 8080), ("backend", 8000))
}
CERTIFICATES = {(door, "solver", 8089) for door in ("traefik", "traefik of k3s")}
KEDA = {("keda", "redis", 6379), ("keda", "backend", 8000)}
API_SERVERS = ("api server", "api server by IPv6", "docker's host")
API_SERVER = {("backend", name, port) for name in API_SERVERS for port in (443, 6443)}
SECRETS = {("secret-maker", name, port) for name in API_SERVERS for port in (443, 6443)}
MODELS = {("model-puller", "internet", 443), ("model-puller", "internet by IPv6", 443)}
VLLM = {("ollama-worker", "vllm", 8000)}
HOST = {("ollama-worker", "docker's host", 11434)}
BACKEND_OUT = {("backend", "internet", 443), ("backend", "internet by IPv6", 443)}
PRODUCTION = ALWAYS | POSTGRES | ENTRANCE | CERTIFICATES | KEDA | MODELS | API_SERVER
ALLOWED = {
    "production": PRODUCTION,
    "staging": PRODUCTION,
    "gateway": PRODUCTION,
    "long-jobs": PRODUCTION,
    "vllm": PRODUCTION | VLLM,
    "tight": PRODUCTION | BACKEND_OUT,
    "dev": ALWAYS | POSTGRES | ENTRANCE | HOST | SECRETS,
    "minimal": ALWAYS | MODELS | VLLM | SECRETS,
}


def test_the_open_connections_are_those_on_this_page(name: str, objects: list[Object]) -> None:
    inside = {Peer(pod.name, "sluice", tuple(sorted(pod.labels.items()))) for pod in pods(objects)} | {SOLVER}
    there = {peer.name for peer in (*inside, *OUTSIDE)}
    wanted = {edge for edge in ALLOWED[name] if {edge[0], edge[1]} <= there}
    everybody = [*inside, *OUTSIDE]
    connections = {
        (source.name, target.name, port)
        for source in everybody
        for target in everybody
        if source != target and (source in inside or target in inside)
        for port in PORTS
        if may(objects, source, target, port)
    }
    assert connections == wanted


def test_without_the_policy_that_denies_everything_any_pod_may_be_reached() -> None:
    """So this page holds because of that policy, and not because the check saw no policy."""
    everything = objects_of("production")
    fewer = [item for item in everything if item["metadata"]["name"] != "deny-all"]
    new, somebody = Peer("a pod without a policy", "sluice"), OUTSIDE[4]
    assert not may(everything, somebody, new, 8000)
    assert may(fewer, somebody, new, 8000)


@pytest.mark.parametrize("direction", ["Ingress", "Egress"])
def test_an_unknown_pod_may_neither_call_nor_be_called(objects: list[Object], direction: str) -> None:
    policy = next(item for item in of_kind(objects, "NetworkPolicy") if item["metadata"]["name"] == "deny-all")
    assert policy["spec"]["podSelector"] == {}
    assert direction in policy["spec"]["policyTypes"] and direction.lower() not in policy["spec"]


# NetworkPolicy, as Kubernetes defines it


def may(objects: list[Object], source: Peer, target: Peer, port: int) -> bool:
    """Whether both ends agree; an end that is not ours always does."""
    policies = of_kind(objects, "NetworkPolicy")
    return _agrees(policies, "egress", source, target, port) and _agrees(policies, "ingress", target, source, port)


def _agrees(policies: list[Object], direction: str, end: Peer, other: Peer, port: int) -> bool:
    if end.namespace != "sluice":
        return True
    chosen = [
        item["spec"]
        for item in policies
        if direction.capitalize() in item["spec"]["policyTypes"] and _selects(item["spec"]["podSelector"], end.labels)
    ]
    side = "to" if direction == "egress" else "from"
    rules = [rule for spec in chosen for rule in spec.get(direction, [])]
    return not chosen or any(_peers(rule, side, other) and _ports(rule, port) for rule in rules)


def _peers(rule: Object, side: str, other: Peer) -> bool:
    return side not in rule or any(_peer(item, other) for item in rule[side])


def _peer(item: Object, other: Peer) -> bool:
    if block := item.get("ipBlock"):
        return (
            bool(other.address)
            and _inside(other.address, block["cidr"])
            and not any(_inside(other.address, cidr) for cidr in block.get("except", []))
        )
    if other.address:
        return False
    if "namespaceSelector" in item:
        space = (("kubernetes.io/metadata.name", other.namespace),)
        return _selects(item["namespaceSelector"], space) and _selects(item.get("podSelector", {}), other.labels)
    return other.namespace == "sluice" and _selects(item["podSelector"], other.labels)


def _ports(rule: Object, port: int) -> bool:
    return "ports" not in rule or any(item["port"] == port for item in rule["ports"])


def _inside(address: str, cidr: str) -> bool:
    network = ipaddress.ip_network(cidr)
    parsed = ipaddress.ip_address(address)
    return parsed.version == network.version and parsed in network


def _selects(selector: Object, labels: tuple[tuple[str, str], ...]) -> bool:
    known = dict(labels)
    exact = selector.get("matchLabels", {}).items() <= known.items()
    expressions = selector.get("matchExpressions", [])
    assert all(item["operator"] == "In" for item in expressions)
    return exact and all(known.get(item["key"]) in item["values"] for item in expressions)


def test_addresses_are_such_as_an_api_server_takes(objects: list[Object]) -> None:
    """An API server refuses an IPv4 address written as IPv6, and an exception outside its block. No schema does."""
    for whole, excepted in _blocks(of_kind(objects, "NetworkPolicy")):
        inner, outer = ipaddress.ip_network(excepted), ipaddress.ip_network(whole)
        assert inner.version == outer.version and inner.prefixlen > outer.prefixlen, excepted
        assert getattr(inner.network_address, "ipv4_mapped", None) is None, excepted


def _blocks(node: object) -> list[tuple[str, str]]:
    """(block, an exception of it), wherever they stand."""
    if isinstance(node, list):
        return [pair for item in node for pair in _blocks(item)]
    if not isinstance(node, dict):
        return []
    if "cidr" in node:
        return [(node["cidr"], item) for item in node.get("except", [])]
    return [pair for item in node.values() for pair in _blocks(item)]
