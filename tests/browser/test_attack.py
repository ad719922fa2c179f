"""No text of a model, a person or a name runs a script or sends a request to another host."""

from __future__ import annotations

import pytest

from tests.browser.attack import Place, attack, database_of
from tests.browser.conftest import Visitor
from tests.browser.corpus import sample
from tests.support.house import Houses

IN_CI = 300  # of over 2,000: `python -m tests.browser.attack` runs them all


@pytest.mark.timeout(300)
async def test_no_attack_of_the_corpus_runs_or_leaves_the_origin(house: Houses, visitor: Visitor) -> None:
    home = await house(workers=0)
    visit = await visitor(home.url)
    database = database_of(home)
    try:
        successes = await attack(Place(visit, database, home.redis_url), sample(IN_CI))
    finally:
        await database.close()
    assert not successes, successes[:5]
