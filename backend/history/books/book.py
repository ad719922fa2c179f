"""A book: one subject of the history, written in the transaction of all books."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.history.ending import Endings
from wire.ids import JobId

COLUMN_MAX = 2**63 - 1


class Book(Protocol):
    """Any statement of a book may run twice, also in two processes at once: what is written stays as it is. Rows are
    taken in the order of ids, so that two writers never wait for each other."""

    async def awaits(self, tx: AsyncConnection, jobs: Collection[JobId]) -> Collection[JobId]:
        """The jobs of these whose output this book writes. It is read before the transaction of the books begins."""

    async def write(self, tx: AsyncConnection, endings: Endings) -> None:
        """Write all of these endings, or raise; the transaction is the recorder's to end."""


def storable(values: dict[str, Any]) -> dict[str, Any]:
    """The same values as a row takes them: one count that is too large, or a NUL in a text, would cost the row, and its
    answer would seem to run for ever. Numbers are cut to what a BIGINT holds, a NUL becomes U+FFFD."""
    return {name: _storable(value) for name, value in values.items()}


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return max(-COLUMN_MAX, min(COLUMN_MAX, value))
    if isinstance(value, float):
        return value if math.isfinite(value) else 0.0
    if isinstance(value, dict):
        return {_storable(name): _storable(member) for name, member in value.items()}
    return [_storable(member) for member in value]
