"""Anthropic's sequence of events: exact bytes, the same wherever a burst is cut, whole as streamed."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.chat.outcome import Outcome
from backend.dialects.anthropic.answer import PING, AnthropicEvents, whole
from backend.dialects.anthropic.errors import refusal
from backend.errors import ApiError, Invalid, JobFailed, NotFound, QueueFull, TooLarge, Unavailable
from tests.support.sse import Frame, parse_frames
from wire.events import (
    Cancelled,
    Completed,
    EventId,
    Failed,
    LogEntry,
    Queued,
    Restarted,
    Started,
    Timings,
    Usage,
    encode,
    token,
)

JOB = "8b1a4d5e-2f7c-4c58-9f6a-0e6f4d2d9b11"
CALLS = [
    {"id": "call_1", "function": {"name": "weather", "arguments": {"city": "Zürich"}}},
    {"function": {"name": "time", "arguments": {}}},
]
USED = Usage(prompt_tokens=11, completion_tokens=7, cached_tokens=4, thinking_tokens=2)
STARTED = encode(Started(attempt=1, worker="w", model="m:1"))


def done(reason: str = "stop", stop: str | None = None) -> bytes:
    return encode(Completed(finish_reason=reason, usage=USED, timings=Timings(), model="m:1", stop_sequence=stop))


ALL = [
    encode(Queued(position=3, eta_seconds=12)),
    STARTED,
    token("", "hm, "),
    token("", "yes"),
    token('Hel"lo\n'),
    token(" 🙂", n=2),
    token("", tool_calls=CALLS),
    done("tool_calls"),
]
USAGE = {
    "input_tokens": 7,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 4,
    "output_tokens": 7,
    "output_tokens_details": {"thinking_tokens": 2},
}
NONE_YET = {**dict.fromkeys(USAGE, 0), "output_tokens_details": {"thinking_tokens": 0}}
EMPTY = {
    "id": "msg_8b1a4d5e2f7c4c589f6a0e6f4d2d9b11",
    "type": "message",
    "role": "assistant",
    "model": "m:1",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
}
SECOND_CALL = "toolu_8b1a4d5e2f7c4c589f6a0e6f_1"


def event(kind: str, id: str = "", **fields: Any) -> bytes:
    name = f"id: {id}\n" if id else ""
    return f"{name}event: {kind}\ndata: ".encode() + orjson.dumps({"type": kind, **fields}) + b"\n\n"


def start(index: int, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def delta(index: int, kind: str, id: str = "", **fields: Any) -> bytes:
    return event("content_block_delta", id, index=index, delta={"type": f"{kind}_delta", **fields})


def stop(index: int) -> bytes:
    return event("content_block_stop", index=index)


SAID = [
    b": queued position=3 eta=12 reason=waiting\n",
    event("message_start", message={**EMPTY, "usage": NONE_YET}),
    start(0, type="thinking", thinking="", signature=""),
    delta(0, "thinking", "1-1", thinking="hm, "),
    delta(0, "thinking", "1-2", thinking="yes"),
    delta(0, "signature", signature=""),
    stop(0),
    start(1, type="text", text=""),
    delta(1, "text", "1-3", text='Hel"lo\n'),
    delta(1, "text", "1-4", text=" 🙂"),
    stop(1),
    start(2, type="tool_use", id="call_1", name="weather", input={}),
    delta(2, "input_json", partial_json='{"city":"Zürich"}'),
    stop(2),
    start(3, type="tool_use", id=SECOND_CALL, name="time", input={}),
    delta(3, "input_json", "1-5", partial_json="{}"),
    stop(3),
    event("message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage=USAGE),
    event("message_stop", "1-6"),
]


def entries(*bodies: bytes) -> list[LogEntry]:
    """As a log holds them: news has no id, and is not counted."""
    logged = [body for body in bodies if not body.startswith(b'{"type":"queued"')]
    return [LogEntry(EventId(1, logged.index(body)) if body in logged else None, body) for body in bodies]


def told(*bodies: bytes, thoughts: bool = True) -> bytes:
    return AnthropicEvents(JOB, "asked", thoughts).burst(entries(*bodies))


def frames(*bodies: bytes, thoughts: bool = True) -> list[Frame]:
    return parse_frames(told(*bodies, thoughts=thoughts))


def kinds(*bodies: bytes, thoughts: bool = True) -> list[str]:
    return [frame.event.removeprefix("content_block_") for frame in frames(*bodies, thoughts=thoughts)]


def test_an_answer_with_everything_is_right_byte_for_byte() -> None:
    assert told(*ALL) == b"".join(SAID)


def test_every_cut_into_bursts_gives_the_same_bytes() -> None:
    log = entries(*ALL)
    for count in range(len(log)):
        for cuts in combinations(range(1, len(log)), count):
            dialect, bounds = AnthropicEvents(JOB, "asked", True), [0, *cuts, len(log)]
            bursts = [log[begin:end] for begin, end in pairwise(bounds)]
            assert b"".join(map(dialect.burst, bursts)) == b"".join(SAID)
            assert dialect.done


@given(st.lists(st.text(st.characters(codec="utf-8")).filter(bool), min_size=2, max_size=4))
def test_text_that_is_spliced_is_text_that_is_encoded(texts: list[str]) -> None:
    dialect = AnthropicEvents(JOB, "m", False)
    sent = b"".join(dialect.burst([LogEntry(EventId(1, n), token(text))]) for n, text in enumerate(texts))
    data = [orjson.loads(line[6:]) for line in sent.split(b"\n") if line.startswith(b"data: ")]
    assert [one["delta"]["text"] for one in data if one["type"] == "content_block_delta"] == texts


def test_thoughts_that_are_not_requested_are_not_sent() -> None:
    assert kinds(STARTED, token("", "hm"), token("a"), done(), thoughts=False) == [
        *("message_start", "start", "delta", "stop", "message_delta", "message_stop")
    ]


def test_an_empty_answer_is_a_message_without_blocks() -> None:
    assert kinds(STARTED, done()) == ["message_start", "message_delta", "message_stop"]


@pytest.mark.parametrize(
    ("reason", "told_as"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal"), ("new one", "end_turn")],
)
def test_why_it_stopped(reason: str, told_as: str) -> None:
    [last] = [frame.json() for frame in frames(STARTED, token("a"), done(reason)) if frame.event == "message_delta"]
    assert last["delta"]["stop_reason"] == told_as


def test_a_stop_sequence_is_named_where_it_ended_the_message() -> None:
    [last] = [one.json() for one in frames(STARTED, token("a"), done("stop", "END")) if one.event == "message_delta"]
    assert last["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}


def test_a_call_stops_a_message_for_its_use_with_any_reason_of_the_engine() -> None:
    [last] = [
        frame.json()
        for frame in frames(STARTED, token("", tool_calls=CALLS), done("stop"))
        if frame.event == "message_delta"
    ]
    assert last["delta"]["stop_reason"] == "tool_use"


def test_an_answer_begun_anew_before_its_first_word_is_one_answer() -> None:
    anew = encode(Started(attempt=2, worker="v", model="other"))
    sent = frames(STARTED, encode(Restarted()), anew, token("a"), done())
    assert sent[0].json()["message"]["model"] == "other"
    assert [frame.event for frame in sent].count("message_start") == 1


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (encode(Restarted()), "api_error"),
        (encode(Failed(code="deadline", message="too late")), "timeout_error"),
        (encode(Failed(code="unsupported", message="no")), "invalid_request_error"),
        (encode(Cancelled()), "invalid_request_error"),
    ],
)
def test_a_stream_that_breaks_ends_with_an_error(end: bytes, kind: str) -> None:
    sent = frames(STARTED, token("a"), end, token("b"), done())
    assert [frame.event for frame in sent[-2:]] == ["content_block_delta", "error"]
    assert sent[-1].json()["error"]["type"] == kind
    assert b'"b"' not in told(STARTED, token("a"), end, token("b"), done())


def test_keep_alive_is_a_ping() -> None:
    assert AnthropicEvents(JOB, "m", False).keep_alive() == PING == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_a_whole_message_equals_the_sum_of_the_stream() -> None:
    outcome = Outcome()
    outcome.fold(entries(*ALL))
    assert whole(JOB, "asked", True, outcome) == {
        "id": "msg_8b1a4d5e2f7c4c589f6a0e6f4d2d9b11",
        "type": "message",
        "role": "assistant",
        "model": "m:1",
        "content": [
            {"type": "thinking", "thinking": "hm, yes", "signature": ""},
            {"type": "text", "text": 'Hel"lo\n 🙂'},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Zürich"}},
            {"type": "tool_use", "id": SECOND_CALL, "name": "time", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": USAGE,
    }


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (Invalid("x"), 400, "invalid_request_error"),
        (NotFound("x", "model_not_found"), 404, "not_found_error"),
        (TooLarge("x"), 413, "request_too_large"),
        (QueueFull("x"), 429, "rate_limit_error"),
        (Unavailable("x"), 503, "api_error"),
        (JobFailed("context_too_long", "x"), 400, "invalid_request_error"),
        (JobFailed("cancelled", "x"), 499, "invalid_request_error"),
        (ApiError("x"), 500, "api_error"),
    ],
)
def test_errors_have_anthropic_s_shape(error: ApiError, status: int, kind: str) -> None:
    said = refusal(error, "r1")
    assert said.status == status
    told = {"type": kind, "message": "x", "code": error.code}
    assert said.body == {"type": "error", "error": told, "request_id": "r1"}
