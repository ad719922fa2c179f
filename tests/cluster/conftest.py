"""Fixtures of rehearsals: houses and the truth on a durable server of a test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.flow.truth import Truth, truth_of
from tests.support.house import Houses
from tests.support.valkey import Valkey


@pytest.fixture
def durable_houses(fresh_valkey: Valkey, tmp_path: Path) -> Iterator[Houses]:
    houses = Houses(tmp_path, fresh_valkey)
    yield houses
    houses.stop()


@pytest.fixture
async def durable_truth(fresh_valkey: Valkey) -> AsyncIterator[Truth]:
    async with truth_of(fresh_valkey.url) as truth:
        yield truth
