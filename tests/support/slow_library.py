"""A stand-in for xllamacpp whose loads last until a test opens a gate, with Python's lock held: a large model's load.

The rest is the real library, so that what was loaded in the end answers. The stand-in is before the real one on the
path of the process that loads, which is all that a test changes.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.waiting import eventually

# `PyDLL` calls C with Python's lock held, as the library's own constructor does. The gate is a named pipe: opening the
# pipe waits until another process holds its other end.
SOURCE = """
import ctypes, os, pathlib, sys

home = pathlib.Path(__file__).parent.parent
sys.path.remove(str(home))
del sys.modules["xllamacpp"]
import xllamacpp

load = xllamacpp.Server


def slow(params):
    (home / f"loading-{os.getpid()}").touch()
    libc = ctypes.PyDLL(None)
    os.close(libc.open(os.fsencode(home / "gate"), os.O_RDONLY))
    return load(params)


xllamacpp.Server = slow
"""


class SlowLibrary:
    """The gate and its book. `env` is for the process that loads. The gate is closed until `open`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        package = home / "xllamacpp"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(SOURCE)
        os.mkfifo(home / "gate")
        self._other_end = -1

    def env(self, before: str) -> dict[str, str]:
        return {"PYTHONPATH": os.pathsep.join((str(self._home), before))}

    def open(self) -> None:
        self._other_end = os.open(self._home / "gate", os.O_RDWR)

    def close(self) -> None:
        os.close(self._other_end)

    @property
    def loads(self) -> list[int]:
        """The processes that have begun a load, oldest first."""
        begun = sorted(self._home.glob("loading-*"), key=lambda file: file.stat().st_mtime_ns)
        return [int(file.name.partition("-")[2]) for file in begun]

    async def begun(self, count: int) -> int:
        """Waits until so many processes have begun a load; returns the latest."""
        return await eventually(lambda: self.loads[-1] if len(self.loads) >= count else None, 30, "it loads")
