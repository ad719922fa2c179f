"""The page of features claims what tests show, and nothing else."""

from __future__ import annotations

import pytest

from tests.clients.features import TABLES, page
from tests.support.features import CLIENTS, LIVING, TABLE, Seen, Shown, claims, shown_by

PROVEN = {Shown("Ollama", "stream", "ollama"), Shown("Ollama", "stream", "openai"), Shown("LangServe", "a", "ollama")}


def test_every_claim_has_a_test_that_was_collected(request: pytest.FixtureRequest) -> None:
    """The run's end checks that the test passed; here: that it exists. A run of this file alone collects the others."""
    collected = [item for item in request.session.items if item.path.parent == CLIENTS]
    if {item.path for item in collected} >= set(CLIENTS.glob("test_*.py")):
        claimed = claims(TABLE.read_text())
        assert claimed
        shown = {shown for item in collected for shown in shown_by(item)}
        assert not claimed - shown


def test_every_mark_has_a_column(request: pytest.FixtureRequest) -> None:
    columns = {dialect for _, dialects in TABLES for dialect in dialects}
    marked = {shown.dialect for item in request.session.items for shown in shown_by(item)}
    assert marked <= columns


def test_what_the_page_says_is_read_back() -> None:
    assert claims(page(PROVEN)) == PROVEN
    assert all(proof.engine in LIVING for proof in PROVEN)


def test_a_feature_of_which_one_test_failed_is_not_shown() -> None:
    seen = Seen()
    for outcome in ("passed", "failed"):
        for shown in sorted(PROVEN)[: 1 if outcome == "failed" else None]:
            seen.pytest_runtest_logreport(_report(shown, outcome))
    assert seen.proven == PROVEN - {sorted(PROVEN)[0]}


def _report(shown: Shown, outcome: str) -> pytest.TestReport:
    properties = [("shows", list(shown))]
    return pytest.TestReport("x", ("x", 1, "x"), {}, outcome, None, "call", user_properties=properties)  # type: ignore[arg-type]
