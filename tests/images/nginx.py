"""The page's nginx as it is shipped, on a port of its own and in front of APIs of a test's choice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.images.dockerfile import IMAGES, ROOT
from tests.support.child import Child, free_port
from tests.support.waiting import wait_until

PAGE = ROOT / "frontend" / "out"
NOT_FOR_VISITORS = (
    "headers.json",
    "headers.nginx.conf",
    ".source-hash",
    "404",
    "_not-found",
)  # see frontend.Dockerfile
SERVER = "        server backend:8000 max_fails=0;\n"


class Nginx(Child):
    """Debian's, with deploy/images/nginx.conf: only places, ports and the API's address are others.

    `apis`: where APIs listen, on 127.0.0.1.
    """

    def __init__(self, home: Path, apis: Sequence[int]) -> None:
        self.port = free_port()
        (home / "temporary").mkdir(parents=True)
        shutil.copytree(PAGE, home / "page", ignore=shutil.ignore_patterns(*NOT_FOR_VISITORS))
        shutil.copy(PAGE / "headers.nginx.conf", home / "page-headers.conf")
        servers = "".join(SERVER.replace("backend:8000", f"127.0.0.1:{port}") for port in apis)
        changes = {
            SERVER * 2: servers,
            "listen 8080;": f"listen 127.0.0.1:{self.port};",
            "/srv/page": str(home / "page"),
            "/tmp/nginx": str(home / "temporary" / "nginx"),
        }
        text = (IMAGES / "nginx.conf").read_text()
        for shipped, here in changes.items():
            assert shipped in text, f"nginx.conf has no {shipped!r} any more"
            text = text.replace(shipped, here)
        (home / "nginx.conf").write_text(text)
        # Started as root its workers would become nobody, who may not enter a test's folders.
        as_ourselves = ["-g", "user root;"] if os.geteuid() == 0 else []
        command = ["nginx", "-e", "stderr", "-c", str(home / "nginx.conf"), *as_ourselves]
        super().__init__("nginx", command, dict(os.environ), home)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        super().start()
        wait_until(self._runs, 10, "nginx runs")

    def _runs(self) -> bool:
        assert self.alive, self.tail()
        return (self.cwd / "temporary" / "nginx.pid").exists()
