"""Threads and messages as their owners see them: JSON made of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backend.ids import MessageId, ThreadId
from backend.moments import moment
from backend.store.rows import AwaitedRow, MessageRow, ThreadRow

AS_THEY_ARE = (
    *("id", "parent_id", "role", "text", "thinking", "images", "status", "model", "job_id", "worker"),
    *("error", "finish_reason", "usage", "timings", "tokens_per_second", "feedback"),
    "context_messages",
)
NO_SETTINGS: dict[str, Any] = {"model": None, "system": None, "think": None, "options": {}}


def thread_view(row: ThreadRow, awaited: AwaitedRow | None) -> dict[str, Any]:
    """`awaited`: the thread's newest answer that is not there yet. `updated_at`: the time of its latest message."""
    return {
        "id": row.id,
        "title": row.title,
        "archived": row.archived,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "settings": {**NO_SETTINGS, **row.settings},
        "job": {"id": awaited.job_id, "answer_id": awaited.id} if awaited else None,
    }


def thread_views(rows: Iterable[ThreadRow], awaited: Mapping[ThreadId, AwaitedRow]) -> list[dict[str, Any]]:
    """`awaited`: the newest answer that is not there yet, by thread."""
    return [thread_view(row, awaited.get(row.id)) for row in rows]


def message_view(row: MessageRow) -> dict[str, Any]:
    fields = row._asdict()
    return {**{name: fields[name] for name in AS_THEY_ARE}, "created_at": moment(row.created_at)}


def in_order(rows: Iterable[MessageRow]) -> list[MessageRow]:
    """The messages, parents before children, siblings in the order of their times."""
    children: dict[MessageId | None, list[MessageRow]] = {}
    for row in sorted(rows, key=lambda row: (row.created_at, row.id)):
        children.setdefault(row.parent_id, []).append(row)
    ordered, level = [], children.get(None, [])
    while level:
        ordered += level
        level = [child for parent in level for child in children.get(parent.id, ())]
    return ordered


def head_of(thread: ThreadRow, ordered: Sequence[MessageRow]) -> MessageId | None:
    """The leaf that is shown: the leaf that was chosen, else the newest."""
    newest = max(enumerate(ordered), key=lambda at: (at[1].created_at, at[0]), default=None)
    return thread.head_id or (newest[1].id if newest else None)


def branch_to(head: MessageId | None, rows: Iterable[MessageRow]) -> list[MessageRow]:
    """The messages of a branch, from the first to `head`."""
    by_id = {row.id: row for row in rows}
    branch: list[MessageRow] = []
    while head is not None and (row := by_id.pop(head, None)) is not None:
        branch.append(row)
        head = row.parent_id
    return branch[::-1]
