"""Fixtures of the whole trip."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.truth import Truth, truth_of
from tests.support.valkey import Valkey


@pytest.fixture
async def truth(valkey: Valkey) -> AsyncIterator[Truth]:
    """The default pool on the shared server."""
    async with truth_of(valkey.url) as truth:
        yield truth
