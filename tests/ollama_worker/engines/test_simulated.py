"""The simulated engine: labelled and deterministic. It obeys orders in prompts only where they are allowed."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
from typing import Any

import jsonschema_rs
import pytest

from ollama_worker.engines.base import (
    ContextTooLong,
    EngineError,
    EngineFailed,
    EngineSilent,
    EngineUnavailable,
    Finished,
    Loading,
    OutOfMemory,
    Piece,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.simulated import SimulatedEngine
from wire.records import JobRequest, Message


def ask_for(prompt: str, **changes: object) -> JobRequest:
    return JobRequest(model="m", messages=(Message(role="user", content=prompt),)).model_copy(update=changes)


def engine(**changes: object) -> SimulatedEngine:
    return SimulatedEngine(["m"], **{"rate": 0, "faults": True, "silence": 0.01, **changes})  # type: ignore[arg-type]


async def answer(engine: SimulatedEngine, ask: JobRequest, prefill: str = "") -> list[object]:
    return [item async for item in engine.generate(ask, prefill)]


def text(items: list[object]) -> str:
    return "".join(item.text for item in items if isinstance(item, Piece))


def end(items: list[object]) -> Finished:
    assert isinstance(items[-1], Finished)
    return items[-1]


async def test_an_answer_states_that_it_is_simulated_and_how_to_connect_a_model() -> None:
    content = text(await answer(engine(), ask_for("Hello there")))
    assert "simulated" in content and "OLLAMA_BASE_URL" in content and "SLUICE_GGUF" in content
    assert content.endswith("Hello there")


async def test_the_same_request_gets_the_same_answer() -> None:
    assert text(await answer(engine(), ask_for("x"))) == text(await answer(engine(), ask_for("x")))


async def test_numbered_words_show_loss_and_doubling() -> None:
    items = await answer(engine(faults=False), ask_for("!tokens 4"))
    assert text(items) == "w0 w1 w2 w3"
    assert (end(items).reason, end(items).completion_tokens) == ("stop", 4)


@pytest.mark.parametrize("cut", range(1, len("w0 w1 w2 w3")))
async def test_the_simulated_engine_continues_behind_any_prefill(cut: int) -> None:
    """The evidence for the simulated engine: joined, two attempts are one answer."""
    whole = "w0 w1 w2 w3"
    assert whole[:cut] + text(await answer(engine(), ask_for("!tokens 4"), whole[:cut])) == whole


async def test_the_simulated_engine_does_not_continue_the_text_of_another_answer() -> None:
    with pytest.raises(Unsupported):
        await answer(engine(), ask_for("!tokens 4"), "something else")


async def test_the_token_budget_ends_an_answer() -> None:
    items = await answer(engine(), ask_for("!tokens 4", options={"num_predict": 3}))
    assert (text(items), end(items).reason) == ("w0 w1 w2", "length")
    rest = await answer(engine(), ask_for("!tokens 4", options={"num_predict": 1}), "w0 w1")
    assert (text(rest), end(rest).reason) == (" w2", "length")
    spent = await answer(engine(), ask_for("!tokens 4", options={"num_predict": 0}), "w0 w1 w2")
    assert (text(spent), end(spent).reason) == ("", "length")


@pytest.mark.parametrize("stop", [" w2", [" w2"], ["zz", "w1 w2"]])
async def test_a_stop_string_ends_an_answer(stop: object) -> None:
    items = await answer(engine(), ask_for("!tokens 4", options={"stop": stop}))
    assert end(items).stop_sequence == ("w1 w2" if "zz" in str(stop) else " w2")
    assert text(items).rstrip() in ("w0 w1", "w0") and "w2" not in text(items)
    assert end(items).reason == "stop"


async def test_a_stop_string_is_found_over_a_prefill() -> None:
    assert text(await answer(engine(), ask_for("!tokens 9", options={"stop": ["w2 w3"]}), "w0 w1 w")) == ""


async def test_the_rate_is_kept() -> None:
    loop, took = asyncio.get_running_loop(), []
    for _ in range(3):
        since = loop.time()
        await answer(engine(rate=100), ask_for("!tokens 20"))
        took.append(loop.time() - since)
    assert 0.2 <= min(took) < 1.0, took  # a loaded machine makes it longer, never shorter


async def test_loading_takes_its_time_once_a_model() -> None:
    slow = engine(load_ms=30)
    loop = asyncio.get_running_loop()
    since = loop.time()
    first, second = await answer(slow, ask_for("!tokens 1")), await answer(slow, ask_for("!tokens 1"))
    assert first[0] == Loading("m") and loop.time() - since >= 0.03
    assert Loading("m") not in second
    await slow.store.unload("m")
    assert (await answer(slow, ask_for("!tokens 1")))[0] == Loading("m")


async def test_a_thought_comes_before_the_answer() -> None:
    for ask in (ask_for("!think"), ask_for("hello", think=True)):
        items = [item for item in await answer(engine(), ask) if isinstance(item, Piece)]
        assert items[0].thinking and not items[-1].thinking
    assert not any(i.thinking for i in await answer(engine(faults=False), ask_for("!think")) if isinstance(i, Piece))


async def test_a_format_gets_json() -> None:
    assert text(await answer(engine(), ask_for("x", format="json"))).startswith('{"simulated":true')


NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "name": {"type": "string"}}}
SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}}, "required": ["a"]},
    {"enum": ["red", "green"]},
    {"const": {"x": [1]}},
    {"type": "array", "items": {"type": "string"}, "minItems": 3},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}], "items": False, "maxItems": 2},
    {"anyOf": [{"type": "number", "exclusiveMinimum": 3, "maximum": 9}, {"type": "null"}]},
    {"type": ["null", "string"], "minLength": 12, "maxLength": 14},
    {"type": "integer", "minimum": 7, "multipleOf": 4},
    {"type": "integer", "maximum": -2},
    {"type": "number", "exclusiveMaximum": 0},
    {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
    {"$defs": {"N": {**NODE, "properties": {"next": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]}}}}}
    | {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}, "required": ["n"]},
    {"allOf": [{"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}, {"required": ["b"]}]},
    {"type": "string", "format": "date-time"},
    {},
]


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_a_schema_is_satisfied(schema: dict[str, Any]) -> None:
    value = json.loads(text(await answer(engine(), ask_for("x", format=schema))))
    assert jsonschema_rs.validator_for(schema).is_valid(value), value


# Tools

ADD = {"type": "function", "function": {"name": "add", "parameters": SCHEMAS[0]}}


def called(items: list[object]) -> list[object]:
    return [call["function"] for item in items if isinstance(item, Piece) for call in item.tool_calls or ()]


async def test_calls_are_ordered_a_line_each() -> None:
    order = '!call add {"a": 1}\n!call now\n!call add [not json'
    items = await answer(engine(), ask_for(order, tools=(ADD,)))
    expected = [("add", {"a": 1}), ("now", {}), ("add", {})]
    assert called(items) == [{"name": name, "arguments": arguments} for name, arguments in expected]
    assert end(items).reason == "tool_calls"
    assert len(called(await answer(engine(), ask_for(order, tools=(ADD,), parallel_tool_calls=False)))) == 1


@pytest.mark.parametrize("changes", [{}, {"tools": (ADD,), "tool_choice": "none"}])
async def test_nothing_is_called_without_tools(changes: dict[str, Any]) -> None:
    assert called(await answer(engine(), ask_for("!call add", **changes))) == []
    assert called(await answer(engine(faults=False), ask_for("!call add", tools=(ADD,)))) == []


async def test_a_tool_s_answer_is_quoted_and_the_tool_is_not_called_again() -> None:
    ask = ask_for("!call add", tools=(ADD,))
    talk = (*ask.messages, Message(role="tool", tool_name="add", content="42"))
    items = await answer(engine(), ask.model_copy(update={"messages": talk}))
    assert called(items) == [] and text(items).endswith("What tools answered: 42")


async def test_a_forced_call_satisfies_the_tool_s_schema() -> None:
    items = await answer(engine(), ask_for("hello", tools=(ADD,), tool_choice="required"))
    assert called(items) == [{"name": "add", "arguments": {"a": 1, "b": True}}]
    assert end(items).reason == "tool_calls" and text(items) == ""


async def test_logprobs_come_with_every_token() -> None:
    items = await answer(engine(), ask_for("!tokens 3", logprobs=True, top_logprobs=2))
    entries = [entry for item in items if isinstance(item, Piece) for entry in item.logprobs or ()]
    assert "".join(entry["token"] for entry in entries) == "w0 w1 w2"
    assert all(len(entry["top_logprobs"]) == 2 and entry["logprob"] < 0 for entry in entries)


async def test_a_bare_prompt_is_answered_too() -> None:
    bare = JobRequest(kind="generate", model="m", prompt="!tokens 3", suffix="x")
    assert text(await answer(engine(), bare)) == "w0 w1 w2"


# Faults


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("out_of_memory", OutOfMemory),
        ("stream_cut", StreamCut),
        ("silent", EngineSilent),
        ("unavailable", EngineUnavailable),
        ("failed", EngineFailed),
        ("context_too_long", ContextTooLong),
    ],
)
@pytest.mark.parametrize("after", [0, 3])
async def test_a_fault_happens_where_it_was_ordered(kind: str, expected: type[EngineError], after: int) -> None:
    got: list[object] = []
    with pytest.raises(expected):
        async for item in engine().generate(ask_for(f"!fault {kind} after {after}")):
            got.append(item)
    assert text(got) == " ".join(f"w{n}" for n in range(after))


async def test_an_attempt_that_continues_gets_past_the_fault() -> None:
    items = await answer(engine(), ask_for("!fault stream_cut after 3"), "w0 w1 w2")
    assert "w0 w1 w2" + text(items) == " ".join(f"w{n}" for n in range(13))


async def test_an_ordered_text_comes_unchanged() -> None:
    ordered = "# One\n\n  two\t`three` \n"
    assert text(await answer(engine(), ask_for(f"!say {ordered}"))) == ordered


async def test_the_demonstration_has_everything_that_the_page_draws() -> None:
    content = text(await answer(engine(faults=False), ask_for("!demo")))
    assert all(part in content for part in ("simulated", "| --- |", "```python", "```mermaid", "\\sum", "- [x]"))


async def test_images_are_counted() -> None:
    seen = JobRequest(model="m", messages=(Message(role="user", content="look", images=("aGk=", "aGk=")),))
    assert text(await answer(engine(), seen)).endswith("Images sent with it: 2.")


async def test_no_fault_where_faults_are_not_allowed() -> None:
    for prompt in ("!fault stream_cut", "!die", "!say hello"):
        assert "simulated" in text(await answer(engine(faults=False), ask_for(prompt)))


def test_die_ends_the_process_without_a_word() -> None:
    code = (
        "import asyncio\n"
        "from tests.ollama_worker.engines.test_simulated import answer, ask_for, engine\n"
        "asyncio.run(answer(engine(), ask_for('!die')))\n"
        "print('still here')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert ended.returncode == 1
    assert (ended.stdout, ended.stderr) == (b"", b"")


# The rest


async def test_embeddings_depend_on_the_text_alone() -> None:
    embeddings = await engine().embed(JobRequest(kind="embed", model="m", inputs=("a", "b", "a")))
    first, second, third = embeddings.vectors
    assert first == third != second
    small = await engine().embed(JobRequest(kind="embed", model="m", inputs=((1, 2), "a"), dimensions=8))
    assert [len(vector) for vector in small.vectors] == [8, 8]
    assert math.hypot(*first) == pytest.approx(1)


async def test_models_are_those_it_was_given() -> None:
    names = [info.name for info in await SimulatedEngine(["a", "b", "a"]).store.models()]
    assert names == ["a", "b"]


async def test_the_simulated_store_cannot_pull() -> None:
    with pytest.raises(Unsupported):
        async for _ in engine().store.pull("m"):
            pass


async def test_a_count_is_of_messages_and_tools() -> None:
    bare = await engine().count(ask_for("one two three"))
    tooled = await engine().count(ask_for("one two three", tools=({"type": "function", "function": {"name": "a b"}},)))
    assert bare == 3 < tooled


# Schemas without bound


def doubling(levels: int) -> dict[str, Any]:
    """Each part names the next one twice."""
    twice = [{key: {"$ref": f"#/$defs/p{n + 1}"} for key in "ab"} for n in range(levels)]
    parts = {f"p{n}": {"type": "object", "required": ["a", "b"], "properties": its} for n, its in enumerate(twice)}
    return {"$ref": "#/$defs/p0", "$defs": {**parts, f"p{levels}": {"type": "string"}}}


WITHOUT_BOUND: dict[str, dict[str, Any]] = {
    "a billion items": {"type": "array", "minItems": 1_000_000_000, "items": {"type": "string"}},
    "a billion characters": {"type": "string", "minLength": 1_000_000_000},
    "references that double": doubling(30),
    "items of items": {"type": "array", "minItems": 5_000, "items": {"type": "array", "minItems": 5_000}},
    "a large constant, again and again": {"type": "array", "minItems": 5_000, "items": {"const": "x" * 10_000}},
    "many choices, again and again": {"type": "array", "minItems": 5_000, "items": {"anyOf": [{}] * 5_000}},
    "a number beyond all": {"type": "integer", "minimum": 1e308, "multipleOf": 1e-308},
}


@pytest.mark.parametrize("schema", WITHOUT_BOUND.values(), ids=WITHOUT_BOUND.keys())
async def test_a_schema_that_requires_more_than_is_built_is_refused_at_once(schema: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        await answer(engine(), ask_for("hello", format=schema))


async def test_a_schema_that_requires_a_thousand_items_is_answered() -> None:
    schema = {"type": "array", "minItems": 1_000, "items": {"type": "integer"}}
    assert json.loads(text(await answer(engine(), ask_for("hello", format=schema)))) == [1] * 1_000
