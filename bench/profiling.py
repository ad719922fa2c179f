"""Where the time goes: one process under cProfile, and its most expensive functions.

The profiler itself costs time on every Python call, and it counts wall time: a function that waits for the kernel while
another process has the core looks expensive. Read the profile for what is on top, not for how long anything takes.
"""

from __future__ import annotations

import io
import pstats
import sys
from pathlib import Path

SHOWN = 30


def profiled(module: str, into: Path) -> list[str]:
    """The command that runs `python -m <module>` and writes its profile when it ends in order."""
    return [sys.executable, "-m", "cProfile", "-o", str(into), "-m", module]


def summary(file: Path) -> str:
    """The functions that used most time themselves, callees not counted."""
    text = io.StringIO()
    pstats.Stats(str(file), stream=text).strip_dirs().sort_stats("tottime").print_stats(SHOWN)
    return text.getvalue()
