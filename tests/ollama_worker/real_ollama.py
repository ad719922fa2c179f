"""A real Ollama on a loopback port, with models of its own in a folder of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

START_SECONDS = 30.0


class RealOllama(NamedTuple):
    url: str
    binary: str
    env: dict[str, str]
    process: subprocess.Popen[bytes]

    def create(self, model: str, gguf: Path, template: str | None = None) -> None:
        """`ollama create`. Without a template Ollama takes its own that looks most like the file's."""
        modelfile = gguf.with_name(f"{model}.Modelfile")
        lines = f"FROM {gguf}\n" + (f'TEMPLATE """{template}"""\n' if template else "")
        modelfile.write_text(lines)
        command = [self.binary, "create", model, "-f", str(modelfile)]
        subprocess.run(command, env=self.env, check=True, capture_output=True, timeout=60)

    def runners(self) -> list[int]:
        """Process ids of the children that run models."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for file in children for pid in file.read_text().split()]


@contextmanager
def real_ollama(binary: str, folder: Path) -> Iterator[RealOllama]:
    host = f"127.0.0.1:{free_port()}"
    env = os.environ | {
        "OLLAMA_HOST": host,
        "OLLAMA_MODELS": str(folder / "store"),
        "HOME": str(folder),
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_DEBUG": "0",
    }
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen([binary, "serve"], env=env, stdout=log, stderr=log)
    try:
        await_version(f"http://{host}", folder / "serve.log")
        yield RealOllama(f"http://{host}", binary, env, process)
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def await_version(url: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            with urlopen(f"{url}/api/version", timeout=1):  # noqa: S310 - our own loopback address
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"ollama did not start:\n{log.read_text()[-2000:]}")
