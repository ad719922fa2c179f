"""Patterns of a schema: llama.cpp keeps to them, or they are refused; they are never dropped."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ollama_worker.engines.base import EngineError, Finished, Piece, RequestRefused, Unsupported
from ollama_worker.engines.llama_cpp import LlamaCppEngine
from ollama_worker.engines.llama_cpp_patterns import known, with_known_patterns
from ollama_worker.engines.openai_servers import LLAMA_CPP, VLLM
from ollama_worker.engines.openai_wire import chat_body
from wire.records import JobRequest, Message

KEPT = (
    *(r"^\d{3}$", r"^a|b$", '^"$', r"^(?<n>a)b\/c$", r"^[\]\[^-]$", "^.{1,3}?$", "^$", r"^\u0040{2}@$", r"^\x41+?b$"),
    *(r"^[\w.-]{2}$", r"^\s{2}$", r"^(ab|cd){2}$", r"^[^a-z]$", r"^\t{2}$", r"^(\+1)?\d{3}-\d{4}$", r'^[\n"]$', "^é$"),
    *(r"^a{,3}$", r"^a\$$", r"^[\s\S]{3}$", r"^\\{2}$", r"^\W\D\S$"),
)
BEYOND = (r"^(?=a)b$", r"^(?<!a)b$", r"^(a)\1$", r"^\p{L}$", r"^\bfoo$", "^a$b$", "^a$|^b$", "(?i)abc", r"^\k<n>$")
WRONG = ("(a", "a)", "a)(b", "[a", "a\\", "[z-a]", r"[a-\d]", "^[]$")


def held_to(pattern: str, **options: Any) -> JobRequest:
    schema = {"type": "object", "properties": {"p": {"type": "string", "pattern": pattern}}, "required": ["p"]}
    return JobRequest(
        model="tiny",
        messages=(Message(role="user", content="the"),),
        format=schema | {"additionalProperties": False},
        options={"num_predict": 200, "temperature": 3, **options},
    )


async def test_answers_of_random_words_keep_to_patterns(tiny_gguf: Path) -> None:
    """The model would write anything: only the grammar holds it to a pattern."""
    engine = LlamaCppEngine(tiny_gguf, "tiny", silence=30)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.close)
        for pattern in KEPT:
            for seed in range(2):
                answer = await answered(engine, held_to(pattern, seed=seed))
                assert re.search(as_python_s(pattern), answer["p"], re.ASCII), (pattern, answer)


async def answered(engine: LlamaCppEngine, ask: JobRequest) -> Any:
    items = [item async for item in engine.generate(ask)]
    assert isinstance(items[-1], Finished) and items[-1].reason == "stop"
    return orjson.loads("".join(item.text for item in items if isinstance(item, Piece)))


def as_python_s(pattern: str) -> str:
    return pattern.replace("(?<n>", "(?P<n>").replace("{,3}", "\\{,3\\}")


@pytest.mark.parametrize("pattern", ["abc", "b$", r"^\d", r"a\$", r"a\\$", ""])
def test_a_pattern_without_anchors_allows_anything_around_it(pattern: str) -> None:
    """The rewritten pattern means the same to Python, whose language includes llama.cpp's."""
    for text in ("abc", "xabcx", "ab", "b", "bx", "1", "a1", "a$x", "xa", "", "a$"):
        assert bool(re.search(known(pattern), text)) == bool(re.search(pattern, text)), text


@pytest.mark.parametrize("pattern", BEYOND)
def test_a_pattern_beyond_its_grammars_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(Unsupported, match="cannot keep to the pattern"):
        known(pattern)


@pytest.mark.parametrize("pattern", WRONG)
def test_a_text_that_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(RequestRefused):
        known(pattern)


@given(some.text(alphabet="ab^$.|*+?(){}[]\\-,01dwsbpu \"\n'<:=", max_size=12))
def test_any_text_is_written_anew_or_refused(pattern: str) -> None:
    """The rewritten pattern allows nothing that the original does not."""
    try:
        written = known(pattern)
    except EngineError:
        return
    assert written.startswith("^") and written.endswith("$")


PART = {"type": "string", "pattern": r"\d"}


def test_patterns_are_found_wherever_a_schema_has_them() -> None:
    schema = {
        "properties": {"pattern": PART, "enum": {"anyOf": [PART, {"type": "array", "items": PART}]}},
        "$defs": {"const": PART},
        "default": {"pattern": r"\b"},  # a value, and no schema
    }
    rewritten = with_known_patterns(schema)
    assert str(rewritten).count(known(r"\d").replace("\\", "\\\\")) == 4
    assert rewritten["default"] == schema["default"]


def test_a_schema_that_is_nested_without_end_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"items": schema}
    with pytest.raises(RequestRefused, match="nested"):
        with_known_patterns(schema)


def test_a_strict_tool_is_kept_to_its_patterns_and_another_is_a_hint() -> None:
    def ask_with(strict: bool, pattern: str) -> JobRequest:
        parameters = {"type": "object", "properties": {"x": {"type": "string", "pattern": pattern}}}
        tool = {"type": "function", "function": {"name": "f", "parameters": parameters, "strict": strict}}
        return JobRequest(model="m", messages=(Message(role="user", content="x"),), tools=(tool,))

    with pytest.raises(Unsupported):
        chat_body(ask_with(True, r"\bx"), LLAMA_CPP)
    assert r"\\b" in str(chat_body(ask_with(False, r"\bx"), LLAMA_CPP)["tools"])
    assert known(r"\d").replace("\\", "\\\\") in str(chat_body(ask_with(True, r"\d"), LLAMA_CPP)["tools"])
    assert r"\\b" in str(chat_body(ask_with(True, r"\bx"), VLLM)["tools"])
