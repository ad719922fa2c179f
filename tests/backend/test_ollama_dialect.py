"""Ollama's chunks: spliced from bytes where an event is plain text, and then the same as built from its fields."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from backend.dialects.fast_text import text_literal
from backend.dialects.ollama import OllamaChunks, partial
from wire import events
from wire.events import EventId, LogEntry

TEXTS = st.text(st.one_of(st.sampled_from('",\\{}:%b\n\x7f'), st.characters(codec="utf-8"))).filter(bool)


def entry(body: bytes) -> LogEntry:
    return LogEntry(EventId(1, 1), body)


def without_time(chunk: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in chunk.items() if name != "created_at"}


@given(TEXTS, st.text(max_size=3), st.integers(1, 2), st.sampled_from(["tiny:latest", '100%"b\\']))
def test_a_spliced_chunk_is_the_chunk_that_its_fields_make(text: str, thinking: str, n: int, model: str) -> None:
    token = entry(events.token(text, thinking, n=n))
    [line] = OllamaChunks(model).burst([token]).splitlines(keepends=True)
    assert line.endswith(b"}\n")
    assert without_time(json.loads(line)) == without_time(partial(model, token.fields()))


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
