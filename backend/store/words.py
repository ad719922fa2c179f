"""Text on its way into SQL: what a database refuses is replaced, and what search compares is folded.

The column types below do the first by themselves, for every value that is written or compared: nobody can forget it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sqlalchemy import JSON, Dialect, String, Text
from sqlalchemy.types import TypeDecorator

REPLACEMENT = "\ufffd"
# PostgreSQL's text holds no U+0000, and half a surrogate pair is no UTF-8: no driver can send it.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


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
    """What search compares: compatibility forms made one (NFKC), case ignored as Unicode says (`ß` is `ss`)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


class _Storable(TypeDecorator[str]):
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Name(_Storable):
    """Text of a bounded length; PostgreSQL refuses longer ones."""

    impl = String
    cache_ok = True


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
