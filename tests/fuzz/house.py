"""The house that is fuzzed: two workers that answer at once, and nothing that lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.shapes import MODEL, Shape, asked_of
from tests.support.engines import Engine, Models, engine_of
from tests.support.house import House, Houses
from tests.support.valkey import Valkey

ENGINES = ("simulated", "ollama", "openai", "llama-cpp")
SETTINGS = {
    "SLUICE_SIMULATED_RATE": "0",
    "SLUICE_SIMULATED_FAULTS": "0",
    "SLUICE_SLOTS": "8",
    "SLUICE_DEADLINE_SECONDS": "10",
    "LOG_LEVEL": "WARNING",
}
REFUSED = ("!fault context", "!fault 400")  # the scripted engine refuses the request: that too is the caller's mistake
WINDOW = 256  # tokens of the tiny model: what only the window ends has ended soon


class Fuzzed(NamedTuple):
    """A house to be fuzzed. `shapes` name the models of its engine."""

    house: House
    shapes: tuple[Shape, ...]


@contextmanager
def fuzzed_house(home: Path, engine: str = "simulated") -> Iterator[Fuzzed]:
    """Yields the house. `engine`: which engine the workers have; the errors of each have other words."""
    with ExitStack() as stack:
        behind = _engine(engine, home, stack)
        valkey = Valkey(home / "valkey")
        stack.callback(valkey.stop)
        valkey.start()
        env = {**SETTINGS, "MODEL_NAME": behind.models.chat, **behind.env}
        house = stack.enter_context(Houses(home, valkey)).standing(workers=2, **env)
        orders = REFUSED if behind.scripted else ()
        yield Fuzzed(house, asked_of(behind.models.chat, behind.models.embed, orders))


def _engine(name: str, home: Path, stack: ExitStack) -> Engine:
    if name == "simulated":
        return Engine(Models(MODEL, MODEL, MODEL), {})
    return engine_of(name, home, stack, rate=0, context=WINDOW)
