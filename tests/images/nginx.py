"""The page's nginx as it is shipped, on a port of its own and in front of APIs of a test's choice."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.images.dockerfile import IMAGES, ROOT
from tests.support.child import Child, free_port
from tests.support.waiting import eventually, wait_until

PAGE = ROOT / "frontend" / "out"
NOT_FOR_VISITORS = (
    "headers.json",
    "headers.nginx.conf",
    ".source-hash",
    "404",
    "_not-found",
)  # see frontend.Dockerfile
SERVER = "    server backend:8000 max_fails=0;\n"
COMPOSE = ROOT / "deploy" / "compose" / "api.conf"


class Nginx(Child):
    """Debian's nginx with deploy/images/nginx.conf: only places, ports and the API's address are others.

    `apis`: where APIs listen, on 127.0.0.1. `names`: the port of a DNS server that resolves `backend` instead, as in
    compose; all APIs then listen on one port, on the addresses that it gives.
    """

    def __init__(self, home: Path, apis: Sequence[int], names: int | None = None) -> None:
        self._names = names
        self.port = free_port()
        (home / "temporary").mkdir(parents=True)
        shutil.copytree(PAGE, home / "page", ignore=shutil.ignore_patterns(*NOT_FOR_VISITORS))
        shutil.copy(PAGE / "headers.nginx.conf", home / "page-headers.conf")
        # Started as root, its workers would become nobody, a user who may not enter a test's folders.
        as_ourselves = ["-g", "user root;"] if os.geteuid() == 0 else []
        command = ["nginx", "-e", "stderr", "-c", str(home / "nginx.conf"), *as_ourselves]
        super().__init__("nginx", command, dict(os.environ), home)
        self._configure(apis)

    def _configure(self, apis: Sequence[int]) -> None:
        changes = {
            "/etc/nginx/api.conf": str(self.cwd / "api.conf"),
            "listen 8080;": f"listen 127.0.0.1:{self.port};",
            "/srv/page": str(self.cwd / "page"),
            "/tmp/nginx": str(self.cwd / "temporary" / "nginx"),
        }
        self._write(IMAGES / "nginx.conf", changes)
        if self._names is None:
            servers = "".join(SERVER.replace("backend:8000", f"127.0.0.1:{port}") for port in apis)
            self._write(IMAGES / "api.conf", {SERVER * 2: servers})
        else:
            self._write(COMPOSE, {"127.0.0.11": f"127.0.0.1:{self._names}", ":8000": f":{apis[0]}"})

    def _write(self, shipped: Path, changes: Mapping[str, str]) -> None:
        """Copies a shipped file into our folder, with these changes."""
        text = shipped.read_text()
        for part, here in changes.items():
            assert part in text, f"{shipped.name} has no {part!r} any more"
            text = text.replace(part, here)
        (self.cwd / shipped.name).write_text(text)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        super().start()
        wait_until(self._runs, 10, "nginx runs")

    def _runs(self) -> bool:
        assert self.alive, self.tail()
        return (self.cwd / "temporary" / "nginx.pid").exists()

    async def reload(self, apis: Sequence[int]) -> None:
        """Sets other APIs from now on, as by `nginx -s reload`. Returns when the old workers take no new connection."""
        before = self._workers()
        self._configure(apis)
        self.signal(signal.SIGHUP)
        await eventually(lambda: None if before & self._workers() else True, 10, "nginx has taken the new upstreams")

    def quit(self) -> None:
        """Stops as by `nginx -s quit`, which is how its container is stopped: what passes through may end."""
        self.signal(signal.SIGQUIT)

    def _workers(self) -> set[str]:
        """Pids of the workers that take new connections."""
        assert self.alive, self.tail()
        pids = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return {pid for pid in pids if _title(pid) == "nginx: worker process"}


@contextmanager
def running(home: Path, *apis: int, names: int | None = None) -> Iterator[Nginx]:
    """A running nginx; its log is shown beside a test that failed."""
    nginx = Nginx(home / "nginx", apis, names)
    nginx.start()
    try:
        yield nginx
    finally:
        nginx.stop()
        print(nginx.tail())


def _title(pid: str) -> str:
    """The title that `ps` shows, in which nginx notes whether it is shutting down. Empty for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0 ").decode()
    except OSError:
        return ""
