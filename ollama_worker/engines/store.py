"""What a model store is: which models an engine has, and how a model gets there, into memory and out of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Protocol


class ModelInfo(NamedTuple):
    """A model that an engine can serve. `context_length` 0: not known. `loaded`: in memory now.

    The rest describes the model's file, in Ollama's words: `size` and `size_vram` are bytes, `details` are `format`,
    `family`, `parameter_size`, …, and at `expires_at` the model leaves memory. 0 and empty: the engine does not report
    it.
    """

    name: str
    loaded: bool = False
    context_length: int = 0
    capabilities: tuple[str, ...] = ()  # "completion", "tools", "vision", "thinking", "embedding", "insert"
    size: int = 0
    size_vram: int = 0
    digest: str = ""
    details: dict[str, Any] = {}  # noqa: RUF012 - never changed
    expires_at: str = ""


class PullProgress(NamedTuple):
    """How far a pull has come, in the engine's own words and in bytes."""

    status: str
    completed: int = 0  # bytes
    total: int = 0  # bytes, 0 unknown


class ModelStore(Protocol):
    """The models of one engine. Every method may raise `EngineError`.

    A store that cannot do something raises `Unsupported`, and the message names what can.
    """

    async def models(self) -> list[ModelInfo]:
        """Every model that the engine can serve, as it is now."""
        ...

    def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Fetch a model to where the engine keeps its models. It is there when the iterator ends without an error.

        Closing the iterator early closes the engine's connection.
        """
        ...

    async def load(self, model: str) -> None:
        """Bring a model into memory; it is there when this returns. A loaded model stays as it is."""
        ...

    async def unload(self, model: str) -> None:
        """Take a model out of memory. It stays where the engine keeps its models."""
        ...
