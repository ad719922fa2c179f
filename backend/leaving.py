"""The signal to stop goes to the server; the app learns of it too, before the server closes connections."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def calling_at_the_end(act: Callable[[], None]) -> Iterator[None]:
    """Inside the block, `act` is called at SIGTERM and SIGINT, ahead of the handlers that the server has set.

    A lifespan ends only after the last connection has ended, which would be too late: from the signal on no disconnect
    may cancel a job, and streams without an end of their own must end. Where no server has set a handler, or this is
    not the main thread, nothing is changed.
    """
    set_before = {number: signal.getsignal(number) for number in SIGNALS} if _in_main_thread() else {}
    handlers = {number: handler for number, handler in set_before.items() if callable(handler)}

    def handle(number: int, frame: FrameType | None) -> None:
        act()
        handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
