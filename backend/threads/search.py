"""A query's words, and a snippet of a text that has them: some words around the match, as they were written."""

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
    """The words that a text must have, in any order, folded. The longest come first: of two words the longer is the
    rarer, as a rule, and a text that lacks it needs no further look."""
    return sorted(dict.fromkeys(fold(query).split()), key=len, reverse=True)


def snippet(text: str, query: str) -> str:
    """About `AROUND` characters of `text`, whitespace collapsed: around the query as it is, else around its longest
    word; the text's beginning where neither is in the first `WINDOW` characters."""
    window = text[:WINDOW]
    places = (match(window, sought) for sought in dict.fromkeys([fold(query), *words_of(query)[:1]]))
    begin, end = next((place for place in places if place != NOWHERE), NOWHERE)
    left = _at_word(text, max(0, min(begin - BEFORE, len(text) - AROUND)), begin)
    right = min(len(text), max(left + AROUND, end))
    shown = " ".join(text[left:right].split())
    return (MORE if left else "") + shown + (MORE if right < len(text) else "")


def match(text: str, folded_query: str) -> tuple[int, int]:
    """Where the match begins and ends in the text as written: folding changes lengths (ß → ss)."""
    at = fold(text).find(folded_query)
    if at < 0:
        return NOWHERE
    end = _reach(text, at + len(folded_query))
    last = end + MARKS_MAX
    while end < min(len(text), last) and unicodedata.combining(text[end]):
        end += 1
    return _reach(text, at + 1) - 1, end


def _reach(text: str, length: int) -> int:
    """How many characters of `text` it takes until what they fold to is so long."""
    done = 0
    while done + PIECE < len(text) and (size := len(fold(text[done : done + PIECE]))) < length:
        length -= size
        done += PIECE
    piece = text[done : done + PIECE]
    return done + bisect_left(range(len(piece)), length, key=lambda count: len(fold(piece[:count])))


def _at_word(text: str, left: int, begin: int) -> int:
    """The beginning of a word, where there is one near and before the match."""
    space = SPACE.search(text, left, min(begin, left + WORD)) if left else None
    return space.end() if space else left
