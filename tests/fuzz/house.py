"""The house that is fuzzed: two workers that answer at once, and nothing that lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.backend.standing import standing_house, wait_ready
from tests.support.house import House
from tests.support.valkey import Valkey

SETTINGS = {
    "SLUICE_SIMULATED_RATE": "0",
    "SLUICE_SIMULATED_FAULTS": "0",
    "SLUICE_SLOTS": "8",
    "SLUICE_DEADLINE_SECONDS": "10",
    "LOG_LEVEL": "WARNING",
}


@contextmanager
def fuzzed_house(home: Path) -> Iterator[House]:
    valkey = Valkey(home / "valkey")
    valkey.start()
    try:
        with standing_house(home, valkey, **SETTINGS) as house:
            house.start_worker()
            house.start_worker()
            wait_ready(house.start_api(), workers=2)
            yield house
    finally:
        valkey.stop()
