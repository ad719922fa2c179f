"""Namespaces of our own, in which an image's steps and its process run much as they would in a container.

A root is the machine's own, read through an overlay: what a base image brings (a shell, Python under /usr/local,
nginx) is what this machine has, and everything that a step writes lands in a folder of the test's. Where the machine
keeps this project and its user's files is hidden. A container's root can be written to nowhere but in /tmp, and its
network is a loopback of its own, on which every service has its real name and port.

This needs Linux, and root or the right to make user namespaces. As root, processes run as the image's user; else as
the user who runs the tests, whom the namespace calls root.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.images.dockerfile import ROOT
from tests.support.child import Child
from tests.support.waiting import wait_until

IS_ROOT = os.geteuid() == 0
HIDDEN = sorted({"/root", "/home", "/tmp", "/" + ROOT.parts[1]})
TMPFS = "noexec,nosuid,nodev"  # Docker mounts a tmpfs with these options where no others are set
LOCAL = "usr/local"  # the place in Python's official image
LOOPBACK_UP = """
import fcntl, socket, struct
with socket.socket() as probe:
    fcntl.ioctl(probe, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
print("up", flush=True)
"""


class Ground:
    """The namespaces; they end with `stop`, and every mount with them."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        as_user = [] if IS_ROOT else ["--user", "--map-root-user"]
        waiting = f"{shlex.quote(sys.executable)} -c {shlex.quote(LOOPBACK_UP)} && exec sleep infinity"
        command = ["unshare", *as_user, "--mount", "--net", "--propagation", "private", "--", "sh", "-c", waiting]
        self._holder = Child("ground", command, dict(os.environ), home)
        self._holder.start()
        wait_until(self._is_up, 10, "namespaces of our own")

    def _is_up(self) -> bool:
        assert self._holder.alive, f"no namespaces can be made here\n{self._holder.tail()}"
        return "up" in self._holder.log.read_text()

    def stop(self) -> None:
        self._holder.stop()

    def enter(self, *, network: bool = True) -> list[str]:
        """The words before a command that runs in here. `network=False` keeps the machine's own network."""
        as_user = [] if IS_ROOT else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self._holder.pid}", *as_user, "--mount", *(["--net"] if network else []), "--"]

    def run(self, *command: str | Path) -> str:
        return run([*self.enter(), *map(str, command)])

    def has_folder(self, path: Path) -> bool:
        """Whether the path is a mount, seen from in here: roots are mounted nowhere else."""
        return subprocess.run([*self.enter(), "test", "-d", str(path)], check=False).returncode == 0

    def mount(self, *arguments: str | Path) -> None:
        self.run("mount", *arguments)


class Tree:
    """A root: the machine's, with changes in folders of ours. `path` is the root as seen in the ground."""

    def __init__(self, ground: Ground, home: Path) -> None:
        self.ground = ground
        self.path = home / "root"
        self._changes, self._local = home / "changes", home / "local"
        for folder in (self.path, self._changes, self._local, home / "scratch", home / "scratch-local"):
            folder.mkdir(parents=True)
        self._home = home

    def place(self, path: str) -> Path:
        return self.path / path.lstrip("/")

    def open(self) -> None:
        """Mounts the root as a build has it: every step may write."""
        self._overlay(Path("/"), self._changes, self.path, "scratch")
        if sys.base_prefix != "/usr":
            self._overlay(Path(sys.base_prefix), self._local, self.path / LOCAL, "scratch-local")
        self._furnish("mode=1777,exec")  # a layer is written there, so it is no tmpfs

    def close(self) -> None:
        """Mounts the root as a container has it, from now on: nothing may be written, but in /tmp."""
        self.ground.run("umount", "--recursive", self.path)
        self._overlay(Path("/"), self._changes, self.path, "scratch")
        self.ground.mount("-o", "remount,bind,ro", self.path)
        if sys.base_prefix != "/usr":
            self.bring(Path(sys.base_prefix), LOCAL)
        self._furnish()

    def bring(self, source: Path, path: str) -> None:
        """Shows a file or folder of this machine at that path, to be read."""
        self.ground.mount("--bind", source, self.place(path))
        self.ground.mount("-o", "remount,bind,ro", self.place(path))

    def memory(self, path: str, options: str) -> None:
        """A folder in memory, as compose's `tmpfs`: nothing in it is run, unless the options say `exec`."""
        self.ground.mount("-t", "tmpfs", "-o", f"{TMPFS},{options}", "tmpfs", self.place(path))

    def _furnish(self, options: str = "mode=1777") -> None:
        for path in ("/proc", "/dev"):
            self.ground.mount("--rbind", path, self.place(path))
        for path in HIDDEN:
            self.memory(path, options)

    def _overlay(self, lower: Path, upper: Path, target: Path, scratch: str) -> None:
        options = f"lowerdir={lower},upperdir={upper},workdir={self._home / scratch}"
        self.ground.mount("-t", "overlay", "overlay", "-o", options, target)


class Process(NamedTuple):
    """A process that runs in a tree: as which user, where, with which environment and no other."""

    words: Sequence[str]
    env: dict[str, str]
    folder: str = "/"
    user: int = 0

    def command(self, tree: Tree, *, network: bool = True) -> list[str]:
        settings = [f"{name}={value}" for name, value in self.env.items()]
        inside = ["chroot", str(tree.path), *self._rights(), "env", "-i", f"--chdir={self.folder}", *settings]
        return [*tree.ground.enter(network=network), *inside, *self.words]

    def _rights(self) -> list[str]:
        """The rights: root of a build has root's; any other user has none, and ends with us."""
        if self.user == 0:
            return []
        to = [f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", "--bounding-set=-all"]
        return ["setpriv", *(to if IS_ROOT else []), "--inh-caps=-all", "--no-new-privs", "--pdeathsig=KILL", "--"]


def run(command: Sequence[str], within: float = 300) -> str:
    """The command's output; a failure shows it."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=within, check=False
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
