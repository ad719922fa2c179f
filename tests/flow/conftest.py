"""Fixtures of the whole trip."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.flow.truth import Truth, truth_of
from tests.support.house import PROMPT, Houses
from tests.support.valkey import Valkey


@pytest.fixture
async def truth(valkey: Valkey) -> AsyncIterator[Truth]:
    """The default pool on the shared server."""
    async with truth_of(valkey.url) as truth:
        yield truth


@pytest.fixture
def durable_house(fresh_valkey: Valkey, tmp_path: Path) -> Iterator[Houses]:
    """As `house`, on a durable server of this test's own, which may go away: callers are told as in production."""
    houses = Houses(tmp_path, fresh_valkey, PROMPT)
    yield houses
    houses.stop()


@pytest.fixture
async def durable_truth(fresh_valkey: Valkey) -> AsyncIterator[Truth]:
    async with truth_of(fresh_valkey.url) as truth:
        yield truth
