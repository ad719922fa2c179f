"""The model test finds every deliberate fault in the scripts: a fault that survives is a behaviour without a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from tests.support.valkey import Valkey
from tests.wire.mutants import MUTANTS, SEEDS, killed_by, mutate

PROCESSES = 2


@pytest.fixture(scope="module")
def hunt(shared_valkey: Valkey, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[str | None]]]:
    """The hunt for all mutants of this run, several at once. Under xdist each worker hunts its own, one by one."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        yield {}
        return
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    names = [call.params["mutant"] for call in calls if call and "mutant" in call.params]
    spawn = get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, spawn, claim_a_database, (spawn.Value("i", 0),)) as pool:
        yield {name: pool.submit(kill, shared_valkey.port, name) for name in names}
        pool.shutdown(cancel_futures=True)


def claim_a_database(claimed: Any) -> None:
    """Take the number of a database that no other process of this run empties."""
    global database
    with claimed:
        claimed.value += 1
        database = claimed.value


database = 0


def kill(port: int, name: str) -> str | None:
    return killed_by(port, name, database)


def test_a_mutant_is_one_change_in_the_scripts() -> None:
    assert len(MUTANTS) >= 60
    for name in MUTANTS:
        mutate(name)  # raises where it would change nothing, or more than one place


@pytest.mark.timeout(600)
def test_the_model_finds_nothing_in_the_scripts_as_they_are(shared_valkey: Valkey) -> None:
    """Otherwise it would kill every mutant."""
    assert killed_by(shared_valkey.port, None, seeds=SEEDS // 8) is None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_model_kills(mutant: str, hunt: dict[str, Future[str | None]], shared_valkey: Valkey) -> None:
    found = hunt[mutant].result() if hunt else kill(shared_valkey.port, mutant)
    assert found, f"the model test does not notice this fault: {mutant}"
