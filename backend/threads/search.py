"""Where a text is found, shown: some words around the match, as they were written."""

from __future__ import annotations

from bisect import bisect_left

from backend.store.words import fold

AROUND = 160  # characters of a snippet
BEFORE = 60  # of them before the match
MORE = "…"


def snippet(text: str, folded_query: str) -> str:
    """About `AROUND` characters of `text` around the first match, whitespace collapsed; its beginning where none is."""
    begin, end = match(text, folded_query)
    left = max(0, min(begin - BEFORE, len(text) - AROUND))
    right = max(left + AROUND, end)
    left, right = _at_word(text, left, begin), min(right, len(text))
    shown = " ".join(text[left:right].split())
    return (MORE if left else "") + shown + (MORE if right < len(text) else "")


def match(text: str, folded_query: str) -> tuple[int, int]:
    """Where the match begins and ends in the text as written: folding changes lengths (ß → ss)."""
    at = fold(text).find(folded_query)
    if at < 0:
        return 0, 0
    begin = bisect_left(range(len(text)), at + 1, key=lambda n: len(fold(text[: n + 1])))
    end = bisect_left(range(len(text) + 1), at + len(folded_query), key=lambda n: len(fold(text[:n])))
    return begin, max(begin, end)


def _at_word(text: str, left: int, begin: int) -> int:
    """The beginning of a word, where there is one before the match."""
    space = text.find(" ", left, begin) if left else -1
    return space + 1 if space >= 0 else left
