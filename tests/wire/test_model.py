"""Random sequences of script calls leave exactly what the design says. Longer: `python -m tests.wire.model`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.valkey import Valkey
from tests.wire.model import MUST_HAPPEN, model_scripts, run_model
from tests.wire.sync_wire import SyncWire

SEQUENCES = int(os.environ.get("SLUICE_WIRE_SEQUENCES", "1500"))
PARTS = 4  # so that a machine with several cores runs them side by side (`pytest -n 2`)


@pytest.fixture
def wire(valkey: Valkey) -> Iterator[SyncWire]:
    wire = SyncWire(valkey.port, model_scripts())
    yield wire
    wire.close()


@pytest.mark.timeout(120 + SEQUENCES)  # a tenth of a second each on an idle core
@pytest.mark.parametrize("part", range(PARTS))
def test_every_key_is_as_designed_after_every_step(wire: SyncWire, part: int) -> None:
    happened = run_model(wire, SEQUENCES // PARTS, seed_number=part + 1)
    print(f"\n{happened['drained']:,} sequences, {happened['states']:,} states compared")
    missed = [what for what in MUST_HAPPEN if not happened[what]]
    assert not missed, f"the sequences are too tame: they never met {missed}"
