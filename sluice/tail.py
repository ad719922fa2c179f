"""Follows the children's log files, so that a warning is seen where the person looks.

The children write to files of their own and not through us: they can go on writing when we are killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

EVERY = 0.25  # seconds between two looks
KEPT_WHOLE = 8 * 1024 * 1024  # bytes; a longer log is moved aside, at the start and whenever it has become so long
LOUD = frozenset({"warning", "error", "critical"})


def make_room(log: Path) -> None:
    """Move a long log aside, over the one moved before: logs of a house that is restarted stay bounded."""
    if log.exists() and log.stat().st_size > KEPT_WHOLE:
        log.replace(_aside(log))


def _aside(log: Path) -> Path:
    return log.with_suffix(".log.1")


class Tail:
    """Follows the logs, {name: file}, from where they end now."""

    def __init__(self, logs: Mapping[str, Path]) -> None:
        self._followers = {name: _Follower(log) for name, log in logs.items()}

    async def follow(self, show: Callable[[str, str], None]) -> None:
        """Call `show(name, line)` for every whole line that is added. Ends by being cancelled."""
        while True:
            self.look(show)
            await asyncio.sleep(EVERY)

    def look(self, show: Callable[[str, str], None]) -> None:
        """Once, for what was added since the last look."""
        for name, follower in self._followers.items():
            for line in follower.new_lines():
                show(name, line)


class _Follower:
    """One file, from its present end on; a file that does not exist yet is read from its start."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = log.stat().st_size if log.exists() else 0
        self._rest = b""

    def new_lines(self) -> Iterator[str]:
        *lines, self._rest = (self._rest + self._read()).split(b"\n")
        return (line.decode(errors="replace") for line in lines)

    def _read(self) -> bytes:
        if not self._log.exists():
            return b""
        if self._log.stat().st_size < self._at:  # somebody has begun it anew
            self._at = 0
        with self._log.open("rb") as file:
            file.seek(self._at)
            added = file.read()
        self._at += len(added)
        if self._at > KEPT_WHOLE:
            self._begin_anew()
        return added

    def _begin_anew(self) -> None:
        """Copied and emptied, not moved: a child has it open, and appends to it wherever its end is."""
        with contextlib.suppress(OSError):  # a full disk keeps what it can; the log still has its bound
            shutil.copyfile(self._log, _aside(self._log))
        os.truncate(self._log, 0)
        self._at = 0


def loud(line: str) -> str | None:
    """The sentence of a line that a person should see; None for the others. What is no log line (a traceback) is."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line or None
    if not isinstance(fields, dict) or fields.get("level") not in LOUD:
        return None
    return str(fields.get("event", line))
