"""Runs one command and makes sure that it ends when its supervisor does, however that one dies.

    python -I -S guard.py LIFELINE GRACE [HELD ...] -- COMMAND [ARGUMENT ...]

LIFELINE is the read end of a pipe that is never written to: its end of file shows that the other end's holder is gone.
GRACE is how many seconds the command gets between SIGTERM and SIGKILL. HELD are descriptors kept open for as long as
this process lives, and never seen by the command: a lock that must not be free while the command still ends, or the
write end of another guard's lifeline, which therefore waits for this one.

    supervisor gone, SIGTERM, SIGINT   the command's process group gets SIGTERM, and SIGKILL after the grace
    SIGQUIT                            it is killed now
    the command ends                   what it left in its group is killed; its status is ours, 128+n for a signal

Only the standard library, and little of it: one of these runs beside each child (about 10 ms to start, 8 MB).
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
CANNOT_RUN = 127  # as a shell reports it
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(argv: list[str]) -> int:
    """Run the command of the arguments; the exit status is the command's."""
    split = argv.index("--")
    lifeline, grace, *held = argv[:split]
    for descriptor in (lifeline, *held):
        os.set_inheritable(int(descriptor), False)
    return Guard(int(lifeline), float(grace)).run(argv[split + 1 :])


class Guard:
    """Waits for three things at once: the lifeline's end, a signal, the command's end."""

    def __init__(self, lifeline: int, grace: float) -> None:
        self._lifeline = lifeline
        self._grace = grace
        self._signals = signal_pipe()
        self._watched = [lifeline, self._signals]
        self._kill_at: float | None = None

    def run(self, command: list[str]) -> int:
        child = start(command)
        while (status := ended(child)) is None:
            self._attend(child)
        send(child, signal.SIGKILL)  # what it left behind in its group
        code = os.waitstatus_to_exitcode(status)
        return 128 - code if code < 0 else code

    def _attend(self, child: int) -> None:
        """Sleep until something happens, and pass it on."""
        ready, _, _ = select.select(self._watched, [], [], self._seconds_left())
        if self._signals in ready:
            for number in os.read(self._signals, 64):
                self._on_signal(child, signal.Signals(number))
        if self._lifeline in ready:
            self._watched = [self._signals]  # an end of file stays readable: once is enough
            self._ask_to_end(child, signal.SIGTERM)
        if self._seconds_left() == 0:
            self._kill(child)

    def _on_signal(self, child: int, number: signal.Signals) -> None:
        if number in STOP_SIGNALS:
            self._ask_to_end(child, number)
        elif number == signal.SIGQUIT:
            self._kill(child)

    def _ask_to_end(self, child: int, number: signal.Signals) -> None:
        """Forward every request; the grace runs from the first."""
        send(child, number)
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._grace

    def _kill(self, child: int) -> None:
        send(child, signal.SIGKILL)
        self._kill_at = float("inf")

    def _seconds_left(self) -> float | None:
        """Seconds until the kill; None before the end was requested, and after the kill."""
        if self._kill_at is None or self._kill_at == float("inf"):
            return None
        return max(0.0, self._kill_at - time.monotonic())


def signal_pipe() -> int:
    """A descriptor that becomes readable with the numbers of the signals that arrive."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)  # first, or a signal in between would be lost
    for number in (*STOP_SIGNALS, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)  # a handler of any kind makes the wakeup descriptor work
    return read


def start(command: list[str]) -> int:
    """Fork the command into a process group of its own; its pid, which is the group's id."""
    guard, die_with_guard = os.getpid(), parent_death_signal()
    child = os.fork()
    if child == 0:
        _become(command, guard, die_with_guard)
    # Here too, since a signal may have to be passed on before the child has got that far.
    try:
        os.setpgid(child, child)
    except (PermissionError, ProcessLookupError):
        pass  # it has run the command, or ended, already
    return child


def _become(command: list[str], guard: int, die_with_guard: Callable[[], None]) -> None:
    """In the child: turn into the command. Never returns."""
    try:
        os.setpgid(0, 0)
        die_with_guard()
        if os.getppid() == guard:  # else it was killed before the line above
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would pass that on
            os.execvp(command[0], command)  # noqa: S606 - a command line of ours, no shell
    except OSError as error:
        os.write(2, f"sluice: cannot run {command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(CANNOT_RUN)


def parent_death_signal() -> Callable[[], None]:
    """What a child calls so that the kernel kills it when its guard is killed. Only Linux can do that."""
    if sys.platform != "linux":
        return lambda: None
    import ctypes  # before the fork, and only where it is needed

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def ended(child: int) -> int | None:
    """The wait status, or None while it runs."""
    pid, status = os.waitpid(child, os.WNOHANG)
    return status if pid else None


def send(group: int, number: signal.Signals) -> None:
    """Signal the whole group; a group that is gone, or only zombies (EPERM on macOS), has what we wanted."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
