"""A query's words, and the snippet that shows where a text has them: some words around the match, as they were
written."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left

from backend.store.words import MARKS_MAX, fold

AROUND = 160  # characters of a snippet
BEFORE = 60  # of them before the match
WORD = 20  # how far a snippet's beginning moves to the beginning of a word
WINDOW = 64 * 1024  # characters of a text in which the place for a snippet is looked for: a text may have millions
PIECE = 4_096  # of them folded at once
MORE = "…"
NOWHERE = (0, 0)
SPACE = re.compile(r"\s")


def words_of(query: str) -> list[str]:
    """The folded words of a query, all of which a text must have, in any order and with anything between them.

    The longest word comes first: as a rule it is the rarest, and a text that lacks it need not be searched for another.
    """
    return sorted(dict.fromkeys(fold(query).split()), key=len, reverse=True)


def snippet(text: str, query: str) -> str:
    """About `AROUND` characters of `text`, whitespace collapsed: around the whole query, else around its longest word;
    the text's beginning if the first `WINDOW` characters have neither."""
    window = text[:WINDOW]
    places = (match(window, sought) for sought in dict.fromkeys([fold(query), *words_of(query)[:1]]))
    begin, end = next((place for place in places if place != NOWHERE), NOWHERE)
    left = _at_word(text, max(0, min(begin - BEFORE, len(text) - AROUND)), begin)
    right = min(len(text), max(left + AROUND, end))
    shown = " ".join(text[left:right].split())
    return (MORE if left else "") + shown + (MORE if right < len(text) else "")


def match(text: str, folded_query: str) -> tuple[int, int]:
    """Where the match begins and ends in the text as it was written: folding changes lengths (ß → ss)."""
    at = fold(text).find(folded_query)
    if at < 0:
        return NOWHERE
    end = _reach(text, at + len(folded_query))
    last = end + MARKS_MAX
    while end < min(len(text), last) and unicodedata.combining(text[end]):
        end += 1
    return _reach(text, at + 1) - 1, end


def _reach(text: str, length: int) -> int:
    """How many characters of `text` fold to a text of this length."""
    done = 0
    while done + PIECE < len(text) and (size := len(fold(text[done : done + PIECE]))) < length:
        length -= size
        done += PIECE
    piece = text[done : done + PIECE]
    return done + bisect_left(range(len(piece)), length, key=lambda count: len(fold(piece[:count])))


def _at_word(text: str, left: int, begin: int) -> int:
    """The beginning of a word near `left` and before the match; `left` where there is none."""
    space = SPACE.search(text, left, min(begin, left + WORD)) if left else None
    return space.end() if space else left
