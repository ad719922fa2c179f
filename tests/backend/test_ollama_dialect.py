"""Ollama's chunks: spliced from bytes where an event is plain text, and then the same as built from its fields."""

from __future__ import annotations

import json
import re
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.dialects.common.fast_text import text_literal
from backend.dialects.ollama.answer import CHAT, TEXT, ChunkForm, OllamaChunks, partial
from backend.dialects.ollama.chat_request import parse_chat
from backend.dialects.ollama.errors import refusal
from backend.dialects.ollama.generate import OllamaGenerate
from backend.dialects.ollama.models import shown
from backend.errors import ApiError, Forbidden, Invalid, JobFailed, NotFound, QueueFull, Unavailable
from tests.backend.incoming import incoming
from wire import events
from wire.events import EventId, LogEntry
from wire.records import JobRequest

TEXTS = st.text(st.one_of(st.sampled_from('",\\{}:%b\n\x7f'), st.characters(codec="utf-8"))).filter(bool)


def entry(body: bytes) -> LogEntry:
    return LogEntry(EventId(1, 1), body)


def without_time(chunk: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in chunk.items() if name != "created_at"}


@given(
    TEXTS,
    st.text(max_size=3),
    st.integers(1, 2),
    st.sampled_from(["tiny:latest", '100%"b\\']),
    st.sampled_from([CHAT, TEXT]),
)
def test_a_spliced_chunk_is_the_chunk_that_its_fields_make(
    text: str, thinking: str, n: int, model: str, form: ChunkForm
) -> None:
    token = entry(events.token(text, thinking, n=n))
    [line] = OllamaChunks(model, form).burst([token]).splitlines(keepends=True)
    assert line.endswith(b"}\n")
    assert without_time(json.loads(line)) == without_time(partial(model, token.fields(), form))


@given(TEXTS | TEXTS.map(lambda text: text + '",'))
def test_plain_text_is_spliced_unless_it_looks_like_more(text: str) -> None:
    literal = text_literal(events.token(text))
    if text.endswith('",'):
        assert literal is None
    else:
        assert json.loads(literal or b"") == text


def test_an_event_that_another_program_wrote_with_spaces_is_parsed() -> None:
    body = b'{"type": "token", "text": "hi"}'
    assert text_literal(body) is None
    assert json.loads(OllamaChunks("m").burst([entry(body)]))["message"]["content"] == "hi"


def test_nothing_follows_the_end() -> None:
    end = entry(events.encode(events.Failed(code="deadline", message="too late")))
    lines = OllamaChunks("m").burst([entry(events.token("a")), end, entry(events.token("b"))]).splitlines()
    chunk, error = map(json.loads, lines)
    assert (chunk["message"]["content"], error) == ("a", {"error": "too late", "code": "deadline"})


CALL = {"id": "call_1", "function": {"name": "f", "arguments": {"a": 1}}}
LOG = [
    events.encode(events.Queued(position=2)),
    events.encode(events.Started(attempt=1, worker="w", model="m")),
    events.token("", thinking="hm"),
    events.token('Hel"'),
    events.token("lo", n=2),
    events.token("", tool_calls=[CALL], logprobs=[{"token": "x", "logprob": -1.0}]),
    events.encode(
        events.Completed(
            finish_reason="tool_calls",
            usage=events.Usage(prompt_tokens=3, completion_tokens=4),
            timings=events.Timings(queued_ms=1, load_ms=2, prompt_ms=3, generate_ms=4, total_ms=9),
        )
    ),
]
TIME = re.compile(rb'"created_at":"[^"]+"')
COUNTS = (
    b'"done_reason":"stop","total_duration":10000000,"load_duration":2000000,"prompt_eval_count":3,'
    b'"prompt_eval_duration":3000000,"eval_count":4,"eval_duration":4000000}\n'
)
LOGPROBS = b'"logprobs":[{"token":"x","logprob":-1.0}]}\n'
CALLS = b'"tool_calls":[{"id":"call_1","function":{"name":"f","arguments":{"a":1}}}]'


def chunk(inner: bytes, done: bytes = b"false}\n", more: bytes = b"") -> bytes:
    return b'{"model":"m",T,' + inner + b',"done":' + (done if not more else done.removesuffix(b"}\n") + b"," + more)


