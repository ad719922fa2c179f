"""What models put around a title goes."""

from __future__ import annotations

import pytest

from backend.history.books.titles import LONGEST, clean_title


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Cats", "Cats"),
        ("  Cats and dogs.  ", "Cats and dogs"),
        ('"Cats"', "Cats"),
        ("„Katzen“", "Katzen"),
        ("**Title:** Cats", "Cats"),
        ('# Title: "**Cats**"', "Cats"),
        ("Titel: Katzen", "Katzen"),
        ("TITLE - Cats", "Cats"),
        ("\n\n- Cats\n- Dogs", "Cats"),
        ("<think>\nThey ask\n</think>\n\nCats", "Cats"),
        ("<think>never ends", None),
        ("C++ and C#", "C++ and C#"),
        ("Cats\tand\u3000dogs", "Cats and dogs"),
        ("titles of nobility", "titles of nobility"),
        ('""', None),
        ("", None),
    ],
)
def test_a_title_is_one_bare_line(answer: str, title: str | None) -> None:
    assert clean_title(answer) == title


@pytest.mark.parametrize("answer", ["word " * 40, "x" * 200])
def test_a_title_is_short(answer: str) -> None:
    title = clean_title(answer)
    assert title is not None
    assert len(title) <= LONGEST
    assert title.endswith("…")
    assert not title.endswith(" …")
