"""A house with a history for all tests that change nothing of it, one of each kind of database a pytest process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.backend.conversations import KINDS, Visitor, history_house, visiting
from tests.support.house import House, Houses
from tests.support.valkey import Valkey


@pytest.fixture(scope="session", params=KINDS)
def house_with_history(
    request: pytest.FixtureRequest, kept_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    with Houses(tmp_path_factory.mktemp("history"), kept_valkey) as houses:
        yield history_house(request, houses.standing, CORS_ALLOW_ORIGINS="http://localhost:3000")


@pytest.fixture
async def visitor(house_with_history: House) -> AsyncIterator[Visitor]:
    async with visiting(house_with_history) as visitor:
        yield visitor
