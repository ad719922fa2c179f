"""The scores that a page must reach, and the faults that Lighthouse names where the page does not reach them."""

from __future__ import annotations

from typing import Any, NamedTuple

PAGES = {"chat": "/", "admin": "/admin/"}
FORMS = ("desktop", "mobile")
CATEGORIES = ("performance", "accessibility", "best-practices")


class Look(NamedTuple):
    """One page on one kind of device."""

    page: str
    form: str

    def least(self, category: str) -> int:
        """The least score, of 100. Lighthouse simulates a slow phone, on which the page may be a little slower."""
        if category != "performance":
            return 100
        return 95 if self.form == "desktop" else 90


class Assessment(NamedTuple):
    scores: dict[str, int]
    """By category, of 100."""
    faults: list[str]
    """Titles of the audits that cost points in a category that is below its least, the dearest first."""


Results = dict[Look, Assessment]
LOOKS = tuple(Look(page, form) for page in PAGES for form in FORMS)


def read(look: Look, report: dict[str, Any]) -> Assessment:
    """Reads Lighthouse's JSON. Raises ValueError where Lighthouse could not load the page."""
    if error := report.get("runtimeError"):
        raise ValueError(f"{look.page}, {look.form}: {error['message']}")
    scores = {name: round((report["categories"][name]["score"] or 0) * 100) for name in CATEGORIES}
    short = [name for name in CATEGORIES if scores[name] < look.least(name)]
    return Assessment(scores, [fault for name in short for fault in _faults(report, name)])


def _faults(report: dict[str, Any], category: str) -> list[str]:
    lost = []
    for part in report["categories"][category]["auditRefs"]:
        audit = report["audits"][part["id"]]
        if part["weight"] and audit["score"] is not None and audit["score"] < 1:
            lost.append(
                (part["weight"] * (1 - audit["score"]), f"{audit['title']} {audit.get('displayValue', '')}".strip())
            )
    return [title for _, title in sorted(lost, reverse=True)]


def missed(results: Results) -> list[tuple[Look, str]]:
    """The pages and categories whose score is below the least."""
    return [
        (look, name)
        for look, assessment in results.items()
        for name in CATEGORIES
        if assessment.scores[name] < look.least(name)
    ]
