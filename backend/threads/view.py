"""Threads and messages as their owners see them: rows in, JSON out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from backend.moments import moment

AS_THEY_ARE = (
    *("id", "parent_id", "role", "text", "thinking", "images", "status", "model", "job_id", "worker"),
    *("error", "finish_reason", "usage", "timings", "tokens_per_second", "feedback"),
    "context_messages",
)
NO_SETTINGS: dict[str, Any] = {"model": None, "system": None, "think": None, "options": {}}


def thread_view(row: Row[Any], running: Row[Any] | None) -> dict[str, Any]:
    """`running`: its newest answer that is not there yet. `updated_at`: when something was last said."""
    return {
        "id": row.id,
        "title": row.title,
        "archived": row.archived,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "settings": {**NO_SETTINGS, **row.settings},
        "job": {"id": running.job_id, "answer_id": running.id} if running else None,
    }


def thread_views(rows: Iterable[Row[Any]], running: Mapping[str, Row[Any]]) -> list[dict[str, Any]]:
    """`running`: by thread."""
    return [thread_view(row, running.get(row.id)) for row in rows]


def message_view(row: Row[Any]) -> dict[str, Any]:
    fields = row._mapping
    return {**{name: fields[name] for name in AS_THEY_ARE}, "created_at": moment(row.created_at)}


def in_order(rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Parents before children, siblings as they came."""
    children: dict[str | None, list[Row[Any]]] = {}
    for row in sorted(rows, key=lambda row: (row.created_at, row.id)):
        children.setdefault(row.parent_id, []).append(row)
    ordered, level = [], children.get(None, [])
    while level:
        ordered += level
        level = [child for parent in level for child in children.get(parent.id, ())]
    return ordered


def head_of(thread: Row[Any], ordered: Sequence[Row[Any]]) -> str | None:
    """The leaf that is shown: the chosen one, else the newest."""
    newest = max(enumerate(ordered), key=lambda at: (at[1].created_at, at[0]), default=None)
    head: str | None = thread.head_id or (newest and newest[1].id)
    return head


def branch_to(head: str | None, rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """The messages from the first to `head`."""
    by_id = {row.id: row for row in rows}
    branch: list[Row[Any]] = []
    while head is not None and (row := by_id.pop(head, None)) is not None:
        branch.append(row)
        head = row.parent_id
    return branch[::-1]
