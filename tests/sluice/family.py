"""The processes of this machine: for tests that kill a parent and look for orphans."""

from __future__ import annotations

import subprocess
from pathlib import Path


def descendants(pid: int) -> dict[int, str]:
    """pid → command line of every process below `pid`. Read before a kill: orphans no longer name their parent."""
    table = [line.split(None, 2) for line in _ps().splitlines()]
    family, grown = {pid}, True
    while grown:
        children = {int(child) for child, parent, _ in table if int(parent) in family} - family
        family |= children
        grown = bool(children)
    return {int(child): command for child, _, command in table if int(child) in family - {pid}}


def alive(pids: dict[int, str]) -> dict[int, str]:
    """The processes that still run the same command; a zombie has ended, and its number may be reused."""
    now = {int(pid): command for pid, _, command in (line.split(None, 2) for line in _ps().splitlines())}
    return {pid: command for pid, command in pids.items() if now.get(pid) == command and not is_zombie(pid)}


def is_zombie(pid: int) -> bool:
    """Whether no parent has read the exit status yet; where there is no /proc, `ps` shows no command for it instead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def find(pids: dict[int, str], part: str) -> int | None:
    """The process whose command line contains `part` and that is no guard; None where there is none."""
    return next((pid for pid, command in pids.items() if part in command and "guard.py" not in command), None)


def named(pids: dict[int, str], part: str) -> int:
    """The process of `find`, where there must be one."""
    pid = find(pids, part)
    assert pid, f"no {part} in {pids}"
    return pid


def _ps() -> str:
    return subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    ).stdout
