"""Real API and worker processes, as an operator starts them: `python -m backend`, `python -m ollama_worker`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.support.child import Child, free_port
from tests.support.forked import Forked
from tests.support.waiting import eventually, wait_until

ROOT = Path(__file__).parents[2]
# Of the developer's environment only what a Python process needs: a set OLLAMA_HOST must not change a test.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
START = 30  # seconds a process may take to start: LangServe alone takes 1.5 s to import, on a quiet machine
LogLine = dict[str, Any]


def clean_environment(**more: str) -> dict[str, str]:
    """The environment of a process under test: nothing inherited but what Python itself needs."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "LANGSMITH_TRACING": "false", **more}


class PythonProcess(Child):
    """`python -m <module>` with its JSON log lines at hand.

    It runs in a folder of its own, so that a developer's `.env` is not read.
    """

    def __init__(self, module: str, name: str, home: Path, env: Mapping[str, str]) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._module = module
        super().__init__(name, [sys.executable, "-m", module], env, home)

    def _begin(self) -> subprocess.Popen[bytes] | Forked:
        usual = "LD_PRELOAD" not in self.env and self.env.get("PYTHONPATH", str(ROOT)).startswith(str(ROOT))
        as_is = usual and self.command == [sys.executable, "-m", self._module]
        return Forked(self._module, self.env, self.cwd, self.log) if as_is else super()._begin()

    def log_lines(self) -> Iterator[LogLine]:
        """Every whole JSON line so far. A line that is not JSON (a traceback at import) is only in `tail`."""
        for line in self.log.read_bytes().split(b"\n")[:-1]:
            if line.startswith(b"{"):
                yield orjson.loads(line)

    async def wait_for_log(self, wanted: Callable[[LogLine], bool], within: float = 10) -> LogLine:
        """The first line that `wanted` accepts, past ones included. `within` seconds."""
        with self.explained():
            return await eventually(lambda: next(filter(wanted, self.log_lines()), None), within, "the log line")

    async def wait_for_action(self, action: str, within: float = 10, **fields: object) -> LogLine:
        """The first log line with this `action` and these fields."""
        wanted = {"action": action, **fields}
        return await self.wait_for_log(lambda line: wanted.items() <= line.items(), within)

    async def wait_for_exit(self, within: float = 10) -> int:
        """Waits for the exit status; negative: the signal that killed the process."""
        with self.explained():
            return await eventually(lambda: self.returncode, within, "its end")

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """A timeout inside shows the end of this process's log."""
        try:
            yield
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.tail()}") from None

    def expect_alive(self) -> None:
        assert self.alive, f"{self.name} has ended\n{self.tail()}"


class Api(PythonProcess):
    """One `python -m backend` on a free port of 127.0.0.1."""

    def __init__(self, home: Path, env: Mapping[str, str], name: str = "api") -> None:
        self.port = int(env.get("SLUICE_PORT", 0)) or free_port()
        super().__init__("backend", name, home, {**env, "SLUICE_PORT": str(self.port)})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ready(self, within: float = START) -> None:
        """Waits until `GET /health/ready` is 200."""
        with self.explained():
            await eventually(self._is_ready, within, f"{self.name} is ready")

    def wait_ready(self, workers: int = 0) -> None:
        """Blocks until the API is ready and this many workers ask for jobs, for callers without an event loop."""

        def ready() -> bool:
            self.expect_alive()
            try:
                answer = httpx.get(self.url + "/health/detailed")
            except httpx.TransportError:
                return False
            return answer.status_code == 200 and all_ask(answer.json()["workers"], workers)

        with self.explained():
            wait_until(ready, START, f"{self.name} is ready")

    async def _is_ready(self) -> httpx.Response | None:
        self.expect_alive()
        answer = await self.get("/health/ready")
        return answer if answer is not None and answer.status_code == 200 else None

    async def sees_workers(self, count: int, within: float = START) -> None:
        """Waits until `GET /health/detailed` counts this many workers, and each asks for jobs: to be known is less."""
        with self.explained():
            await eventually(lambda: self._counts(count), within, f"{self.name} sees {count} workers")

    async def _counts(self, count: int) -> httpx.Response | None:
        self.expect_alive()
        answer = await self.get("/health/detailed")
        return answer if answer is not None and all_ask(answer.json().get("workers", ()), count) else None

    async def get(self, path: str) -> httpx.Response | None:
        """The answer to one GET; None where the connection fails."""
        async with httpx.AsyncClient() as client:
            try:
                return await client.get(self.url + path)
            except httpx.TransportError:
                return None


def all_ask(workers: Sequence[Mapping[str, Any]], count: int) -> bool:
    """Whether these workers, of `GET /health/detailed`, are so many, and each asks for jobs."""
    return len(workers) == count and all(worker["asking"] for worker in workers)


class Worker(PythonProcess):
    """One `python -m ollama_worker`."""

    def __init__(self, home: Path, env: Mapping[str, str], name: str = "worker") -> None:
        super().__init__("ollama_worker", name, home, env)

    async def lets_go_of(self, job: str, within: float = 10) -> LogLine:
        """Waits until the worker stops a cancelled job: by the order, or by the log where a burst was faster."""
        ways = ("job.cancelling", "attempt.stale")
        return await self.wait_for_log(lambda line: line.get("action") in ways and line.get("job_id") == job, within)
