"""Keeps child processes running until SIGTERM or SIGINT, then stops them in order.

    start ──► running ──ends by itself──► waiting (0.2 s, doubling to 10 s) ──► running …
                 │   └──hangs: killed──────────┘│
                 └────────── stop ──────────────┴──► ended

A child hangs when the file by which it shows that it is alive stands still for a minute. Each child runs under a guard
(see guard.py), so that it ends with this process even after `kill -9`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Coroutine, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Never, Self, TypeVar

from structlog.typing import FilteringBoundLogger

from sluice.stillness import Stillness

GUARD = Path(__file__).with_name("guard.py")
T = TypeVar("T")
CANNOT_RUN = 127  # as a shell reports it
WRONG_SETTINGS = 2  # the exit code with which our processes refuse their settings, and Python its arguments


@dataclass(frozen=True)
class Child:
    """A process to keep. `grace` is seconds between SIGTERM and SIGKILL."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)  # added to the supervisor's own
    grace: float = 10.0
    output: Path | None = None  # None: the supervisor's own stdout
    last: bool = False  # others need it to end well: it is ended after them, and never hurried
    alive: Path | None = None  # a file that the child touches every few seconds; None: it touches none
    silence: float = 60.0  # seconds for which that file may stand still, also at its start
    refusals: frozenset[int] = frozenset({WRONG_SETTINGS})  # exit codes after which starting it again cannot help


@dataclass(frozen=True)
class Backoff:
    """Seconds before a dead child is started again. A child that ran for `settled` seconds starts from the first."""

    first: float = 0.2
    longest: float = 10.0
    settled: float = 30.0

    def after(self, previous: float, ran: float) -> float:
        """The next delay; `previous` is 0 before the first."""
        if previous == 0 or ran >= self.settled:
            return self.first
        return min(previous * 2, self.longest)


class ChildRefused(Exception):
    """A child cannot work as it was configured; the message ends with the child's last lines."""

    def __init__(self, child: Child, code: int) -> None:
        words = f":\n{last_lines(child.output)}" if child.output else "; its reason stands above"
        super().__init__(f"{child.name} refuses to start ({describe_exit(code)}){words}")


class Lifelines:
    """The pipes whose end of file makes guards end their child.

    `common` closes with this process. `last` closes when this process *and* every other guard are gone, since those
    hold its write end too. So the order of an orderly stop is kept even when the supervisor is gone.
    """

    def __init__(self) -> None:
        self._common, self._common_end = os.pipe()
        self._last, self._last_end = os.pipe()

    def of(self, child: Child) -> tuple[int, tuple[int, ...]]:
        """(the lifeline its guard watches, what its guard holds open)"""
        return (self._last, ()) if child.last else (self._common, (self._last_end,))

    def close(self) -> None:
        for end in (self._common, self._common_end, self._last, self._last_end):
            os.close(end)


