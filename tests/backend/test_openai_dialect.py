"""OpenAI's chunks: spliced from bytes where an event is plain text, told alike however the log is cut into bursts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.chat.outcome import Outcome
from backend.chat.relay import Dialect
from backend.dialects.openai.chat import ChatChunks, completion, job_of
from backend.dialects.openai.completions import COMPLETIONS, CompletionExtra, TextChunks
from backend.dialects.openai.completions import completion as text_completion
from tests.backend.incoming import incoming
from wire import events
from wire.events import EventId, LogEntry

JOB = "0192e0c0-1111-7000-8000-0123456789ab"
TEXTS = st.text(st.one_of(st.sampled_from('",\\{}:%b\n\x7f'), st.characters(codec="utf-8"))).filter(bool)
MODELS = st.sampled_from(["tiny:latest", '100%d"b\\', 'a"content":""', '"text":""'])
ALTERNATIVE = {"token": "Hi", "logprob": -2.0, "bytes": [72, 105]}
LOGPROB = {"token": "é", "logprob": -0.5, "top_logprobs": [ALTERNATIVE]}
CALLS = [{"function": {"name": "f", "arguments": {"a": 1}}}, {"id": "own", "function": {"name": "g", "arguments": {}}}]
END = events.encode(
    events.Completed(
        finish_reason="stop",
        usage=events.Usage(prompt_tokens=3, completion_tokens=4, cached_tokens=2, thinking_tokens=1),
        timings=events.Timings(),
    )
)
STARTED = events.encode(events.Started(attempt=1, worker="w", model="m"))
FAILED = events.encode(events.Failed(code="context_too_long", message="Too long."))
RESTARTED = events.encode(events.Restarted())


def log_of(*bodies: bytes) -> list[LogEntry]:
    return [LogEntry(EventId(1, seq), body) for seq, body in enumerate(bodies)]


def chat_chunks(model: str = "m", usage: bool = False) -> ChatChunks:
    return ChatChunks(JOB, model, 7, usage)


def text_chunks(model: str = "m", usage: bool = False, echo: str = "") -> TextChunks:
    return TextChunks(JOB, model, CompletionExtra(7, usage, bool(echo)), echo)


def frames(stream: bytes) -> list[tuple[str, Any]]:
    """(id, data) of every frame; "" where it has no id."""
    told = []
    for block in stream.decode().split("\n\n")[:-1]:
        lines = [line for line in block.split("\n") if not line.startswith(":")]
        [data] = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        name = next((line.removeprefix("id: ") for line in lines if line.startswith("id: ")), "")
        told.append((name, data if data == "[DONE]" else json.loads(data)))
    return told


def deltas(stream: bytes) -> list[dict[str, Any]]:
    return [data["choices"][0]["delta"] for _, data in frames(stream) if data != "[DONE]" and data.get("choices")]


@given(TEXTS, st.integers(2, 3), MODELS, st.booleans())
def test_a_spliced_chunk_is_the_chunk_that_its_fields_make(text: str, n: int, model: str, usage: bool) -> None:
    """`n` makes an event that is parsed; but for its id it must be told like the one that is not."""
    for dialect, field in ((chat_chunks(model, usage), "delta"), (text_chunks(model, usage), "text")):
        dialect.burst(log_of(STARTED, events.token("first")))
        fast, slow = frames(dialect.burst([LogEntry(EventId(1, k), events.token(text, n=k)) for k in (1, n)]))
        assert (fast[0], slow[0]) == ("1-1", f"1-{n}")
        assert fast[1] == slow[1]
        assert fast[1]["model"] == model
        assert fast[1]["choices"][0][field] == ({"content": text} if field == "delta" else text)


LOG = log_of(
    STARTED,
    events.token("", thinking="hm"),
    events.token("Hel"),
    events.token("lo", logprobs=[LOGPROB]),
    events.token("", tool_calls=CALLS[:1]),
    events.token("", tool_calls=CALLS[1:]),
    END,
)


@pytest.mark.parametrize("make", [chat_chunks, text_chunks])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_bytes_do_not_depend_on_bursts(make: Any, size: int) -> None:
    whole, cut = make(), make()
    assert whole.burst(LOG) == b"".join(cut.burst(LOG[n : n + size]) for n in range(0, len(LOG), size))


def test_a_chat_s_chunks_come_in_openai_s_order() -> None:
    told = frames(chat_chunks(usage=True).burst(LOG))
    assert [name for name, _ in told] == ["", "1-1", "1-2", "1-3", "1-4", "1-5", "", "", "1-6"]
    assert told[-1][1] == "[DONE]"
    chunks = [data for _, data in told[:-1]]
    assert {(c["id"], c["object"], c["created"], c["model"]) for c in chunks} == {
        ("chatcmpl-0192e0c0111170008000" + "0123456789ab", "chat.completion.chunk", 7, "m")
    }
    choices = [chunk["choices"][0] for chunk in chunks[:-1]]
    ids = ["call_0192e0c01111700080000123_0", "own"]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "hm"},
        {"content": "Hel"},
        {"content": "lo"},
        {
            "tool_calls": [
                {"index": 0, "id": ids[0], "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
            ]
        },
        {"tool_calls": [{"index": 1, "id": ids[1], "type": "function", "function": {"name": "g", "arguments": "{}"}}]},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None] * 6 + ["tool_calls"]
    [told_logprob] = choices[3]["logprobs"]["content"]
    assert told_logprob == {"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": [ALTERNATIVE]}
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * 7
    assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], USAGE)


USAGE = {
    "prompt_tokens": 3,
    "completion_tokens": 4,
    "total_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 1},
}


def outcome_of(log: Iterable[LogEntry]) -> Outcome:
    outcome = Outcome()
    outcome.fold(log)
    return outcome


def test_the_whole_answer_equals_the_stream() -> None:
    answer = completion(JOB, "m", 7, outcome_of(LOG))
    [choice] = answer["choices"]
    streamed = deltas(chat_chunks().burst(LOG))
    assert choice["message"]["content"] == "".join(delta.get("content", "") for delta in streamed) == "Hello"
    assert choice["message"]["reasoning_content"] == "hm"
    calls = [call for delta in streamed for call in delta.get("tool_calls", ())]
    assert [{"index": n, **call} for n, call in enumerate(choice["message"]["tool_calls"])] == calls
    assert (choice["finish_reason"], answer["usage"], answer["object"]) == ("tool_calls", USAGE, "chat.completion")
    assert choice["logprobs"]["content"][0]["token"] == "é"
    assert job_of(answer["id"]) == JOB


def test_an_answer_that_is_only_calls_has_no_content() -> None:
    log = log_of(STARTED, events.token("", tool_calls=CALLS), END)
    [choice] = completion(JOB, "m", 7, outcome_of(log))["choices"]
    assert choice["message"]["content"] is None


def test_usage_is_sent_only_where_it_is_requested() -> None:
    told = [data for _, data in frames(chat_chunks().burst(LOG)) if data != "[DONE]"]
    assert not any("usage" in chunk for chunk in told)
    assert all(chunk["choices"] for chunk in told)


def dialects() -> Sequence[Dialect]:
    return chat_chunks(), text_chunks()


def test_a_failure_is_an_error_and_nothing_follows_it() -> None:
    for dialect in dialects():
        told = frames(dialect.burst(log_of(STARTED, events.token("a"), FAILED, events.token("b"))))
        assert [name for name, _ in told][-2:] == ["1-1", "1-2"]
        error = told[-1][1]["error"]
        assert (error["type"], error["code"], error["message"]) == (
            "invalid_request_error",
            "context_length_exceeded",
            "Too long.",
        )
        assert dialect.done


def test_attempts_are_never_mixed() -> None:
    for dialect in dialects():
        told = frames(dialect.burst(log_of(STARTED, events.token("a"), RESTARTED, events.token("b"), END)))
        assert told[-1][1]["error"]["code"] == "interrupted"
        assert told[-1][1]["error"]["type"] == "server_error"


def test_an_attempt_without_output_leaves_no_trace() -> None:
    for dialect, same in zip(dialects(), dialects(), strict=True):
        assert dialect.burst(log_of(STARTED, RESTARTED)) == b""
        assert dialect.burst([LOG[2]]) == same.burst([LOG[2]])


def test_events_that_are_not_known_are_passed_over() -> None:
    for dialect in dialects():
        assert (
            dialect.burst(log_of(b'{"type":"rerouted","pool":"b","model":"m","reason":"x"}', b'{"type":"new"}')) == b""
        )


def test_queue_news_is_a_comment_and_no_event() -> None:
    """OpenAI's client takes a blank line behind an `id:` for an event of its own."""
    for dialect in dialects():
        waiting = LogEntry(None, events.encode(events.Queued(position=3, eta_seconds=12)))
        assert dialect.burst([waiting]) == b": queued position=3 eta=12 reason=waiting\n"
        unknown = LogEntry(None, events.encode(events.Queued(position=1, reason="starting_worker")))
        assert dialect.burst([unknown]) == b": queued position=1 eta=unknown reason=starting_worker\n"


