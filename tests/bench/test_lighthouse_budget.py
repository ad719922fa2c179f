"""What counts as missed, and that a page that Lighthouse could not load never passes."""

from __future__ import annotations

from typing import Any

import pytest

from bench.lighthouse.budget import CATEGORIES, LOOKS, Assessment, Look, missed, read

PHONE, DESKTOP = Look("chat", "mobile"), Look("chat", "desktop")


def report(**scores: float | None) -> dict[str, Any]:
    """A report as Lighthouse writes it: one audit for each category, with the points that the category lost."""
    given = {"performance": 1.0, "accessibility": 1.0, "best-practices": 1.0, **scores}
    return {
        "categories": {
            name: {"score": score, "auditRefs": [{"id": name, "weight": 3}]} for name, score in given.items()
        },
        "audits": {name: {"title": f"Mend {name}", "score": score} for name, score in given.items()},
    }


def test_a_page_with_full_marks_misses_no_score() -> None:
    assessment = read(PHONE, report())
    assert assessment == Assessment(dict.fromkeys(CATEGORIES, 100), [])
    assert missed({look: assessment for look in LOOKS}) == []


def test_a_phone_may_be_a_little_slower_than_a_desktop() -> None:
    slower = report(performance=0.92)
    assert missed({PHONE: read(PHONE, slower)}) == []
    assert missed({DESKTOP: read(DESKTOP, slower)}) == [(DESKTOP, "performance")]


@pytest.mark.parametrize("category", ["accessibility", "best-practices"])
def test_a_page_one_point_short_is_a_miss_and_its_reason_is_printed(category: str) -> None:
    assessment = read(PHONE, report(**{category: 0.99}))
    assert missed({PHONE: assessment}) == [(PHONE, category)]
    assert assessment.faults == [f"Mend {category}"]


def test_lost_points_without_a_miss_are_not_printed() -> None:
    assert read(PHONE, report(performance=0.95)).faults == []


def test_a_category_without_a_score_has_none() -> None:
    assert missed({PHONE: read(PHONE, report(performance=None))}) == [(PHONE, "performance")]


def test_a_page_that_was_not_loaded_is_an_error() -> None:
    with pytest.raises(ValueError, match="no paint"):
        read(PHONE, {**report(), "runtimeError": {"code": "NO_FCP", "message": "no paint"}})
