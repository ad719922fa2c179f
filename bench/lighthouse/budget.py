"""What a page must score, and what Lighthouse found where it does not."""

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
        """Of 100. A phone is measured on a simulated slow one, and may be a little slower."""
        if category != "performance":
            return 100
        return 95 if self.form == "desktop" else 90


class Found(NamedTuple):
    scores: dict[str, int]
    """By category, of 100."""
    faults: list[str]
    """Titles of the audits that cost points in a category that is below its least, the dearest first."""


Results = dict[Look, Found]
LOOKS = tuple(Look(page, form) for page in PAGES for form in FORMS)


def read(look: Look, report: dict[str, Any]) -> Found:
    """Of Lighthouse's JSON. Raises ValueError where it could not look at the page."""
    if error := report.get("runtimeError"):
        raise ValueError(f"{look.page}, {look.form}: {error['message']}")
    scores = {name: round((report["categories"][name]["score"] or 0) * 100) for name in CATEGORIES}
    short = [name for name in CATEGORIES if scores[name] < look.least(name)]
    return Found(scores, [fault for name in short for fault in _faults(report, name)])


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
    """Where a page scored less than it must."""
    return [
        (look, name) for look, found in results.items() for name in CATEGORIES if found.scores[name] < look.least(name)
    ]