class Supervisor:
    """The children of one house. Use as a context: leaving it stops them, the last started group first.

    `held` are descriptors that every guard keeps open, e.g. the lock of the data folder.
    """

    def __init__(self, log: FilteringBoundLogger, held: tuple[int, ...] = (), backoff: Backoff | None = None) -> None:
        self._log = log
        self._held = held
        self._backoff = backoff or Backoff()
        self._lifelines = Lifelines()
        self._groups: list[list[Keeper]] = []
        self._hurried = False
        self.stopping = False
        self._refused: asyncio.Future[Never] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        self._lifelines.close()
        self._refused.cancel()

    def start(self, *children: Child) -> None:
        """Start a group: its children start, and will be stopped, together."""
        self._groups.append([Keeper(child, self) for child in children])

    async def refused(self) -> None:
        """Wait for as long as the house can stand. Raises ChildRefused when a child reports that it can never start."""
        await asyncio.shield(self._refused)

    async def unless_refused(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, or ChildRefused as soon as a child makes it pointless."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait((task, self._refused), return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else self._refused.result()
        finally:
            task.cancel()

    async def stop(self) -> None:
        """End every child, group by group, the last started first. Returns when all have ended."""
        self.stopping = True
        for group in reversed(self._groups):
            for keeper in group:
                keeper.stop(hurry=self._hurried)
            await asyncio.gather(*(keeper.ended for keeper in group))

    def hurry(self) -> None:
        """No more grace: kill the children that are still ending. A `last` child gets only SIGTERM: it ends quickly."""
        self._hurried = True
        for group in self._groups:
            for keeper in group:
                keeper.hurry()

    async def spawn(self, child: Child) -> Process:
        """Start the guard that starts the child."""
        lifeline, ends = self._lifelines.of(child)
        held = (*ends, *self._held)
        arguments = [str(lifeline), str(child.grace), *map(str, held), "--", *child.command]
        if child.alive is not None:
            child.alive.parent.mkdir(exist_ok=True)
        with _open(child.output) as output:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(GUARD), *arguments),
                env={**os.environ, **child.env},
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                pass_fds=(lifeline, *held),
                start_new_session=True,  # the terminal's Ctrl-C is for us, who stop them in order
            )

    def pause_after(self, child: Child, code: int, previous: float, ran: float) -> float | None:
        """How many seconds a child that ended stays down; None where starting it again cannot help."""
        how = describe_exit(code)
        if code in child.refusals:
            if not self._refused.done():
                self._refused.set_exception(ChildRefused(child, code))
            return None
        pause = self._backoff.after(previous, ran)
        self._log.warning(
            f"{child.name} ended ({how}) and is started again in {pause:g} s",
            **{"action": "child_ended", "child": child.name, "code": code, "restart_in": pause},
        )
        return pause

    def started(self, child: Child, process: Process) -> None:
        self._log.debug(f"{child.name} started", action="child_started", child=child.name, guard=process.pid)

    def hangs(self, child: Child) -> None:
        self._log.error(
            f"{child.name} has hung for {child.silence:g} s and is ended", action="child_hangs", child=child.name
        )

    def not_started(self, child: Child, error: OSError) -> None:
        self._log.error(f"{child.name} cannot be started: {error}", action="child_not_started", child=child.name)


class Keeper:
    """One child, kept alive by one task."""

    def __init__(self, child: Child, house: Supervisor) -> None:
        self._child = child
        self._house = house
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._killing = False
        self.ended: asyncio.Task[None] = asyncio.create_task(self._keep(), name=child.name)

    async def _keep(self) -> None:
        pause: float | None = 0.0
        while pause is not None and not await self._stopped_within(pause):
            began = time.monotonic()
            code = await self._live()
            if self._stopping.is_set():
                return
            pause = self._house.pause_after(self._child, code, pause, time.monotonic() - began)

    async def _live(self) -> int:
        """One life of the child: its exit code, negative for a signal that killed the guard."""
        try:
            self._process = await self._house.spawn(self._child)
        except OSError as error:  # no memory, no descriptors, a full disk: that may pass
            self._house.not_started(self._child, error)
            return CANNOT_RUN
        self._house.started(self._child, self._process)
        if self._stopping.is_set():  # a stop was requested while the child was being started
            self._signal(signal.SIGQUIT if self._killing else signal.SIGTERM)
        watch = asyncio.create_task(self._end_if_it_hangs())
        try:
            return await self._process.wait()
        finally:
            watch.cancel()

    async def _end_if_it_hangs(self) -> None:
        """Killed at once: a child that hangs handles no signal. A child that got SIGTERM has its grace instead."""
        if self._child.alive is None:
            return
        await Stillness(self._child.alive, self._child.silence).lasted()
        if not self._stopping.is_set():
            self._house.hangs(self._child)
            self._signal(signal.SIGQUIT)

    async def _stopped_within(self, seconds: float) -> bool:
        """Wait; True at once when a stop is requested."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    def stop(self, hurry: bool = False) -> None:
        """Ask it to end. Its guard kills it after the grace, or at once in a hurry."""
        self._stopping.set()
        self._signal(signal.SIGTERM)
        if hurry:
            self.hurry()

    def hurry(self) -> None:
        """Kill the child if it got SIGTERM and is not `last`."""
        if self._stopping.is_set() and not self._child.last:
            self._killing = True
            self._signal(signal.SIGQUIT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)


def describe_exit(code: int) -> str:
    """`exit code 3`, or `SIGKILL` for -9 and for a guard's 137."""
    number = -code if code < 0 else code - 128
    if number in {item.value for item in signal.Signals}:
        return signal.Signals(number).name
    return f"exit code {code}"


def _open(output: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    """A child's log file, appended to; None: our own stdout. Ours to close once the child has it."""
    if output is None:
        return contextlib.nullcontext()
    output.parent.mkdir(exist_ok=True)
    return output.open("ab")


def last_lines(path: Path, count: int = 5) -> str:
    """The end of a log file."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])
