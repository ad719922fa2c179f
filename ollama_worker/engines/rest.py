"""A pause after a server was busy or away: else the same job would come back and be refused at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ollama_worker.engines.base import EngineBusy, EngineMissing, EngineUnavailable, Health

REST_SECONDS = 5.0  # providers count requests by the minute; a model that loads takes seconds


class Rest:
    """The pause of one engine. While it lasts the engine is not well, and its worker takes no jobs. Running jobs go on.

    `doubted`: the monotonic second of the last request that no server answered; an older list proves no health.
    """

    def __init__(self, seconds: float = REST_SECONDS, when_away: bool = True) -> None:
        """`when_away` False: the engine's health shows whether the server is there, so only a busy server rests."""
        self._seconds = seconds
        self._when_away = when_away
        self._until = 0.0
        self._why = ""
        self.doubted = 0.0

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Begin a rest when the block meets a server that is busy, or finds none."""
        try:
            yield
        except EngineMissing:  # whether the server is away shows at once, on its list of models
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
        """Whether a list of the monotonic second `since` is still good, where lists are good for so many seconds."""
        return since > self.doubted and time.monotonic() - since < seconds

    def health(self) -> Health | None:
        """The health of an engine that rests; None when the rest is over."""
        return Health(False, self._why) if time.monotonic() < self._until else None
