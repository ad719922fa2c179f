"""A pause after a server was busy or away, so that the same job does not come back to be refused at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ollama_worker.engines.base import EngineBusy, EngineMissing, EngineUnavailable, Health

REST_SECONDS = 5.0  # providers count requests by the minute; a model that loads takes seconds


class Rest:
    """While it lasts the engine is not well, and its worker takes no jobs. What runs goes on.

    `doubted`: the monotonic second at which nobody answered last; a list that is older says nothing of health.
    """

    def __init__(self, seconds: float = REST_SECONDS, when_away: bool = True) -> None:
        """`when_away` False: the engine's health shows by itself whether it is there, so only a busy one rests."""
        self._seconds = seconds
        self._when_away = when_away
        self._until = 0.0
        self._why = ""
        self.doubted = 0.0

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Begin a rest when what is done inside meets a server that is busy, or none."""
        try:
            yield
        except EngineMissing:  # whether it is away shows at once: its list of models tells
            self.doubted = time.monotonic()
            raise
        except EngineUnavailable as error:
            now = time.monotonic()
            if self._when_away or isinstance(error, EngineBusy):
                self._until, self._why = now + self._seconds, error.message
            if not isinstance(error, EngineBusy):
                self.doubted = now
            raise

    def good(self, since: float, seconds: float) -> bool:
        """Whether what was told at `since` may still be believed, for so long."""
        return since > self.doubted and time.monotonic() - since < seconds

    def health(self) -> Health | None:
        """None when it is over."""
        return Health(False, self._why) if time.monotonic() < self._until else None
