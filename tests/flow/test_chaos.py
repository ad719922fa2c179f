"""A short form of `python -m tests.flow.chaos`, with other dice each time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.flow.chaos import Chaos


@pytest.mark.timeout(400)  # after its 18 s of faults everything may take its time to end, as a long run's may
async def test_random_deaths_break_no_promise(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"python -m tests.flow.chaos --minutes 0.3 --clients 8 --seed {seed}")
    chaos = Chaos(tmp_path, seed, clients=8)
    violations = await chaos.run(seconds=18)
    print(chaos.report())
    assert not violations, chaos.report()
    assert sum(chaos.faults.values()) > 5
    assert chaos.states["completed"] > 5
    assert chaos.answers > 2
