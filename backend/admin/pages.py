"""The streams of several pools as one list, the newest first: ids are Redis's times, and all pools share its clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from backend.cursor import read_stream_place, write_cursor
from wire.ledger import Page


class LastShown(NamedTuple):
    """The last entry of a page; `pool` "" for none. Among entries of one id pools come in the order of their names."""

    id: str
    pool: str


class Entry(NamedTuple):
    """An entry of a pool's stream."""

    id: str
    pool: str
    fields: dict[str, str]


def read_place(cursor: str | None) -> LastShown:
    """The place that a cursor names. Raises Invalid."""
    return LastShown(*read_stream_place(cursor))


def from_place(last: LastShown, pool: str) -> str:
    """The id behind which this pool's entries of the next page lie, "" for the newest."""
    if not last.id or pool <= last.pool:
        return last.id
    ms, _, seq = last.id.partition("-")
    return f"{ms}-{int(seq) + 1}"  # the entry of this very id was not shown yet


def newest(pages: Sequence[tuple[str, Page]], limit: int) -> tuple[list[Entry], str | None]:
    """The first `limit` entries of all pages, and the cursor of the page behind them; None: there is none."""
    entries = [Entry(entry_id, pool, fields) for pool, page in pages for entry_id, fields in page.entries]
    entries.sort(key=lambda entry: entry.pool)
    entries.sort(key=lambda entry: _number(entry.id), reverse=True)
    more = len(entries) > limit or any(page.next for _, page in pages)
    last = entries[limit - 1] if more else None
    return entries[:limit], write_cursor(last.id, last.pool) if last else None


def _number(entry_id: str) -> tuple[int, int]:
    ms, _, seq = entry_id.partition("-")
    return int(ms), int(seq)
