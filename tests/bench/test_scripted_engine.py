"""The scripted engine speaks both protocols as their official clients expect, obeys, and fails as ordered."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jsonschema_rs
import ollama
import openai
import pytest
from aiohttp.test_utils import TestServer

from bench.scripted_engine import create_app
from bench.scripted_schema import Offer, instance_of
from bench.scripted_sight import look_at
from bench.scripted_vectors import vector_of
from tests.support.waiting import eventually

MODEL = "scripted:1b"
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}},
            "required": ["location"],
        },
    },
}
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (3).to_bytes(4) + (2).to_bytes(4)


def ask(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    server = TestServer(create_app())
    await server.start_server()
    yield server
    await server.close()


@pytest.fixture
async def as_openai(server: TestServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=str(server.make_url("/v1")), api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def as_ollama(server: TestServer) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(str(server.make_url("")))
    yield client
    await client.close()  # type: ignore[no-untyped-call]


# -- both protocols --------------------------------------------------------------------------------------------------


async def test_both_protocols_give_the_same_answer(
    as_openai: openai.AsyncOpenAI, as_ollama: ollama.AsyncClient
) -> None:
    by_openai = await as_openai.chat.completions.create(model=MODEL, messages=ask("Hello!"))
    by_ollama = await as_ollama.chat(MODEL, ask("Hello!"))
    assert by_openai.choices[0].message.content == by_ollama.message.content == "You said: Hello!"
    assert by_openai.usage and (by_openai.usage.prompt_tokens, by_openai.usage.completion_tokens) == (
        by_ollama.prompt_eval_count,
        by_ollama.eval_count,
    )


async def test_listed_things_become_parallel_calls(
    as_openai: openai.AsyncOpenAI, as_ollama: ollama.AsyncClient
) -> None:
    messages = ask("Tell the weather for each of: Paris, Rome and Oslo.")
    by_openai = await as_openai.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    calls = by_openai.choices[0].message.tool_calls or []
    cities = [json.loads(call.function.arguments)["location"] for call in calls if call.type == "function"]
    assert cities == ["Paris", "Rome", "Oslo"]
    assert len({call.id for call in calls}) == 3
    by_ollama = await as_ollama.chat(MODEL, messages, tools=[WEATHER])
    assert [call.function.arguments["location"] for call in by_ollama.message.tool_calls or ()] == cities


async def test_only_requested_tools_are_called(as_openai: openai.AsyncOpenAI) -> None:
    answer = await as_openai.chat.completions.create(model=MODEL, messages=ask("Good evening"), tools=[WEATHER])
    assert not answer.choices[0].message.tool_calls
    forced = await as_openai.chat.completions.create(
        model=MODEL, messages=ask("Good evening"), tools=[WEATHER], tool_choice="required"
    )
    assert forced.choices[0].finish_reason == "tool_calls"


async def test_a_tools_result_is_in_the_answer(as_ollama: ollama.AsyncClient) -> None:
    call = {"function": {"name": "get_weather", "arguments": {"location": "Paris"}}}
    messages = [*ask("What is the weather?"), {"role": "assistant", "tool_calls": [call]}]
    answer = await as_ollama.chat(MODEL, [*messages, {"role": "tool", "content": "sunny"}], tools=[WEATHER])
    assert answer.message.content == "The tools say: sunny"


async def test_the_answer_has_a_pictures_size(as_openai: openai.AsyncOpenAI, as_ollama: ollama.AsyncClient) -> None:
    data = base64.b64encode(PNG).decode()
    url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    parts: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "Look:"}, url]}]
    by_openai = await as_openai.chat.completions.create(model=MODEL, messages=parts)
    by_ollama = await as_ollama.chat(MODEL, [{"role": "user", "content": "Look:", "images": [data]}])
    assert by_openai.choices[0].message.content == by_ollama.message.content == "I see a PNG image of 3x2 pixels."


async def test_a_seed_decides_a_random_answer(as_openai: openai.AsyncOpenAI) -> None:
    async def answer_to(seed: int) -> str | None:
        answer = await as_openai.chat.completions.create(model=MODEL, messages=ask("say something random"), seed=seed)
        return answer.choices[0].message.content

    assert await answer_to(1) == await answer_to(1) != await answer_to(2)


async def test_the_most_and_stop_strings_end_an_answer(
    as_openai: openai.AsyncOpenAI, as_ollama: ollama.AsyncClient
) -> None:
    by_openai = await as_openai.chat.completions.create(model=MODEL, messages=ask("!tokens 9"), max_completion_tokens=4)
    by_ollama = await as_ollama.chat(MODEL, ask("!tokens 9"), options={"stop": ["w4"]})
    assert (by_openai.choices[0].message.content, by_openai.choices[0].finish_reason) == ("w0 w1 w2 w3", "length")
    assert (by_ollama.message.content, by_ollama.done_reason) == ("w0 w1 w2 w3 ", "stop")


async def test_of_several_schemas_the_engine_fills_the_one_that_fits(as_ollama: ollama.AsyncClient) -> None:
    def way(**parts: Any) -> dict[str, Any]:
        return {"type": "object", "properties": parts, "required": list(parts)}

    weather = way(name={"enum": ["weather"]}, arguments=way(city={"type": "string"}))
    ways = {"anyOf": [way(name={"enum": ["time"]}, arguments=way()), weather, way(degrees={"type": "integer"})]}
    call = await as_ollama.chat(MODEL, ask("The weather in 'Paris'?"), format=ways)
    assert json.loads(call.message.content or "") == {"name": "weather", "arguments": {"city": "Paris"}}
    messages = [*ask("The weather in 'Paris'?"), {"role": "tool", "content": "7 degrees"}]
    answer = await as_ollama.chat(MODEL, messages, format=ways)
    assert json.loads(answer.message.content or "").keys() == {"degrees"}


async def test_log_probabilities_are_sent_where_requested(
    as_openai: openai.AsyncOpenAI, as_ollama: ollama.AsyncClient
) -> None:
    by_openai = await as_openai.chat.completions.create(model=MODEL, messages=ask("Hi"), logprobs=True, top_logprobs=3)
    chances = by_openai.choices[0].logprobs and by_openai.choices[0].logprobs.content
    by_ollama = await as_ollama.chat(MODEL, ask("Hi"), logprobs=True, top_logprobs=3)
    assert chances and by_ollama.logprobs
    assert [entry.token for entry in chances] == [entry.token for entry in by_ollama.logprobs]
    assert all(len(entry.top_logprobs) == 3 and entry.logprob <= 0 for entry in chances)


# -- faults ----------------------------------------------------------------------------------------------------------


async def test_the_engine_fails_as_ordered(as_openai: openai.AsyncOpenAI, as_ollama: ollama.AsyncClient) -> None:
    with pytest.raises(openai.InternalServerError):
        await as_openai.chat.completions.create(model=MODEL, messages=ask("!fault 500"))
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        await as_openai.chat.completions.create(model=MODEL, messages=ask("!fault context"))
    with pytest.raises(ollama.ResponseError, match="exceeds the context length"):
        await as_ollama.chat(MODEL, ask("!fault context"))
    with pytest.raises(ollama.ResponseError, match="image: unknown format"):
        await as_ollama.chat(MODEL, ask("!fault image"))
    with pytest.raises(ollama.ResponseError, match="does not support tools"):
        await as_ollama.chat("scripted-plain:1b", ask("hi"), tools=[WEATHER])
    with pytest.raises(ollama.ResponseError, match="not found"):
        await as_ollama.chat("nobody", ask("hi"))


@pytest.mark.parametrize("fault", ["cut", "503"])
async def test_the_engine_fails_in_the_middle_of_a_stream(as_openai: openai.AsyncOpenAI, fault: str) -> None:
    texts = []
    with pytest.raises(Exception, match=r"peer closed|ordered fault|Connection error"):
        async for chunk in await as_openai.chat.completions.create(
            model=MODEL, messages=ask(f"!fault {fault} after 3"), stream=True
        ):
            texts.append(chunk.choices[0].delta.content or "")
    assert "".join(texts) == "w0 w1 w2"


async def test_a_fault_ordered_once_comes_once(as_ollama: ollama.AsyncClient) -> None:
    with pytest.raises(ollama.ResponseError):
        await as_ollama.chat(MODEL, ask("!fault 503 once"))
    assert (await as_ollama.chat(MODEL, ask("!fault 503 once"))).message.content


async def test_the_book_notes_which_client_hung_up(as_openai: openai.AsyncOpenAI, server: TestServer) -> None:
    stream = await as_openai.chat.completions.create(model=MODEL, messages=ask("!fault silent after 2"), stream=True)
    await anext(stream)
    await stream.close()

    async def closed() -> bool | None:
        async with httpx.AsyncClient() as client:
            entries = (await client.get(str(server.make_url("/scripted/book?prompt=silent")))).json()
        return [entry["state"] for entry in entries] == ["closed"] or None

    await eventually(closed, 5, "the server sees that its caller has gone")


# -- its parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schema",
    [
        {
            "type": "object",
            "properties": {"a": {"type": "integer", "minimum": 3, "exclusiveMaximum": 5}},
            "required": ["a"],
        },
        {"type": "array", "items": {"type": "string", "minLength": 40}, "minItems": 2, "maxItems": 3},
        {"type": "object", "properties": {"kind": {"enum": ["x", "y"]}, "id": {"type": "string", "format": "uuid"}}},
        {"$defs": {"N": {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}}, "$ref": "#/$defs/N"},
        {"anyOf": [{"type": "null"}, {"type": "number", "multipleOf": 0.5, "minimum": 2.2}]},
        {"type": "string", "pattern": "^[A-Z]{3}-\\d{2,4}(x|y)$"},
        {"type": ["integer", "null"], "maximum": -2},
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]},
                {"required": ["a"]},
            ]
        },
    ],
)
def test_an_instance_satisfies_its_schema(schema: dict[str, Any]) -> None:
    made = instance_of(schema, Offer("In Oslo 'Anna' is 31."))
    jsonschema_rs.validate(schema, made)


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (PNG, "PNG image of 3x2"),
        (b"GIF89a" + bytes([5, 0, 4, 0]), "GIF image of 5x4"),
        (b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x07\0\x09", "JPEG image of 9x7"),
        (
            b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0" + (9).to_bytes(3, "little") + (6).to_bytes(3, "little"),
            "WebP image of 10x7",
        ),
    ],
)
def test_the_sizes_of_pictures_are_read(data: bytes, seen: str) -> None:
    assert seen in str(look_at(data))
    assert look_at(b"no picture at all, by any means") is None


def test_vectors_are_units_and_near_where_texts_are() -> None:
    cat, sat, law = (vector_of(text) for text in ("a cat sat down", "a cat sat up", "tax law of 1923"))
    assert math.isclose(sum(value * value for value in cat), 1)
    assert vector_of("a cat sat down") == cat

    def near(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert near(cat, sat) > 0.5 > near(cat, law)


def test_a_schema_without_bound_is_refused() -> None:
    for schema in (
        {"type": "array", "minItems": 1_000_000_000, "items": {"type": "string"}},
        {"type": "array", "minItems": 9_000, "items": {"type": "array", "minItems": 9_000}},
    ):
        with pytest.raises(ValueError, match="more than"):
            instance_of(schema, Offer("hello"))
    assert len(instance_of({"type": "string", "minLength": 1_000_000_000}, Offer("hello"))) <= 10_000