def said(inner: bytes) -> bytes:
    return b'"message":{"role":"assistant",' + inner + b"}"


TOLD = {
    "chat": [
        chunk(said(b'"content":"","thinking":"hm"')),
        chunk(said(b'"content":"Hel\\""')),
        chunk(said(b'"content":"lo"')),
        chunk(said(b'"content":"",' + CALLS), more=LOGPROBS),
        chunk(said(b'"content":""'), b"true}\n", COUNTS),
    ],
    "generate": [
        chunk(b'"response":""', more=b'"thinking":"hm"}\n'),
        chunk(b'"response":"Hel\\""'),
        chunk(b'"response":"lo"'),
        chunk(b'"response":""', more=CALLS + b"," + LOGPROBS),
        chunk(b'"response":""', b"true}\n", COUNTS),
    ],
}


@pytest.mark.parametrize(("name", "form"), [("chat", CHAT), ("generate", TEXT)])
def test_every_cut_into_bursts_gives_the_same_bytes(name: str, form: ChunkForm) -> None:
    log = [entry(body) for body in LOG]
    for count in range(len(log)):
        for cuts in combinations(range(1, len(log)), count):
            chunks = OllamaChunks("m", form)
            sent = b"".join(chunks.burst(log[begin:end]) for begin, end in pairwise([0, *cuts, len(log)]))
            assert TIME.sub(b"T", sent) == b"".join(TOLD[name])
            assert chunks.done


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("x"), 400),
        (NotFound("x", "model_not_found"), 404),
        (Forbidden("x"), 403),
        (QueueFull("x"), 429),
        (Unavailable("x"), 503),
        (JobFailed("context_too_long", "x"), 400),
        (JobFailed("cancelled", "x"), 499),
        (ApiError("x"), 500),
    ],
)
def test_errors_have_ollama_s_shape(error: ApiError, status: int) -> None:
    assert refusal(error, "r1") == (status, {"error": "x", "code": error.code, "request_id": "r1"})


# -- what Go's decoder takes -------------------------------------------------------------------------------------
def chat(*messages: dict[str, Any], **fields: Any) -> JobRequest:
    return parse_chat(
        {"model": "m", "messages": list(messages) or [{"role": "user", "content": "hi"}], **fields}, 9
    ).to_ask()


def test_a_call_needs_no_words_beside_it() -> None:
    call = {"function": {"name": "f", "arguments": {}}}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert chat(said, {"role": "tool", "content": "4"}).messages[0].content == ""


def test_a_whole_number_may_be_written_with_a_point() -> None:
    options = {"num_predict": 10.0, "seed": -1.0, "mirostat": 2.0}
    assert chat(options=options).options == {"num_predict": 10, "seed": -1, "mirostat": 2}


@pytest.mark.parametrize("kept", ["5m", "1h30m", "-1s", "1.5h", ".5s", "300ms", "0", 300, -1, 0.5, None])
def test_the_time_that_a_model_stays_is_written_as_go_writes_it(kept: Any) -> None:
    assert chat(keep_alive=kept).keep_alive == kept


def test_a_time_that_go_does_not_read_is_refused_at_once() -> None:
    for kept in ("1" * 1_000_000, "1s" * 500_000, "٣s", "m", "5", "1d"):
        with pytest.raises(Invalid, match="keep_alive"):
            chat(keep_alive=kept)


@pytest.mark.parametrize(
    ("able", "told"),
    [
        (("completion", "embedding", "tools"), ["completion", "tools"]),
        (("embedding",), ["embedding"]),
        ((), ["completion"]),
    ],
)
def test_a_model_that_writes_is_not_listed_as_one_that_makes_vectors(able: tuple[str, ...], told: list[str]) -> None:
    """Ollama tells both of none, and its command line makes a vector of a question to one that is told so."""
    assert shown("m", {"capabilities": able})["capabilities"] == told


@pytest.mark.parametrize(
    ("think", "carried"),
    [("max", ("high", "max")), ("high", ("high", None)), (True, (True, None)), (None, (None, None))],
)
def test_the_deepest_thought_is_the_deepest_that_every_engine_knows(think: Any, carried: Any) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "prompt": "hi", "think": think}
    for job in (parse_chat(body, 9).to_ask(), OllamaGenerate().read(incoming(body, 9)).ask):
        assert (job.think, job.effort) == carried
