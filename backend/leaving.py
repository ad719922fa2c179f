"""A signal that stops this process goes to its server; here the app gets it too, before connections are closed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def hearing_the_end(drain: Callable[[], None]) -> Iterator[None]:
    """`drain` is called at SIGTERM and SIGINT, ahead of the handlers that the server has set.

    A lifespan ends only after the last connection has ended, which would be too late: from the signal on no
    disconnect may cancel a job, and streams without an end of their own must end. Where no server has set a handler,
    or we are not in the main thread, nothing is changed.
    """
    set_before = {number: signal.getsignal(number) for number in SIGNALS} if _in_main_thread() else {}
    handlers = {number: handler for number, handler in set_before.items() if callable(handler)}

    def hear(number: int, frame: FrameType | None) -> None:
        drain()
        handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
