"""The guard, as a process: whatever happens to the guard or to its supervisor, its command does not stay behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sluice.supervisor import GUARD
from tests.support.waiting import wait_until

# Each program prints `ready` once the handlers are set, then waits. The second ignores SIGTERM, the third has a child.
OBEDIENT = "import signal; print('ready', flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {OBEDIENT}"
PARENT = "import os, signal; pid = os.fork(); print(pid or 'ready', flush=True) if pid else None; signal.pause()"
# The program ends with 40 on the signal whose number is its argument.
LISTENS = (
    "import signal, sys; signal.signal(int(sys.argv[1]), lambda *_: sys.exit(40)); "
    "print('ready', flush=True); signal.pause()"
)
SAYS_PIPES = "import os, json; print(json.dumps([fd for fd in range(3, 64) if os.path.exists(f'/dev/fd/{fd}')]))"


@dataclass
class Guarded:
    """A guard with a command under it; `lifeline` is the end that its supervisor would hold."""

    process: subprocess.Popen[bytes]
    lifeline: int

    def first_line(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def cut(self) -> None:
        """Closes the lifeline, as the death of the supervisor does."""
        os.close(self.lifeline)
        self.lifeline = -1

    def status(self, timeout: float = 30) -> int:
        return self.process.wait(timeout)

    def command_pid(self) -> int:
        return children_of(self.process.pid)[0]


class Guards:
    """Starts guards and ends them with the test."""

    def __init__(self) -> None:
        self._all: list[Guarded] = []

    def __call__(self, *command: str, grace: float = 5, held: int | None = None) -> Guarded:
        read, write = os.pipe()
        extra = [] if held is None else [str(held)]
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(read), str(grace), *extra, "--", *command],
            stdout=subprocess.PIPE,
            pass_fds=[read] if held is None else [read, held],
            start_new_session=True,
        )
        os.close(read)
        self._all.append(Guarded(process, write))
        return self._all[-1]

    def python(self, program: str, grace: float = 5) -> Guarded:
        return self(sys.executable, "-S", "-c", program, grace=grace)

    def end(self) -> None:
        for guarded in self._all:
            if guarded.lifeline != -1:
                guarded.cut()
            guarded.process.kill()
            guarded.process.wait(10)
            guarded.process.stdout.close()  # type: ignore[union-attr]


@pytest.fixture
def guard() -> Iterator[Guards]:
    guards = Guards()
    yield guards
    guards.end()


def children_of(pid: int) -> list[int]:
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(child) for child, parent in (line.split() for line in table.splitlines()) if int(parent) == pid]


def gone(pid: int) -> bool:
    """True once the process has ended: a zombie whose parent has not looked counts."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.strip() or state.startswith("Z")


def test_the_command_s_exit_code_is_the_guard_s(guard: Guards) -> None:
    assert guard.python("raise SystemExit(7)").status() == 7


def test_a_command_killed_by_a_signal_ends_the_guard_with_128_plus_its_number(guard: Guards) -> None:
    assert guard.python("import os; os.kill(os.getpid(), 9)").status() == 137


def test_a_command_that_does_not_exist_is_reported(guard: Guards) -> None:
    assert guard("/nowhere/at/all").status() == 127


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_end_is_forwarded(guard: Guards, number: signal.Signals) -> None:
    listening = guard(sys.executable, "-S", "-c", LISTENS, str(number.value))
    assert listening.first_line() == b"ready"
    listening.process.send_signal(number)
    assert listening.status() == 40


def test_when_the_supervisor_is_gone_the_command_gets_sigterm(guard: Guards) -> None:
    orphan = guard.python(OBEDIENT, grace=60)
    assert orphan.first_line() == b"ready"
    orphan.cut()
    assert orphan.status() == 128 + signal.SIGTERM


def test_a_command_that_ignores_the_signal_is_killed_after_the_grace(guard: Guards) -> None:
    stubborn = guard.python(STUBBORN, grace=0.3)
    assert stubborn.first_line() == b"ready"
    began = time.monotonic()
    stubborn.cut()
    assert stubborn.status() == 128 + signal.SIGKILL
    assert time.monotonic() - began >= 0.3


def test_sigquit_kills_without_waiting_for_the_grace(guard: Guards) -> None:
    stubborn = guard.python(STUBBORN, grace=600)
    assert stubborn.first_line() == b"ready"
    stubborn.process.terminate()
    stubborn.process.send_signal(signal.SIGQUIT)
    assert stubborn.status() == 128 + signal.SIGKILL


def test_processes_that_the_command_left_behind_are_killed_with_it(guard: Guards) -> None:
    parent = guard.python(PARENT)
    grandchild = int(parent.first_line())
    os.kill(parent.command_pid(), signal.SIGKILL)
    assert parent.status() == 128 + signal.SIGKILL
    wait_until(lambda: gone(grandchild), 30, "the grandchild ends")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent's death")
def test_a_killed_guard_takes_its_command_along(guard: Guards) -> None:
    stubborn = guard.python(STUBBORN)
    assert stubborn.first_line() == b"ready"
    command = stubborn.command_pid()
    stubborn.process.kill()
    wait_until(lambda: gone(command), 30, "the command ends")


def test_a_held_file_is_released_only_when_the_command_has_ended(guard: Guards) -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    holder = guard(sys.executable, "-S", "-c", OBEDIENT, held=write)
    os.close(write)
    assert holder.first_line() == b"ready"
    with pytest.raises(BlockingIOError):  # no end of file: the guard holds it open
        os.read(read, 1)
    holder.process.terminate()
    holder.status()
    assert os.read(read, 1) == b""
    os.close(read)


def test_the_command_inherits_no_descriptor(guard: Guards) -> None:
    read, write = os.pipe()
    look = guard(sys.executable, "-S", "-c", SAYS_PIPES, held=write)
    assert look.first_line() == b"[]"
    os.close(read)
    os.close(write)
