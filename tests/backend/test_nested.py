"""The containers and values of a body are counted in its bytes, before anything is parsed."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some

from backend.batches.lines import Checker, NotJsonl, RawLine
from backend.dialects.common.tools import MALFORMED, arguments_of, check_arguments
from backend.dialects.protocols import PROTOCOLS
from backend.entrance import body
from backend.entrance.body import CONTAINERS_MAX, DEPTH_MAX, VALUES_MAX, parse_json
from backend.entrance.nested import depth, has_nul, openings, structure
from backend.entrance.protocols import SPOKEN, Protocols, takes_numbers
from backend.errors import Invalid
from tests.backend.incoming import bounds

TEXT = some.text(alphabet='ab"\\[]{},:\0\n\u00e9')
VALUES = some.recursive(
    TEXT | some.integers(0, 9) | some.none(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(TEXT, inner, max_size=4),
    max_leaves=30,
)


@given(VALUES, some.booleans())
def test_the_count_in_the_bytes_equals_the_count_in_a_walk_through_the_values(value: Any, ascii_only: bool) -> None:
    written = json.dumps(value, ensure_ascii=ascii_only).encode()
    shape = structure(written)
    assert (openings(shape), shape.count(b","), depth(shape)) == walked(value)
    assert has_nul(written) == ("\0" in "".join(texts(value)))


def walked(value: Any) -> tuple[int, int, int]:
    """How many containers, commas and levels there are."""
    if not isinstance(value, dict | list):
        return 0, 0, 0
    inner = [walked(child) for child in (value.values() if isinstance(value, dict) else value)]
    containers, commas, levels = map(list, zip(*inner, strict=True)) if inner else ([], [], [])
    return 1 + sum(containers), max(0, len(inner) - 1) + sum(commas), 1 + max(levels, default=0)


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for member in pair for text in texts(member)]
    return [text for member in value for text in texts(member)] if isinstance(value, list) else []


TOO_MANY = {
    "empty lists": b'{"x": [' + b",".join([b"[]"] * CONTAINERS_MAX) + b"]}",
    "empty objects": b'{"x": [' + b",".join([b"{}"] * CONTAINERS_MAX) + b"]}",
    "lists that are never closed": b"[" * (CONTAINERS_MAX + 1),
    "numbers": b"[" + b"1," * VALUES_MAX + b"1, 1]",
    "members": b"{" + b'"a":1,' * VALUES_MAX + b'"a":1, "a":1}',
    "brackets behind texts that end in a backslash": b'["\\\\",' + b"[]," * CONTAINERS_MAX + b"[]]",
}


@pytest.mark.parametrize("name", TOO_MANY)
def test_too_many_values_are_refused_before_they_are_parsed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "orjson", None)
    with pytest.raises(Invalid) as refused:
        parse_json(TOO_MANY[name])
    assert refused.value.code == "too_many_values"


def test_brackets_and_commas_within_a_text_are_not_counted() -> None:
    text = 'if (a[0]) { b["c"] = [{}, {}]; }, \\' * 50_000
    assert parse_json(orjson.dumps({"a": text})) == {"a": text}
    within = [[]] * (CONTAINERS_MAX - 2)
    assert parse_json(orjson.dumps({"a": within})) == {"a": within}


def test_long_lists_of_numbers_are_allowed_where_they_are_expected() -> None:
    numbers = [1] * (VALUES_MAX + 10)
    assert parse_json(orjson.dumps(numbers), numbers=True) == numbers
    taking = ("/v1/embeddings", "/api/embed", "/api/embeddings", "/api/generate")
    others = ("/v1/chat/completions", "/api/chat", "/v1/responses", "/v1/messages")
    scopes = {path: {"path": path, SPOKEN: Protocols(PROTOCOLS).at(path)} for path in (*taking, *others)}
    assert [path for path, scope in scopes.items() if takes_numbers(scope)] == list(taking)


def test_nesting_is_bounded_as_before() -> None:
    assert parse_json(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)
    with pytest.raises(Invalid) as refused:
        parse_json(b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1))
    assert refused.value.code == "nested_too_deep"


def test_a_line_of_a_batch_is_bounded_as_a_request_is() -> None:
    checker = Checker("batch_" + "0" * 32, "/v1/chat/completions", bounds(2_000))
    row = checker.row(RawLine(0, TOO_MANY["empty lists"]))
    assert row.state == "failed" and "too_many_values" in (row.answer or "")
    with pytest.raises(NotJsonl):
        checker.row(RawLine(1, b"["))


def test_the_arguments_of_all_calls_are_counted_together() -> None:
    first = '{"a": [' + ",".join(["[]"] * 1_000) + "]}"
    check_arguments([first] * 40)
    with pytest.raises(Invalid):
        check_arguments([first] * 60)
    assert arguments_of(first) == json.loads(first)
    deep = '{"a": ' + "[" * 60 + "]" * 60 + "}"
    assert arguments_of(deep) == {MALFORMED: deep}
