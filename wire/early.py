"""Signals that arrive before a process has its own handlers for them."""

from __future__ import annotations

import os
import signal

STOPS = (signal.SIGTERM, signal.SIGINT)


def end_at_early_signals(*numbers: signal.Signals, status: int = 0) -> None:
    """From now on these signals (STOPS) end this process at once with this exit status, until other handlers are set.

    A process calls this before its imports, which take seconds. The kernel drops a signal for which a container's first
    process has no handler: the container would then run to the end of its grace period. `os._exit`, since nothing has
    begun that would have to end in order, and an import may catch an exception.
    """
    for number in numbers or STOPS:
        signal.signal(number, lambda *_: os._exit(status))
