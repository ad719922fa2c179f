"""Our own processes as forks of one that has imported what they need: each is there two seconds of imports earlier.

A fork runs what `python -m <module>` runs, with an environment, a folder, a log and a session of its own. It differs in
one thing: another process imported the module. Tests of the start itself (a preloaded library, another command) start
real processes.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from tests.support.orphans import killer_of_orphans

# What our processes import before they serve, imported once by the server that forks. A missing name is passed over.
PRELOADED = (
    "backend.app",
    "backend.store.migrate",
    "ollama_worker.worker",
    "sluice.cli",
    "ollama_worker.engines.simulated",
    "aiosqlite",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)


class Standard(NamedTuple):
    """The files of a process's input, output and errors."""

    input: str
    output: str
    errors: str


class Forked:
    """A forked process, with what tests use of `subprocess.Popen`. Its output and errors go to `log`."""

    def __init__(
        self, module: str, env: Mapping[str, str], cwd: Path, log: Path | Standard, arguments: Sequence[str] = ()
    ) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(list(PRELOADED))
        files = log if isinstance(log, Standard) else Standard(os.devnull, str(log), str(log))
        given = (module, tuple(arguments), dict(env), str(cwd), files)
        self._process = context.Process(target=become, args=given, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended: the server that forks reaps it, and its pid may be gone."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run(
    module: str, *arguments: str, env: Mapping[str, str], cwd: Path, typed: str = "", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """`python -m <module> <arguments>` to its end, with `typed` on its input.

    A command that only prints something costs a second of a processor where it is started, and a tenth as a fork.
    """
    with tempfile.TemporaryDirectory(prefix="forked-") as folder:
        files = Standard(*(str(Path(folder, name)) for name in Standard._fields))
        for file, text in zip(files, (typed, "", ""), strict=True):
            Path(file).write_text(text)
        forked = Forked(module, env, cwd, files, arguments)
        try:
            status = forked.wait(timeout)
        finally:
            forked.kill()
        output, errors = (Path(file).read_text() for file in (files.output, files.errors))
    return subprocess.CompletedProcess([module, *arguments], status, output, errors)


def become(module: str, arguments: tuple[str, ...], env: dict[str, str], cwd: str, files: Standard) -> None:
    """In the fork: be that process."""
    die_with_parent = killer_of_orphans(os.getppid())
    if die_with_parent:
        die_with_parent()
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # as exec would; one of them would keep the server alive that forks
    os.setsid()
    os.chdir(cwd)
    os.dup2(os.open(files.input, os.O_RDONLY), 0)
    sys.stdin = open(0, closefd=False)
    for place, file in ((1, files.output), (2, files.errors)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), place)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
