"""A job's record as its callers see it."""

from __future__ import annotations

from typing import Any

from backend.moments import moment
from backend.pool.pools import Found
from wire.decoding import json_object
from wire.events import LogEntry, Queued


def view(found: Found, place: Queued | None, end: LogEntry | None) -> dict[str, Any]:
    """`position`, `eta_seconds`, `reason` while it waits; `result`, `usage` once completed; `error` if it failed."""
    record, fields = found.record, end.fields() if end else {}
    return {
        "id": record.id,
        "state": record.state,
        "pool": found.pool.name,
        "model": record.model,
        "class": record.cls,
        "position": place.position if place else None,
        "eta_seconds": place.eta_seconds if place else None,
        "reason": place.reason if place else None,
        "attempts": {"current": record.attempt, "charged": record.tries, "max": record.max_attempts},
        "worker": record.owner or None,
        "note": record.note or None,
        "accepted_at": moment(record.accepted),
        "deadline": moment(record.due),
        "timeline": [{"at": moment(at), "what": what, "detail": detail} for at, what, detail in record.timeline],
        "usage": fields.get("usage"),
        "timings": fields.get("timings"),
        "finish_reason": fields.get("finish_reason"),
        "result": json_object(record.result) if record.result else None,
        "error": _error(fields),
    }


def _error(end: dict[str, Any]) -> dict[str, Any] | None:
    if end.get("type") != "failed":
        return None
    return {name: end.get(name) for name in ("code", "message", "retryable")}
