"""What counts as missed, and that a page that could not be looked at never passes."""

from __future__ import annotations

from typing import Any

import pytest

from bench.lighthouse.budget import CATEGORIES, LOOKS, Found, Look, missed, read

PHONE, DESKTOP = Look("chat", "mobile"), Look("chat", "desktop")


def report(**scores: float | None) -> dict[str, Any]:
    """As Lighthouse writes it: one audit for each category, that lost what the category lost."""
    given = {"performance": 1.0, "accessibility": 1.0, "best-practices": 1.0, **scores}
    return {
        "categories": {
            name: {"score": score, "auditRefs": [{"id": name, "weight": 3}]} for name, score in given.items()
        },
        "audits": {name: {"title": f"Mend {name}", "score": score} for name, score in given.items()},
    }


def test_full_marks_are_kept_promises() -> None:
    found = read(PHONE, report())
    assert found == Found(dict.fromkeys(CATEGORIES, 100), [])
    assert missed({look: found for look in LOOKS}) == []


def test_a_phone_may_be_a_little_slower_than_a_desktop() -> None:
    slower = report(performance=0.92)
    assert missed({PHONE: read(PHONE, slower)}) == []
    assert missed({DESKTOP: read(DESKTOP, slower)}) == [(DESKTOP, "performance")]


@pytest.mark.parametrize("category", ["accessibility", "best-practices"])
def test_one_point_less_is_a_miss_and_its_reason_is_printed(category: str) -> None:
    found = read(PHONE, report(**{category: 0.99}))
    assert missed({PHONE: found}) == [(PHONE, category)]
    assert found.faults == [f"Mend {category}"]


def test_lost_points_without_a_miss_are_not_printed() -> None:
    assert read(PHONE, report(performance=0.95)).faults == []


def test_a_category_without_a_score_has_none() -> None:
    assert missed({PHONE: read(PHONE, report(performance=None))}) == [(PHONE, "performance")]


def test_a_page_that_was_not_loaded_is_an_error() -> None:
    with pytest.raises(ValueError, match="no paint"):
        read(PHONE, {**report(), "runtimeError": {"code": "NO_FCP", "message": "no paint"}})
