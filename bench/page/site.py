"""The bench's own page: built by Vite from `frontend/tests/answer/bench`, served on a free port of this machine."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FRONTEND = Path(__file__).parents[2] / "frontend"
CONFIG = "tests/answer/bench/vite.config.ts"


class NotBuilt(Exception):
    """The page could not be built; the message names the remedy."""


def build(folder: Path) -> None:
    """Raises NotBuilt."""
    vite = FRONTEND / "node_modules" / ".bin" / "vite"
    if not vite.exists() or shutil.which("node") is None:
        raise NotBuilt("node or frontend/node_modules is missing: run `npm ci` in frontend/ first")
    command = [str(vite), "build", "-c", CONFIG, "--outDir", str(folder), "--logLevel", "error"]
    done = subprocess.run(command, cwd=FRONTEND, capture_output=True, text=True)
    if done.returncode:
        raise NotBuilt(f"vite failed:\n{done.stderr or done.stdout}")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None: ...


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder's address while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
