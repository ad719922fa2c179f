"""A stand-in of Kubernetes' API server: pods that can be listed by label and patched, with the real one's answers.

Authorisation by roles, TLS and admission are beyond the stand-in; tests/kubernetes shows them on a real server.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import yaml

COST = "controller.kubernetes.io/pod-deletion-cost"
WORKER = {"app.kubernetes.io/name": "ollama-worker", "app.kubernetes.io/part-of": "sluice"}
TOKEN = "token-of-a-service-account"
# The types that a server of today takes for an object's patch; a JSON patch is a list.
OBJECTS = ("application/merge-patch+json", "application/strategic-merge-patch+json")


class Received(NamedTuple):
    verb: str  # "list" or "patch"
    pod: str
    cost: str
    kind: str  # Content-Type


class ApiServer:
    """Namespace `sluice`. `answers`: a status for all requests instead of the truth; "hang": no answer at all."""

    def __init__(self) -> None:
        self.pods: dict[str, dict[str, Any]] = {}
        self.requests: list[Received] = []
        self.answers: int | str = ""
        self.held = threading.Semaphore(0)  # one more for each request that hangs
        self.let_go = threading.Event()  # hanging ends
        self.given_up = 0  # requests that hung until their caller went away
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def add(self, name: str, labels: dict[str, str] = WORKER, **annotations: str) -> None:
        metadata = {"name": name, "namespace": "sluice", "labels": labels}
        if annotations:
            metadata["annotations"] = {COST: annotations["cost"]}
        self.pods[name] = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}

    def cost(self, name: str) -> str | None:
        """The pod's mark."""
        found: str | None = self.pods[name]["metadata"].get("annotations", {}).get(COST)
        return found

    def patches(self) -> list[tuple[str, str]]:
        return [(request.pod, request.cost) for request in self.requests if request.verb == "patch"]

    def configuration(self, folder: Path) -> Path:
        """A file for KUBECONFIG."""
        user = {"name": "api", "user": {"token": TOKEN}}
        cluster = {"name": "here", "cluster": {"server": self.url}}
        context = {"name": "it", "context": {"cluster": "here", "user": "api", "namespace": "sluice"}}
        whole = {"apiVersion": "v1", "kind": "Config", "users": [user], "clusters": [cluster], "contexts": [context]}
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump({**whole, "current-context": "it"}))
        return path

    def respond(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and object. A wrong token, namespace, selector or content type is refused as the real server would."""
        if headers["Authorization"].lower() != f"bearer {TOKEN}":
            return _status(401, "Unauthorized")
        parts = urlsplit(target)
        words = parts.path.strip("/").split("/")
        if words[:5] != ["api", "v1", "namespaces", "sluice", "pods"]:
            return _status(404, "NotFound")
        name = words[5] if len(words) > 5 else ""
        patch = json.loads(body) if method == "PATCH" else {}
        cost = patch.get("metadata", {}).get("annotations", {}).get(COST, "") if isinstance(patch, dict) else ""
        kind = headers["Content-Type"] or ""
        self.requests.append(Received("patch" if method == "PATCH" else "list", name, cost, kind))
        if isinstance(self.answers, int):
            return _status(self.answers, {403: "Forbidden"}.get(self.answers, "InternalError"))
        if method == "PATCH":
            return self._patch(name, patch, kind)
        return 200, {"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": self._list(parts.query)}

    def _list(self, query: str) -> list[dict[str, Any]]:
        selector = parse_qs(query).get("labelSelector", [""])[0]
        wanted = dict(pair.split("=") for pair in selector.split(",") if pair)
        return [pod for pod in self.pods.values() if wanted.items() <= pod["metadata"]["labels"].items()]

    def _patch(self, name: str, patch: dict[str, Any], kind: str) -> tuple[int, dict[str, Any]]:
        if kind not in OBJECTS:
            return _status(415, "UnsupportedMediaType")
        if name not in self.pods:
            return _status(404, "NotFound")
        annotations = patch["metadata"]["annotations"]
        if not all(isinstance(value, str) for value in annotations.values()):
            return _status(400, "BadRequest")
        self.pods[name]["metadata"].setdefault("annotations", {}).update(annotations)
        return 200, self.pods[name]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(b"")

            def do_PATCH(self) -> None:
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, body: bytes) -> None:
                if world.answers == "hang":
                    world.held.release()
                    self.close_connection = True
                    return self._hang()
                status, answer = world.respond(self.command, self.path, self.headers, body)
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def _hang(self) -> None:
                self.connection.settimeout(0.02)
                while not world.let_go.is_set():
                    try:
                        if not self.connection.recv(1):
                            world.given_up += 1
                            return
                    except TimeoutError:
                        continue

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _status(code: int, reason: str) -> tuple[int, dict[str, Any]]:
    """A refusal in the shape of the API machinery."""
    return code, {"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": reason, "code": code}


@contextmanager
def api_server() -> Iterator[ApiServer]:
    world = ApiServer()
    thread = threading.Thread(target=world.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield world
    finally:
        world.let_go.set()
        world.server.shutdown()
        thread.join()
        world.server.server_close()
