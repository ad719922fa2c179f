"""No process of a test outlives it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def killer_of_orphans(parent: int | None = None) -> Callable[[], None] | None:
    """A `preexec_fn`: the kernel kills the child when its parent dies, even of SIGKILL. None where there is no prctl.

    `parent`: its pid, where another process than this one forks. Linux ties this to the *thread* that forks, so start
    children from the main thread only.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # loaded before the fork: a child of a threaded parent must not take locks
    expected = parent or os.getpid()

    def die_with_parent() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != expected:  # it died between fork and prctl
            os._exit(1)

    return die_with_parent
