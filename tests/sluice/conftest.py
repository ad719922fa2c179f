"""`sluice up` as a process, with stand-ins for the API and the worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

import pytest
from redis import Redis

from tests.sluice.family import alive, descendants
from tests.support.child import free_port
from tests.support.processes import PythonProcess, clean_environment
from tests.support.waiting import eventually, wait_until

T = TypeVar("T")
PATIENT = 60.0  # seconds: starts and stops take one or two, and may take many on a busy machine


class UpProcess(PythonProcess):
    """One `sluice up`. Its whole family is remembered, so that a process that outlives it is seen, and ended."""

    def __init__(self, home: Path, name: str = "up", **env: str) -> None:
        self.port = free_port()
        chosen = {"SLUICE_ENGINE": "simulated", "PORT": str(self.port), **env}
        super().__init__("tests.sluice.standins.up", name, home, clean_environment(**chosen))
        self.data_dir = home / ".sluice"
        self.family: dict[int, str] = {}

    async def up(self, timeout: float = PATIENT) -> dict[int, str]:
        """Waits until `sluice up` reports that it is up; returns its family then."""
        before = self._times_up()
        self.start()
        await self.see(lambda: self._times_up() > before, "it is up", timeout)
        return self.look()

    async def workers_listen(self, count: int) -> None:
        """Waits until this many workers take signals: the house is up as soon as its API answers, and a worker stopped
        while it still starts leaves no mark."""
        waits = "stand-in worker waits"
        await self.see(lambda: sum(line.get("event") == waits for line in self.log_lines()) >= count, waits)

    def _times_up(self) -> int:
        return sum(line.get("action") == "up" for line in self.log_lines()) if self.log.exists() else 0

    async def see(self, look: Callable[[], T | None], what: str, timeout: float = PATIENT) -> T:
        """The first answer of `look` that is not false, while `sluice up` runs."""

        def look_while_alive() -> T | None:
            self.expect_alive()
            return look() or None

        with self.explained():
            return await eventually(look_while_alive, timeout, what)

    def look(self) -> dict[int, str]:
        """The family now; members seen before are remembered too."""
        now = descendants(self.pid)
        self.family |= now
        return now

    def family_ends(self, timeout: float = PATIENT) -> None:
        """Waits until every process ever seen in the family has ended. Others are not awaited."""
        wait_until(lambda: not alive(self.family), timeout, f"all end: {alive(self.family)}")

    def redis(self) -> Redis:
        """A client of the house's embedded Valkey."""
        started = next(line for line in self.log_lines() if line.get("action") == "up")
        return Redis(unix_socket_path=unquote(started["redis"].removeprefix("unix://")))

    def clean_up(self) -> None:
        if self.alive:
            self.look()
        self.stop(PATIENT)
        for pid in alive(self.family):
            os.kill(pid, signal.SIGKILL)


class Ups:
    """Makes `sluice up` processes, in one folder unless a test names another, and ends them with the test."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._all: list[UpProcess] = []

    def __call__(self, home: Path | None = None, **env: str) -> UpProcess:
        self._all.append(UpProcess(home or self._home, name=f"up-{len(self._all)}", **env))
        return self._all[-1]

    def end(self) -> None:
        for up in self._all:
            if up._process is not None:
                up.clean_up()
                print(up.tail())


@pytest.fixture
def ups(tmp_path: Path) -> Iterator[Ups]:
    ups = Ups(tmp_path)
    yield ups
    ups.end()
