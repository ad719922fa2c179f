"""The Job that makes an overlay's passwords in the cluster: its own script, before a stand-in of an API server."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.rendering import DEPLOY
from tests.kubernetes.authority import Authority

SCRIPT = DEPLOY / "components" / "make-secrets" / "make-secrets.py"
TOKEN = "a-token-of-this-pod"
KEYS = ("redis-api-password", "postgres-password")


class Cluster(HTTPServer):
    """Keeps Secrets as an API server does: an existing Secret stays. `refusals`: statuses that come first."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), Creation)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority["tls.crt"], authority["tls.key"])
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.made: dict[str, dict[str, Any]] = {}
        self.refusals: list[int] = []


class Creation(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        cluster = self.server
        assert isinstance(cluster, Cluster)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self._status(cluster, body))
        self.end_headers()

    def _status(self, cluster: Cluster, body: dict[str, Any]) -> int:
        if cluster.refusals:
            return cluster.refusals.pop(0)
        if self.path != "/api/v1/namespaces/sluice/secrets" or self.headers["Authorization"] != f"Bearer {TOKEN}":
            return 403
        name = body["metadata"]["name"]
        return 409 if cluster.made.setdefault(name, body) is not body else 201

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Runs the Job's script with the pod's account in `account`."""
    authority = Authority(tmp_path / "authority")
    account = tmp_path / "account"
    account.mkdir()
    (account / "ca.crt").write_bytes(Path(authority["ca.crt"]).read_bytes())
    (account / "token").write_text(TOKEN)
    (account / "namespace").write_text("sluice")
    with Cluster(authority) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def make(cluster: Cluster, home: Path, name: str = "sluice-secrets") -> subprocess.CompletedProcess[str]:
    where = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(cluster.server_port)}
    env = {"PATH": os.environ["PATH"], "SERVICE_ACCOUNT": str(home / "account"), **where}
    command = [sys.executable, str(SCRIPT), name, *KEYS]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_a_secret_is_made_of_random_passwords_that_fit_into_a_url_and_are_printed_nowhere(
    cluster: Cluster, tmp_path: Path
) -> None:
    done = make(cluster, tmp_path)
    make(cluster, tmp_path, "another")
    passwords = [value for made in cluster.made.values() for value in made["stringData"].values()]
    assert set(cluster.made["sluice-secrets"]["stringData"]) == set(KEYS)
    assert len(set(passwords)) == 4 and all(re.fullmatch(r"[0-9a-f]{48}", value) for value in passwords)
    assert done.returncode == 0 and not any(value in done.stdout + done.stderr for value in passwords)


def test_a_secret_that_is_there_stays_as_it_is(cluster: Cluster, tmp_path: Path) -> None:
    make(cluster, tmp_path)
    before = json.dumps(cluster.made)
    assert make(cluster, tmp_path).returncode == 0
    assert json.dumps(cluster.made) == before


def test_a_right_or_a_server_that_comes_a_moment_later_is_awaited(cluster: Cluster, tmp_path: Path) -> None:
    cluster.refusals = [403, 503]
    assert make(cluster, tmp_path).returncode == 0
    assert "sluice-secrets" in cluster.made


def test_no_password_stands_in_the_tree() -> None:
    """Neither in overlays nor in bases or components: passwords are made where the house is brought up."""
    for path in DEPLOY.rglob("*"):
        if path.suffix in (".yaml", ".env") and path.is_file():
            assert re.findall(r"^\s*[a-z-]*password[=:] *\S{8,}", path.read_text(), re.MULTILINE) == [], path
