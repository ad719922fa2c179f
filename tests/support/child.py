"""One child process of a test: it gets real signals, its output goes to a file, and it never outlives the test."""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.support.forked import Forked
from tests.support.orphans import killer_of_orphans
from tests.support.waiting import wait_until

# Below the range from which Linux and macOS take ports for outgoing connections, which could steal one meanwhile.
PORTS = range(20_000, 32_000)
PARTS = (
    16  # of the range: a process of xdist has one to itself, since a port is seldom listened on as soon as it is drawn
)


def own_ports() -> Iterator[int]:
    """The ports of this process's part, from anywhere in it on, none twice before all were drawn."""
    part = int(os.environ.get("PYTEST_XDIST_WORKER", f"gw{PARTS - 1}")[2:]) % PARTS
    ports = PORTS[part::PARTS]
    first = random.SystemRandom().randrange(len(ports))  # several processes may have been started from one seed
    return itertools.cycle([*ports[first:], *ports[:first]])


_ports = own_ports()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on."""
    for port in _ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("a cycle has no end")


class Child:
    """A process with its output in `log`. `start` may be called again once it has ended; the log is appended to."""

    def __init__(self, name: str, command: Sequence[str | Path], env: Mapping[str, str], cwd: Path) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.env = dict(env)
        self.cwd = cwd
        self.log = cwd / f"{name}.log"
        self._process: subprocess.Popen[bytes] | Forked | None = None

    def start(self) -> None:
        assert not self.alive, f"{self.name} runs already, as pid {self.pid}"
        self.log.touch()
        self._process = self._begin()

    def _begin(self) -> subprocess.Popen[bytes] | Forked:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for pytest, which then ends its children in order
                preexec_fn=killer_of_orphans(),
            )

    @property
    def process(self) -> subprocess.Popen[bytes] | Forked:
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        return self.process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Sends the process a signal. A process that has ended is left alone, since its pid may be another's by now."""
        self.process.send_signal(number)

    def pause(self) -> None:
        """SIGSTOP: the process keeps its connections and answers nothing. Returns once the kernel has stopped it."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: _state(self.pid) in ("T", ""), 5, f"{self.name} stops")

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        self.process.kill()
        self.process.wait(10)

    def term(self) -> None:
        """SIGTERM, without waiting."""
        self.process.terminate()

    def stop(self, grace: float = 5) -> None:
        """Ends the process for good: SIGTERM (it may be stopped, so SIGCONT too), SIGKILL after `grace` seconds."""
        if not self.alive:
            return
        self.term()
        self.resume()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self, lines: int = 40) -> str:
        """The end of the process's output, for a failing test's report."""
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        state = "alive" if self.alive else f"ended with {self._process and self._process.returncode}"
        return "\n".join([f"--- {self.name} ({state}) ---", *text[-lines:]])


def _state(pid: int) -> str:
    """The letter that `ps` shows: R, S, T (stopped), Z… Empty where there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]
