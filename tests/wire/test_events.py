"""The counts of an event are clamped where it is written and where it is read, so that history can store each row."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wire.events import COUNT_MAX, EVENT, Completed, LogEntry, Timings, Usage, encode

ABSURD: list[tuple[Any, int]] = [
    (0, 0), (7, 7), (7.9, 7), (-1, 0), (2**53, COUNT_MAX), (2**63, COUNT_MAX), (10**100, COUNT_MAX), (1e300, COUNT_MAX),
    (float("inf"), COUNT_MAX), (float("-inf"), 0), (float("nan"), 0), ("7", 0), (None, 0), ([7], 0), ({}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("value", "counts"), ABSURD, ids=[str(value)[:12] for value, _ in ABSURD])
def test_a_count_is_clamped_to_its_bounds(value: Any, counts: int) -> None:
    event = Completed(
        finish_reason="stop",
        usage=Usage(prompt_tokens=value, thinking_tokens=value),
        timings=Timings(total_ms=value),
        tokens_per_second=value,
    )
    assert (event.usage.prompt_tokens, event.usage.thinking_tokens, event.timings.total_ms) == (counts,) * 3
    assert 0 <= event.tokens_per_second <= COUNT_MAX
    assert EVENT.validate_json(encode(event)) == event


@pytest.mark.parametrize(("value", "counts"), ABSURD[:8], ids=[str(value)[:12] for value, _ in ABSURD[:8]])
def test_absurd_counts_of_another_make_of_worker_are_clamped(value: Any, counts: int) -> None:
    """Read from the log, as an event and as its bare fields."""
    parts = {"usage": {"prompt_tokens": value}, "timings": {"queued_ms": value}, "tokens_per_second": value}
    body = json.dumps({"type": "completed", "finish_reason": "stop", **parts}).encode()
    event = EVENT.validate_json(body)
    assert isinstance(event, Completed) and event.usage.prompt_tokens == counts
    fields = LogEntry(None, body).fields()
    assert (fields["usage"], fields["timings"]) == ({"prompt_tokens": counts}, {"queued_ms": counts})


def test_a_usage_of_another_type_counts_nothing() -> None:
    body = b'{"type":"completed","finish_reason":"stop","usage":5}'
    assert LogEntry(None, body).fields() == {"type": "completed", "finish_reason": "stop", "usage": {}}


@pytest.mark.parametrize(("value", "counts"), [(3, 3), (2.5, 2), ("x", 0), (None, 0), ([], 0)])
def test_the_tokens_of_a_burst_are_a_number_whatever_its_event_holds(value: Any, counts: int) -> None:
    assert LogEntry(None, json.dumps({"type": "token", "text": "a", "n": value}).encode()).fields()["n"] == counts
