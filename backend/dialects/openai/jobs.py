"""The state of a chat's job, for callers who poll instead of listening: `/v1/chat/jobs/{id}`.

`status`: queued, running, completed, failed, cancelled. `progress`: 0 while it waits, 1 once it has completed, between
them the share of `max_tokens` that is surely out (an event holds at least one token); None where it is not known: for a
running answer without a limit, and for what ended without an answer. `result`: as `/v1/chat/completions` answers.
"""

from __future__ import annotations

from typing import Any

from backend.chat.outcome import Outcome
from backend.dialects.openai.chat import completion
from backend.moments import moment, seconds
from wire.decoding import json_object
from wire.records import JobRecord


def described(record: JobRecord, events: int, end: dict[str, Any]) -> dict[str, Any]:
    """`events`: how many its running attempt has emitted so far. `end`: the terminal event, {} once its log is gone."""
    ended = next((at for at, what, _ in reversed(record.timeline) if what == "ended"), None)
    return {
        "id": record.id,
        "object": "chat.job",
        "status": record.state,
        "progress": progress(record, events),
        "result": result(record, end),
        "error": error(end),
        "model": record.model,
        "createdAt": moment(record.accepted),
        "completedAt": None if ended is None else moment(ended),
    }


def progress(record: JobRecord, events: int) -> float | None:
    if record.state in ("queued", "completed"):
        return float(record.state == "completed")
    options = json_object(record.request).get("options")
    limit = options.get("num_predict") if isinstance(options, dict) else None
    if record.state != "running" or not isinstance(limit, int) or limit < 1:
        return None
    return min(events / limit, 0.99)


def result(record: JobRecord, end: dict[str, Any]) -> dict[str, Any] | None:
    if record.state != "completed" or not record.result:
        return None
    kept = json_object(record.result)
    outcome = Outcome()
    outcome.text, outcome.thinking = [kept.get("text") or ""], [kept.get("thinking") or ""]
    outcome.tool_calls = list(kept.get("tool_calls") or ())
    outcome.end = end
    answer = completion(record.id, record.model, seconds(record.accepted), outcome)
    return answer if end else {**answer, "usage": None}


def error(end: dict[str, Any]) -> dict[str, Any] | None:
    if end.get("type") != "failed":
        return None
    return {"code": end.get("code"), "message": end.get("message")}
