"""A real PostgreSQL for tests: Debian's package, one server a pytest process, an empty database for each test."""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]

from tests.support.child import Child, free_port
from tests.support.waiting import wait_until

T = TypeVar("T")
DEBIAN = Path("/usr/lib/postgresql")
MISSING = "PostgreSQL is missing, and these tests need it: apt-get install postgresql"
# No test needs its data after a crash of the machine, and without this each commit costs milliseconds. Not
# `synchronous_commit=off`: that loses commits where the server alone is killed.
CARELESS = ("fsync=off", "full_page_writes=off")


def binaries() -> Path:
    """The folder of the newest version's programs. Raises where there is none: such tests fail and never skip."""
    folders = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("postgres")
    if not folders and not on_path:
        raise FileNotFoundError(MISSING)
    return (folders[-1] if folders else Path(str(on_path)).resolve()).parent


class Postgres(Child):
    """A server on a port of 127.0.0.1, in a folder of its own that goes with `remove`.

    PostgreSQL refuses to run as root: it then runs as a user that owns nothing else, outside of pytest's folders, which
    only root may enter.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self._bin = binaries()
        home = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._data = home / "data"
        self._data.mkdir(mode=0o700)
        if user := _user():
            shutil.chown(home, user)
            shutil.chown(self._data, user)
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        settings = (f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *CARELESS)
        options = [word for setting in settings for word in ("-c", setting)]
        super().__init__("postgres", [*_as_user(user), self._bin / "postgres", "-D", self._data, *options], env, home)
        self._create(user)

    def _create(self, user: str | None) -> None:
        """Makes the data folder, with one user who needs no password."""
        options = ("-U", "sluice", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync")
        command = [*_as_user(user), str(self._bin / "initdb"), "-D", str(self._data), *options]
        done = subprocess.run(command, cwd=self.cwd, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://sluice@127.0.0.1:{self.port}/{database}"

    def start(self, within: float = 30) -> None:
        """Starts the server and waits until it answers."""
        super().start()
        try:
            wait_until(self._answers, within, f"postgres answers on port {self.port}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.tail()}") from None

    def term(self) -> None:
        """SIGINT: SIGTERM would wait until the last client has gone."""
        self.signal(signal.SIGINT)

    def kill(self) -> None:
        """Kills the server and waits for its children too: the kernel may end them later, which delays a start."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        super().kill()
        wait_until(lambda: not any(Path("/proc", child).exists() for child in children), 30, "its children have ended")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.cwd)

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str) -> None:
        """Executes one statement, on a connection of its own."""

        async def execute() -> None:
            connection = await asyncpg.connect(self.url(), timeout=5)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        run_apart(execute)

    def _answers(self) -> bool:
        assert self.alive, f"postgres ended at start\n{self.tail()}"
        try:
            self.execute("SELECT 1")
        except (OSError, asyncpg.PostgresError):
            return False
        return True


def run_apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of `work`, from a loop in a thread of its own: a test's own loop may be running already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


def _user() -> str | None:
    """The user that the server runs as; None: our own."""
    if os.geteuid() != 0:
        return None
    return "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"


def _as_user(user: str | None) -> list[str]:
    """The words before a command that runs it as this user.

    A change of user makes the kernel forget with which parent a process is to die, so `setpriv` sets that again.
    """
    if user is None:
        return []
    group = str(pwd.getpwnam(user).pw_gid)
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--pdeathsig=QUIT", "--"]
