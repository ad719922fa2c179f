"""What an event counts is clamped where it is written and where it is read: no row of a history is lost by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wire.events import COUNT_MAX, EVENT, Completed, LogEntry, Timings, Usage, encode

ABSURD: list[tuple[Any, int]] = [
    (0, 0), (7, 7), (7.9, 7), (-1, 0), (2**53, COUNT_MAX), (2**63, COUNT_MAX), (10**100, COUNT_MAX), (1e300, COUNT_MAX),
    (float("inf"), COUNT_MAX), (float("-inf"), 0), (float("nan"), 0), ("7", 0), (None, 0), ([7], 0), ({}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("said", "counts"), ABSURD, ids=[str(said)[:12] for said, _ in ABSURD])
def test_a_count_is_between_none_and_the_most(said: Any, counts: int) -> None:
    event = Completed(
        finish_reason="stop",
        usage=Usage(prompt_tokens=said, thinking_tokens=said),
        timings=Timings(total_ms=said),
        tokens_per_second=said,
    )
    assert (event.usage.prompt_tokens, event.usage.thinking_tokens, event.timings.total_ms) == (counts,) * 3
    assert 0 <= event.tokens_per_second <= COUNT_MAX
    assert EVENT.validate_json(encode(event)) == event


@pytest.mark.parametrize(("said", "counts"), ABSURD[:8], ids=[str(said)[:12] for said, _ in ABSURD[:8]])
def test_another_make_of_worker_may_count_as_it_likes(said: Any, counts: int) -> None:
    """Read from the log, as an event and as its bare fields."""
    parts = {"usage": {"prompt_tokens": said}, "timings": {"queued_ms": said}, "tokens_per_second": said}
    body = json.dumps({"type": "completed", "finish_reason": "stop", **parts}).encode()
    event = EVENT.validate_json(body)
    assert isinstance(event, Completed) and event.usage.prompt_tokens == counts
    fields = LogEntry(None, body).fields()
    assert (fields["usage"], fields["timings"]) == ({"prompt_tokens": counts}, {"queued_ms": counts})


def test_a_usage_that_is_none_counts_nothing() -> None:
    body = b'{"type":"completed","finish_reason":"stop","usage":5}'
    assert LogEntry(None, body).fields() == {"type": "completed", "finish_reason": "stop", "usage": {}}


@pytest.mark.parametrize(("said", "counts"), [(3, 3), (2.5, 2), ("x", 0), (None, 0), ([], 0)])
def test_a_burst_s_tokens_are_a_number_whatever_is_said(said: Any, counts: int) -> None:
    assert LogEntry(None, json.dumps({"type": "token", "text": "a", "n": said}).encode()).fields()["n"] == counts
