"""Stores that cannot change some or all of their models, because another operator manages them."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from ollama_worker.engines.base import Unsupported
from ollama_worker.engines.store import PullProgress


class ReadOnlyStore:
    """The changing half of a store whose models another operator manages: every verb raises `Unsupported`."""

    def __init__(self, pull_advice: str, load_advice: str, unload_advice: str) -> None:
        """Each advice is the message of one refusal: what can do it instead. `{model}` stands for the model's name."""
        self._pull_advice = pull_advice
        self._load_advice = load_advice
        self._unload_advice = unload_advice

    def pull(self, model: str) -> AsyncGenerator[PullProgress]:
        return refused_pull(self._pull_advice.format(model=model))

    async def load(self, model: str) -> None:
        raise Unsupported(self._load_advice)

    async def unload(self, model: str) -> None:
        raise Unsupported(self._unload_advice)


async def refused_pull(advice: str) -> AsyncGenerator[PullProgress]:
    """The pull of a store that fetches no models: its first step raises `Unsupported`."""
    raise Unsupported(advice)
    yield PullProgress("")  # what makes this a generator
