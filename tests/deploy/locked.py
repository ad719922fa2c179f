"""A Valkey with the configuration and the users that the redis base makes it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deploy.rendering import DEPLOY
from tests.support.valkey import Valkey

FOLDER = DEPLOY / "bases" / "redis"
PASSWORDS = {name: f"a-password-of-{name}-only" for name in ("api", "worker", "keda")}
ADMIN = "user admin on nopass ~* &* +@all\n"  # the test's own user, who reads what was refused; no manifest has it


class LockedValkey(Valkey):
    """A server that answers no caller without a password; the probe of its start gets such a refusal."""

    def _answers(self) -> bool:
        assert self.alive, f"valkey ended at start\n{self.tail()}"
        try:
            return self.command_line("PING").startswith(b"-NOAUTH")
        except OSError:
            return False


def make_users(target: Path, **passwords: str) -> subprocess.CompletedProcess[str]:
    """Runs the script of the init container."""
    env = {"PATH": "/usr/bin:/bin", **{f"{name.upper()}_PASSWORD": value for name, value in passwords.items()}}
    script, template = str(FOLDER / "make-users.sh"), str(FOLDER / "users.acl")
    command = ["sh", script, template, str(target)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@contextmanager
def locked_valkey(home: Path, *, appendonly: bool = False, program: str | None = None) -> Iterator[LockedValkey]:
    """The manifest's own configuration and users, on another port and folder. `program`: another server's."""
    users = home / "users.acl"
    done = make_users(users, **PASSWORDS)
    assert done.returncode == 0, done.stderr
    users.write_text(users.read_text() + ADMIN)
    settings = (FOLDER / "valkey.conf").read_text()
    (home / "valkey.conf").write_text(settings.replace("/data", str(home)).replace("/run/users", str(home)))
    server = LockedValkey(home, appendonly=appendonly)
    binary, *options = server.command
    # The file comes first: the test's own needs (its port, its append-only file or none) come behind it and win.
    server.command = [program or binary, str(home / "valkey.conf"), *options]
    server.start()
    try:
        yield server
    finally:
        server.stop()
        print(server.tail())
