"""What an ended job comes to: a row of `jobs`, and what its answer's row in `messages` is to hold.

Both come from the job's record, its terminal event and, where there is no result, its event log.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from backend.store.words import fold
from wire.decoding import json_object
from wire.events import Completed, Failed
from wire.records import JobRecord

BIGGEST = 2**63 - 1
MOST_TRIES = 2**31 - 1
STATUS = {"completed": "complete", "failed": "failed", "cancelled": "cancelled"}
LOST = {"code": "job_lost", "message": "The queue has lost this answer; ask again.", "retryable": True}


class Said(NamedTuple):
    """What a job said. `thinking` None: it did not think."""

    text: str = ""
    thinking: str | None = None
    tool_calls: list[Any] | None = None


class Ending(NamedTuple):
    """An ended job. `event` None: its log is gone, or it was cancelled and there is nothing to know."""

    record: JobRecord
    event: Completed | Failed | None

    @property
    def left(self) -> bool:
        """It went on in another pool: its end here is none."""
        return self.record.why == "rerouted"

    @property
    def brief(self) -> bool:
        """Nobody comes back to it once it is recorded. A job that came from another pool is known there, too, and would
        be sent here again by a reader who found it there alone."""
        return self.record.state == "cancelled" and not self.record.base

    @property
    def at(self) -> int:
        """When it ended, pool milliseconds."""
        return self._marked("ended")[0] or self.record.accepted

    @property
    def worker(self) -> str | None:
        """The incarnation that had it last; None: nobody had."""
        return self._marked("given")[1] or None

    def _marked(self, what: str) -> tuple[int, str]:
        marks = [(at, detail) for at, mark, detail in self.record.timeline if mark.partition(":")[0] == what]
        return marks[-1] if marks else (0, "")


def said_of_result(result: bytes) -> Said | None:
    """From a completed job's record; None for a result that does not decode."""
    fields = json_object(result)
    if result and not fields:
        return None
    words, thinking, calls = fields.get("text"), fields.get("thinking"), fields.get("tool_calls")
    return Said(
        words if isinstance(words, str) else "",
        thinking if isinstance(thinking, str) and thinking else None,
        calls if isinstance(calls, list) and calls else None,
    )


def job_row(pool: str, ending: Ending) -> dict[str, Any]:
    record = ending.record
    return storable(
        {
            "id": record.id,
            "pool": pool,
            "tenant": record.tenant[:200],
            "principal": record.principal[:200],
            "cls": record.cls[:32],
            "model": record.model[:200],
            "state": record.state,
            "why": record.why[:64],
            "attempt": record.attempt,
            "tries": min(record.tries, MOST_TRIES),
            "worker": ending.worker and ending.worker[:200],
            "request_id": record.request_id[:128],
            "accepted_at": record.accepted,
            "ended_at": ending.at,
            "timeline": record.timeline,
            **_cost(ending.event),
        }
    )


def _cost(event: Completed | Failed | None) -> dict[str, Any]:
    done = event if isinstance(event, Completed) else None
    return {
        "queued_ms": done and done.timings.queued_ms,
        "first_token_ms": done and done.timings.first_token_ms,
        "total_ms": done and done.timings.total_ms,
        "prompt_tokens": done and done.usage.prompt_tokens,
        "completion_tokens": done and done.usage.completion_tokens,
        "tokens_per_second": done and done.tokens_per_second,
    }


def answer_values(ending: Ending, said: Said) -> dict[str, Any]:
    """What the answer's row gets, by column."""
    record, event = ending.record, ending.event
    done = event if isinstance(event, Completed) else None
    return storable(
        {
            **_said(said),
            "status": STATUS[record.state],
            "error": _error(ending) if record.state == "failed" else None,
            "finish_reason": done and done.finish_reason[:32],
            "usage": done and done.usage.model_dump(),
            "timings": done and done.timings.model_dump(),
            "tokens_per_second": done and done.tokens_per_second,
            "worker": ending.worker and ending.worker[:200],
            "model": ((done and done.model) or record.model)[:200],
            "ended_at": ending.at,
        }
    )


def storable(row: dict[str, Any]) -> dict[str, Any]:
    """The same as SQL takes it: one count that is too large, or a NUL in a text, would cost the row, and its answer
    would seem to run for ever. Numbers are cut to what a BIGINT holds, NUL becomes U+FFFD."""
    return {name: _storable(value) for name, value in row.items()}


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return max(-BIGGEST, min(BIGGEST, value))
    if isinstance(value, float):
        return value if math.isfinite(value) else 0.0
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items()}
    return [_storable(each) for each in value]


def lost_values(at: int) -> dict[str, Any]:
    """The same for an answer whose job is known to have ended, and of which nothing else is known any more."""
    unknown = ("finish_reason", "usage", "timings", "tokens_per_second", "worker")
    return {**_said(Said()), **dict.fromkeys(unknown), "status": "failed", "error": LOST, "ended_at": at}


def _said(said: Said) -> dict[str, Any]:
    return {"text": said.text, "thinking": said.thinking, "tool_calls": said.tool_calls, "folded": fold(said.text)}


def _error(ending: Ending) -> dict[str, Any]:
    if isinstance(ending.event, Failed):
        return ending.event.model_dump(include={"code", "message", "retryable"})
    return {"code": ending.record.why or "failed", "message": "The job failed.", "retryable": True}