def test_a_keep_alive_is_a_chunk_that_adds_nothing_and_begins_nothing() -> None:
    for dialect, nothing in zip(dialects(), ({"delta": {}}, {"text": ""}), strict=True):
        before, [(id, chunk)] = dialect.burst(LOG[:1]), frames(dialect.keep_alive())
        [choice] = chunk["choices"]
        assert id == ""
        assert {"index": 0, "finish_reason": None, "logprobs": None} | nothing == choice
        fresh = next(one for one in dialects() if type(one) is type(dialect))
        assert before + dialect.burst(LOG[1:]) == fresh.burst(LOG)


def test_a_text_has_its_prompt_before_it_where_that_is_requested() -> None:
    dialect = text_chunks(echo="Say: ", usage=True)
    told = frames(dialect.opening() + dialect.burst(LOG))
    texts = [data["choices"][0]["text"] for _, data in told[:-2]]
    assert "".join(texts) == "Say: Hello"
    assert told[-3][1]["choices"][0]["finish_reason"] == "stop"
    assert told[-2][1]["usage"] == USAGE
    asked = COMPLETIONS.read(incoming({"prompt": "Say: ", "echo": True}, 9))
    answer = text_completion(JOB, "m", asked, [outcome_of(LOG)])
    assert (answer["choices"][0]["text"], answer["object"], answer["id"][:5]) == (
        "Say: Hello",
        "text_completion",
        "cmpl-",
    )


def test_a_text_s_logprobs_are_columns_with_offsets() -> None:
    pieces = [{"token": "Hé", "logprob": -1.0, "top_logprobs": [ALTERNATIVE]}, {"token": "y", "logprob": -2.0}]
    log = log_of(STARTED, *[events.token(str(one["token"]), logprobs=[one]) for one in pieces], END)
    whole = text_completion(JOB, "m", COMPLETIONS.read(incoming({"prompt": "x"}, 9)), [outcome_of(log)])["choices"][0][
        "logprobs"
    ]
    assert whole == {
        "tokens": ["Hé", "y"],
        "token_logprobs": [-1.0, -2.0],
        "top_logprobs": [{"Hi": -2.0}, {}],
        "text_offset": [0, 2],
    }
    streamed = [data["choices"][0]["logprobs"] for _, data in frames(text_chunks().burst(log))[:-1]]
    assert [one["text_offset"] for one in streamed if one] == [[0], [2]]


def test_an_id_that_is_no_answer_s_stays_as_it_is() -> None:
    assert job_of("chatcmpl-zz") == "chatcmpl-zz"
    assert job_of(JOB) == JOB
