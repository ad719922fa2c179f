"""The processes of one measurement: started under the guard of `sluice up`, so that none outlives the bench."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sluice.supervisor import GUARD

GRACE = 10  # seconds between SIGTERM and SIGKILL
START = 30.0  # seconds within which a process must listen
# The bench's environment must not decide these: a set REDIS_URL or OLLAMA_HOST would measure something else.
OURS = ("SLUICE_", "OLLAMA_", "QUEUE_", "REDIS_", "MODEL_", "NODE_ENV")


class NotStarted(Exception):
    """A process ended or stayed silent; the message ends with the last lines of its log."""


class Crew:
    """Processes in one folder. A context: leaving the block ends them, the last started first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guards: dict[str, subprocess.Popen[bytes]] = {}
        self._lifeline, self._lifeline_end = os.pipe()  # closes with this process, even when that is killed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(list(self._guards)):
            self.end(name)
        os.close(self._lifeline_end)
        os.close(self._lifeline)

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> int:
        """Starts a command in the crew's folder; returns the command's own pid, not its guard's."""
        guarded = [sys.executable, "-I", "-S", str(GUARD), str(self._lifeline), str(GRACE), "--", *command]
        with self.log(name).open("ab") as log:
            self._guards[name] = subprocess.Popen(
                guarded,
                cwd=self._folder,
                env={**clean_environment(), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(self._lifeline,),
                start_new_session=True,
            )
        return self.wait(name, lambda: only_child(self._guards[name].pid), "start")

    def end(self, name: str, by: signal.Signals = signal.SIGTERM) -> None:
        """Stops the process in order; its guard kills the process after the grace."""
        guard = self._guards.pop(name)
        guard.send_signal(by)
        guard.wait()

    def wait(self, name: str, look: Callable[[], int | None], what: str) -> int:
        """Waits for and returns the first result of `look` that is not None, while the process lives."""
        end = time.monotonic() + START
        while (result := look()) is None:
            if self._guards[name].poll() is not None or time.monotonic() > end:
                raise NotStarted(f"{name} did not {what}:\n{self.last_words(name)}")
            time.sleep(0.01)
        return result

    def wait_for_port(self, name: str, port: int) -> None:
        self.wait(name, lambda: port if listens(port) else None, f"listen on port {port}")

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def last_words(self, name: str) -> str:
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-15:])


def clean_environment() -> dict[str, str]:
    """The environment of this process without Sluice's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "LANGSMITH_TRACING": "false", "PYTHONPATH": str(Path(__file__).parents[1])}


def only_child(pid: int) -> int | None:
    """The pid of a guard's command."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else None


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
