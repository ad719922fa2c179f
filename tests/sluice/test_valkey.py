"""How much of the machine's memory the queue may fill, and how much of that the requests may."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.programs import bound_of_the_queue
from sluice.settings import UpSettings
from sluice.valkey import LARGEST, SMALLEST, fair_memory, machine_memory

GB = 1024**3


@pytest.mark.parametrize(
    ("machine", "fair"), [(GB // 2, SMALLEST), (4 * GB, GB), (8 * GB, 2 * GB), (16 * GB, LARGEST), (256 * GB, LARGEST)]
)
def test_the_queue_gets_a_quarter_of_the_memory_within_bounds(
    machine: int, fair: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sluice.valkey.machine_memory", lambda: machine)
    assert fair_memory() == fair


@pytest.mark.parametrize(("limit", "counts"), [("1000000", True), ("max", False), ("", False)])
def test_a_container_has_as_much_memory_as_its_limit_says(
    limit: str, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr("sluice.valkey.CONTAINER_LIMITS", (tmp_path / "memory.max", tmp_path / "missing"))
    assert (machine_memory() == 1_000_000) is counts


@pytest.mark.parametrize(
    ("settings", "bound"),
    [
        ({"SLUICE_VALKEY_MB": 64}, {"QUEUE_MAX_BYTES": str(32 * 1024**2)}),
        ({"SLUICE_VALKEY_MB": 8192}, {"QUEUE_MAX_BYTES": str(GB)}),
        ({"SLUICE_VALKEY_MB": 64, "QUEUE_MAX_BYTES": 5_000}, {}),
        ({"SLUICE_VALKEY_MB": 64, "REDIS_URL": "redis://elsewhere"}, {}),
    ],
)
def test_requests_may_fill_half_of_our_own_valkey(settings: dict[str, object], bound: dict[str, str]) -> None:
    assert bound_of_the_queue(UpSettings(_env_file=None, **settings)) == bound  # type: ignore[call-arg, arg-type]
