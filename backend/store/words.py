"""Text on its way into SQL: what a database refuses is replaced, and what search compares is folded.

The column types below replace by themselves, in every value that is written or compared: no statement can forget it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from sqlalchemy import JSON, Dialect, String, Text
from sqlalchemy.types import TypeDecorator

from wire.ids import LOCAL_PRINCIPAL

REPLACEMENT = "\ufffd"
# PostgreSQL's text holds no U+0000, and half a surrogate pair is no UTF-8: no driver can send it.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

FOLDED_MAX = 256 * 1024  # bytes of a text that search looks through; folding them takes some 70 ms at worst
MARKS_MAX = 30
JOINER = "\u034f"  # COMBINING GRAPHEME JOINER: drawn as nothing, it ends a run of marks
LAST_MARK = 0x1E94A
FAR_MARK = re.compile("[\U00010000-\U0001e94a]")
LIKE_MARKS = "\u0f73\u0f75\u0f81\uff9e\uff9f"  # no marks themselves, but normalisation takes them apart into marks


def storable(text: str) -> str:
    """The text with U+FFFD for every character that a database refuses."""
    return UNSTORABLE.sub(REPLACEMENT, text)


def storable_json(value: Any) -> Any:
    """The same for every text in a JSON value, names of members included."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(name)): storable_json(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(member) for member in value]
    return value


def fold(text: str) -> str:
    """The form that search compares: compatibility forms made one (NFKC), case ignored as Unicode has it (`ß` is `ss`).

    Only the first `FOLDED_MAX` bytes of the text are folded, and at most as many characters come back: normalisation
    sorts runs of combining marks in quadratic time, and U+FDFA alone becomes 18 characters.
    """
    start = storable(text[:FOLDED_MAX])
    if start.isascii():
        return start.lower()
    start = start.encode()[:FOLDED_MAX].decode(errors="ignore")
    run = _run_of_marks(far=FAR_MARK.search(start) is not None)
    once = unicodedata.normalize("NFKC", run.sub(rf"\g<0>{JOINER}", start))[:FOLDED_MAX]
    return unicodedata.normalize("NFKC", once.casefold())[:FOLDED_MAX]


@cache
def _run_of_marks(far: bool) -> re.Pattern[str]:
    """Matches as many combining marks as the Stream-Safe Text Format (UAX #15) allows in a row.

    Made at its first use, in some 10 ms: Python's `re` has no class for them. `far`: with those beyond U+FFFF, which
    make the class thirty times slower.
    """
    marks = [char for char in map(chr, range(0x300, LAST_MARK + 1 if far else 0x10000)) if unicodedata.combining(char)]
    return re.compile(f"[{''.join(marks)}{LIKE_MARKS}]{{{MARKS_MAX}}}")


class _Storable(TypeDecorator[str]):
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Name(_Storable):
    """Text of a bounded length; PostgreSQL refuses longer ones."""

    impl = String
    cache_ok = True


class PrincipalName(Name):
    """The id of the caller who submitted a job. NULL, as older releases leave it, reads as the local principal."""

    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> str:
        return LOCAL_PRINCIPAL if value is None else value


class Words(_Storable):
    """Text of any length."""

    impl = Text
    cache_ok = True


class Document(TypeDecorator[Any]):
    """A JSON value; None is NULL, not the JSON `null`."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return storable_json(value)
