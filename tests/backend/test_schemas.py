"""Schemas in a request: what no engine can enforce is refused in every dialect, what tools are described by is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backend.dialects.anthropic.request import read_messages
from backend.dialects.ollama.chat_request import parse_chat
from backend.dialects.ollama.generate import OllamaGenerate
from backend.dialects.openai.chat import CHAT
from backend.dialects.responses.door import DOOR
from backend.errors import ApiError
from tests.backend.incoming import incoming
from wire.records import JobRequest

SAID = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
Ask = Callable[[Any], JobRequest]
FORMATS: dict[str, Ask] = {
    "Ollama's chat": lambda schema: parse_chat({**SAID, "format": schema}, 9).to_ask(),
    "Ollama's text": lambda schema: OllamaGenerate().read(incoming({"prompt": "hi", "format": schema}, 9)).ask,
    "Anthropic": lambda schema: anthropic(output_config={"format": {"type": "json_schema", "schema": schema}}),
    "OpenAI's chat": lambda schema: (
        CHAT.read(
            incoming(
                {**SAID, "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}, 9
            )
        ).ask
    ),
    "OpenAI's responses": lambda schema: (
        DOOR.read(
            incoming({"input": "hi", "text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}}, 9)
        ).ask
    ),
}
FUNCTION = {"name": "f", "description": "d"}
TOOLS: dict[str, Ask] = {
    "Ollama's chat": lambda schema: parse_chat({**SAID, "tools": [tool(schema)]}, 9).to_ask(),
    "Anthropic": lambda schema: anthropic(tools=[{**FUNCTION, "input_schema": schema, "strict": True}]),
    "OpenAI's chat": lambda schema: CHAT.read(incoming({**SAID, "tools": [tool(schema)]}, 9)).ask,
    "OpenAI's responses": lambda schema: (
        DOOR.read(incoming({"input": "hi", "tools": [{"type": "function", **tool(schema)["function"]}]}, 9)).ask
    ),
}


def anthropic(**fields: Any) -> JobRequest:
    return read_messages({**SAID, "max_tokens": 9, **fields}, 9).to_ask()


def tool(schema: Any) -> dict[str, Any]:
    return {"type": "function", "function": {**FUNCTION, "parameters": schema, "strict": True}}


def of(**word: Any) -> dict[str, Any]:
    """A schema that says this of the one field that it has."""
    return {"type": "object", "properties": {"a": word}}


BEYOND: dict[str, tuple[dict[str, Any], str]] = {
    "a condition": (of(**{"if": {"type": "string"}}, then={}), "'if'"),
    "a negation": (of(anyOf=[{"not": {"type": "null"}}]), "'not'"),
    "a reference to nothing": (of(**{"$ref": "#/nowhere"}), "points to nothing"),
    "a remote reference": (of(**{"$ref": "https://127.0.0.1:1/s.json"}), "nothing is fetched"),
    "a billion items": (of(type="array", minItems=10**9), "schema.properties.a.minItems must be 100,000 or less"),
    "a part of a tuple that is none": (of(items=[{"type": "banana"}]), "schema.properties.a.items.0.type"),
}
WITHIN = {
    "a reference within": {**of(**{"$ref": "#/$defs/b"}), "$defs": {"b": {"type": "string"}}},
    "a field that is named like a keyword": {"type": "object", "properties": {"not": {"type": "string"}}},
    "a tuple as it was told before 2020": of(type="array", items=[{"type": "string"}, {"type": "number"}]),
}


@pytest.mark.parametrize("dialect", FORMATS)
@pytest.mark.parametrize("name", BEYOND)
def test_a_schema_that_no_engine_can_enforce_is_refused(dialect: str, name: str) -> None:
    schema, says = BEYOND[name]
    with pytest.raises(ApiError) as refused:
        FORMATS[dialect](schema)
    assert refused.value.status in (400, 422) and says in refused.value.message


@pytest.mark.parametrize("dialect", FORMATS)
@pytest.mark.parametrize("name", WITHIN)
def test_a_schema_that_engines_can_enforce_is_passed_on_as_it_is(dialect: str, name: str) -> None:
    assert FORMATS[dialect](WITHIN[name]).format == WITHIN[name]


@pytest.mark.parametrize("dialect", ["Ollama's chat", "Ollama's text", "Anthropic"])
def test_an_answer_may_be_a_list_where_the_dialect_allows_it(dialect: str) -> None:
    listed = {"type": "array", "items": {"type": "string"}}
    assert FORMATS[dialect](listed).format == listed


@pytest.mark.parametrize("dialect", TOOLS)
@pytest.mark.parametrize("name", WITHIN)
def test_a_tool_is_passed_on_as_it_was_described(dialect: str, name: str) -> None:
    assert TOOLS[dialect](WITHIN[name]).tools == (tool(WITHIN[name]),)


@pytest.mark.parametrize("dialect", TOOLS)
def test_a_tool_that_is_described_by_no_schema_is_refused(dialect: str) -> None:
    with pytest.raises(ApiError, match=r"items\.1\.type must be one of"):
        TOOLS[dialect](of(items=[{}, {"type": "banana"}]))


MEANT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "null for what was not given, as Ollama's Go client sends it": (
        {"type": "object", "properties": None, "required": None, "$defs": None, "items": None},
        {"type": "object"},
    ),
    "nulls in a property": (
        of(type="string", enum=None, items=None, description=None, properties=None, pattern=None, minLength=None),
        of(type="string"),
    ),
    "null for a whole property, and for no type": (
        {"type": "", "properties": {"a": None, "b": {"type": None}, "c": {"type": []}}},
        {"properties": {"a": {}, "b": {}, "c": {}}},
    ),
    "any": (of(type="any", description="d"), of(description="d")),
    "any among others": (of(type=["string", "ANY"]), of()),
    "Gemini's capitals": (
        {"type": "OBJECT", "properties": {"a": {"type": "ARRAY", "items": {"type": "STRING"}}}},
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}},
    ),
    "null as a type": (of(type=["STRING", None]), of(type=["string", "null"])),
    "nulls deep inside": (
        of(anyOf=[{"type": "NULL", "enum": None}, {"items": [{"title": None}]}], additionalProperties={"type": "any"}),
        of(anyOf=[{"type": "null"}, {"items": [{}]}], additionalProperties={}),
    ),
    "a pointer without its #": (
        {**of(**{"$ref": "/$defs/b"}), "$defs": {"b": {"type": "INTEGER"}}},
        {**of(**{"$ref": "#/$defs/b"}), "$defs": {"b": {"type": "integer"}}},
    ),
    "null where it is a value": (of(default=None, enum=[None, "a"]), of(default=None, enum=[None, "a"])),
    "a field that is named like a word": (
        {"type": "object", "properties": {"type": {"type": "STRING"}, "enum": {"enum": ["ANY", None]}}},
        {"type": "object", "properties": {"type": {"type": "string"}, "enum": {"enum": ["ANY", None]}}},
    ),
}


@pytest.mark.parametrize("dialect", TOOLS)
@pytest.mark.parametrize("name", MEANT)
def test_a_tool_s_schema_is_read_as_it_is_meant(dialect: str, name: str) -> None:
    written, meant = MEANT[name]
    [described] = TOOLS[dialect](written).tools or ()
    assert described["function"]["parameters"] == meant


@pytest.mark.parametrize("dialect", FORMATS)
def test_an_answer_s_schema_is_read_as_it_is_meant(dialect: str) -> None:
    written = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "enum": None}}, "required": ["a"]}
    assert FORMATS[dialect](written).format == {**of(type="string"), "required": ["a"]}


BARE = {"function": {"name": "f", "description": "", "parameters": {"type": "", "properties": None}}, "type": ""}


@pytest.mark.parametrize("described", [BARE, {"type": None, "function": {"name": "f", "parameters": None}}])
def test_a_tool_of_which_only_the_name_was_given_is_a_tool(described: dict[str, Any]) -> None:
    [read] = parse_chat({**SAID, "tools": [described]}, 9).to_ask().tools or ()
    assert (read["type"], read["function"]["name"]) == ("function", "f")
