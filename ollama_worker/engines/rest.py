"""A pause after a server said that it is busy, so that the same job does not come back to be refused at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ollama_worker.engines.base import EngineBusy, Health

REST_SECONDS = 5.0  # providers count requests by the minute; a model that loads takes seconds


class Rest:
    """While it lasts the engine is not well, and its worker takes no jobs. What runs goes on."""

    def __init__(self, seconds: float = REST_SECONDS) -> None:
        self._seconds = seconds
        self._until = 0.0
        self._why = ""

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Begin a rest when what is done inside meets a busy server."""
        try:
            yield
        except EngineBusy as error:
            self._until, self._why = time.monotonic() + self._seconds, error.message
            raise

    def health(self) -> Health | None:
        """None when it is over."""
        return Health(False, self._why) if time.monotonic() < self._until else None
