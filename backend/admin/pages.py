"""Several pools' books as one list, the newest first: ids are Redis's own times, and all pools share its clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from backend.cursor import read_stream_place, write_cursor
from wire.ledger import Page


class Place(NamedTuple):
    """The last entry of a page; `pool` "" for none. Among entries of one id pools come in the order of their names."""

    id: str
    pool: str


class Entry(NamedTuple):
    id: str
    pool: str
    fields: dict[str, str]


def read_place(cursor: str | None) -> Place:
    """Raises Invalid."""
    return Place(*read_stream_place(cursor))


def from_place(place: Place, pool: str) -> str:
    """The id behind which this pool's entries of the next page lie, "" for the newest."""
    if not place.id or pool <= place.pool:
        return place.id
    ms, _, seq = place.id.partition("-")
    return f"{ms}-{int(seq) + 1}"  # the entry of this very id was not shown yet


def newest(pages: Sequence[tuple[str, Page]], limit: int) -> tuple[list[Entry], str | None]:
    """The first `limit` of them, and the cursor of what comes behind; None: nothing does."""
    entries = [Entry(name, pool, fields) for pool, page in pages for name, fields in page.entries]
    entries.sort(key=lambda entry: entry.pool)
    entries.sort(key=lambda entry: _number(entry.id), reverse=True)
    more = len(entries) > limit or any(page.next for _, page in pages)
    last = entries[limit - 1] if more else None
    return entries[:limit], write_cursor(last.id, last.pool) if last else None


def _number(name: str) -> tuple[int, int]:
    ms, _, seq = name.partition("-")
    return int(ms), int(seq)
