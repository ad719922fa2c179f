"""`docker` and `docker compose` as tests use them: one project, whose containers and volumes end with it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.images.dockerfile import ROOT
from tests.support.child import free_port

HERE = Path(__file__).parent
FILES = ("-f", str(ROOT / "docker-compose.yml"), "-f", str(HERE / "house.yaml"))
LONG = 1500  # seconds for a build on a busy machine


def docker(*words: str, within: float = 300) -> str:
    """The command's output; a failure shows both streams."""
    return run(["docker", *words], within)


def run(command: list[str], within: float, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


class Compose:
    """docker-compose.yml with house.yaml, as a project of its own on a free port of 127.0.0.1."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __call__(self, *words: str, within: float = 300) -> str:
        given = {"PUBLISHED_PORT": str(self.port), "COMPOSE_PROJECT_NAME": self.project}
        return run(["docker", "compose", "-p", self.project, *FILES, *words], within, given)

    def up(self, *words: str) -> None:
        self("up", "--wait", "--no-build", "--detach", *words)

    def down(self) -> None:
        self("down", "--volumes", "--timeout", "20", "--remove-orphans")

    def containers(self, service: str) -> list[str]:
        """The ids of the containers that run."""
        return self("ps", "--quiet", service).split()

    def redis(self, *words: str) -> str:
        """Runs a command of the queue's server, as the API's user."""
        password = self.environment("redis")["API_PASSWORD"]
        client = ("valkey-cli", "--user", "api", "--pass", password, "--no-auth-warning")
        return self("exec", "-T", "redis", *client, *words).strip()

    def environment(self, service: str) -> dict[str, str]:
        [container] = self.containers(service)[:1]
        return dict(word.split("=", 1) for word in inspect(container)["Config"]["Env"])


def inspect(name: str) -> dict[str, Any]:
    """Docker's description of a container or an image."""
    [description] = json.loads(docker("inspect", name))
    fields: dict[str, Any] = description
    return fields
