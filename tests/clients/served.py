"""The house that the clients meet: real processes before one engine, and the names of that engine's models."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.engines import Models, engine_of
from tests.support.house import House, Houses
from tests.support.scripted import ScriptedEngine
from tests.support.valkey import Valkey


class Served(NamedTuple):
    """A house and its engine. `engine` is the parameter's name; `scripted`: the scripted engine's process, if any."""

    house: House
    engine: str
    models: Models
    scripted: ScriptedEngine | None

    @property
    def url(self) -> str:
        return self.house.url

    @property
    def book(self) -> ScriptedEngine:
        assert self.scripted, "only the scripted engine keeps a book"
        return self.scripted

    async def answering(self, prompt: str) -> None:
        """Wait until the engine works on this prompt: a caller who leaves earlier cancels a job that waits."""
        if self.scripted:
            await self.scripted.until(prompt, "answering")

    async def hung_up_on(self, prompt: str) -> None:
        """Wait until the engine has stopped working on this prompt; only the scripted engine reports that."""
        if self.scripted:
            await self.scripted.until(prompt, "closed")


@contextmanager
def serving(name: str, home: Path, valkey: Valkey, **settings: str) -> Iterator[Served]:
    """One API and one worker with eight slots, ready. `settings` are for both."""
    with ExitStack() as stack:
        engine = engine_of(name, home, stack)
        env = {"SLUICE_SLOTS": "8", "MODEL_NAME": engine.models.chat, "SLUICE_MAX_BODY_BYTES": str(2**24)}
        house = stack.enter_context(Houses(home, valkey)).standing(**{**env, **engine.env, **settings})
        yield Served(house, name, engine.models, engine.scripted)


def unique(prompt: str) -> str:
    """A prompt that no other test sends, to be found again in the engine's book."""
    return f"{prompt} #{secrets.token_hex(4)}"
