"""Builds the page that the API serves, where it is missing or not the one of its sources any more.

    python -m sluice.page            `make page`
    python -m sluice.page modules    installs what it is built with and no more (`make check`)

`npm run build` puts a finished page in place in one step, so the process that serves the last page is not disturbed.
Where the page cannot be built, the house starts with the last page, or with the API alone, and reports it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from sluice.frontend import Frontend, PageRefused
from sluice.supervisor import Child, Supervisor, describe_exit, last_lines

LIMIT = 600.0  # seconds: ten times what it takes; an npm that cannot reach its registry may not hold up the house
# Development packages build the page, also where NODE_ENV is production.
INSTALL = ("ci", "--include=dev", "--no-audit", "--no-fund", "--prefer-offline")
BUILD = ("run", "build")

Say = Callable[[str], object]
Work = Callable[[Supervisor], Coroutine[Any, Any, None]]


class PageBuilder:
    """One build at a time in this process. `output`: npm's log file, None: our stdout. `say`: a sentence a step."""

    def __init__(self, frontend: Frontend, output: Path | None, say: Say, limit: float = LIMIT) -> None:
        self._frontend = frontend
        self._output = output
        self._say = say
        self._limit = limit

    async def make_fresh(self, house: Supervisor) -> None:
        """Build the page unless it is fresh. Raises PageRefused. Cancelled, it ends npm and all that npm started."""
        if self._frontend.has_sources and not await asyncio.to_thread(lambda: self._frontend.fresh):
            await self._alone(self._build, house)

    async def install(self, house: Supervisor) -> None:
        """Install what the page is built with, unless it is there. Raises PageRefused."""
        if not self._frontend.installed:
            await self._alone(self._install, house)

    async def _alone(self, work: Work, house: Supervisor) -> None:
        await asyncio.to_thread(self._frontend.find_node)
        try:
            async with asyncio.timeout(self._limit), _locked(self._frontend.lock):
                await work(house)
        except TimeoutError:
            raise PageRefused(f"The page was not built within {self._limit:g} s{self._log_is()}.") from None

    async def _build(self, house: Supervisor) -> None:
        if self._frontend.fresh:  # somebody else has built it while we waited for our turn
            return
        began = time.monotonic()
        await self._install(house)
        self._say("Building the page: next build …")
        await self._npm(house, BUILD)
        self._say(f"The page is built ({time.monotonic() - began:.0f} s).")

    async def _install(self, house: Supervisor) -> None:
        if self._frontend.installed:
            return
        self._say("Building the page (once, about a minute): npm ci …")
        await self._npm(house, INSTALL)
        self._frontend.note_installed()

    async def _npm(self, house: Supervisor, arguments: tuple[str, ...]) -> None:
        """Run it to its end, under a guard: it ends when we do, however that is."""
        env = {"PATH": self._frontend.tools, "CI": "1", "NEXT_TELEMETRY_DISABLED": "1"}
        command = ("npm", "--prefix", str(self._frontend.folder), *arguments)
        npm = await house.spawn(Child("npm", command, env, grace=1.0, output=self._output))
        try:
            code = await npm.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                npm.send_signal(signal.SIGQUIT)  # nothing half made is ever used: npm needs no time to end in order
            await npm.wait()
            raise
        if code != 0:
            words = f":\n{last_lines(self._output, 8)}" if self._output else "; its reason stands above."
            raise PageRefused(f"npm {arguments[0]} ended with {describe_exit(code)}{self._log_is()}{words}")

    def _log_is(self) -> str:
        return f" (its log: {self._output})" if self._output else ""


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Hold an flock on a file that is there anyway and that no build writes."""
    with path.open("rb") as lock:
        while not _try_lock(lock.fileno()):
            await asyncio.sleep(0.1)
        yield


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Building:
    """A build that runs beside the rest of a start. Use as a context: leaving it ends the build."""

    def __init__(self, build: Coroutine[Any, Any, None], frontend: Frontend) -> None:
        self._build = build
        self._frontend = frontend

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._build, name="page")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def outcome(self, terminal: bool) -> str:
        """Wait for its end; what a person should know then, empty where all is well."""
        with _spinner(terminal and not self._task.done()):
            try:
                await asyncio.shield(self._task)
            except (PageRefused, OSError) as error:
                rest = "The page built last is served." if self._frontend.built else "The API runs without a page."
                return f"{error}\n{rest}"
        return ""


@contextmanager
def _spinner(shown: bool) -> Iterator[None]:
    if not shown:
        yield
        return
    from rich.console import Console

    with Console().status("Building the page"):
        yield


async def nothing_to_build() -> None:
    """The build of a house whose settings leave the page as it is."""


async def _make(work: str) -> None:
    async with Supervisor(structlog.get_logger()) as house:
        builder = PageBuilder(Frontend(), None, lambda sentence: print(sentence, flush=True))
        await (builder.install(house) if work == "modules" else builder.make_fresh(house))


def main(arguments: list[str]) -> int:
    try:
        asyncio.run(_make(*arguments or ["page"]))
    except PageRefused as error:
        print(f"sluice: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
