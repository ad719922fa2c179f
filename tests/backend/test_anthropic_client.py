"""Anthropic's official client gets what it expects."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types import MessageParam, ToolParam

from tests.backend.pictures import PNG
from tests.support.house import House, MakesHouse
from tests.support.listener import words
from tests.support.truth import Truth

MODEL = "qwen2.5:0.5b"
WEATHER: ToolParam = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    return module_house(SLUICE_SLOTS="8")


@pytest.fixture
async def client(home: House) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Nothing is sent twice by itself, so that a test sees every answer."""
    async with anthropic.AsyncAnthropic(base_url=home.url, api_key="none", max_retries=0) as client:
        yield client


def ask(text: str) -> dict[str, Any]:
    said: MessageParam = {"role": "user", "content": text}
    return {"model": MODEL, "max_tokens": 2_000, "messages": [said]}


async def test_a_whole_message(client: anthropic.AsyncAnthropic) -> None:
    answer = await client.messages.create(**ask("!tokens 5"), system="Be brief.")
    assert [block.model_dump(exclude_none=True) for block in answer.content] == [{"type": "text", "text": words(5)}]
    assert (answer.role, answer.model, answer.stop_reason) == ("assistant", MODEL, "end_turn")
    assert (answer.usage.output_tokens, answer.usage.input_tokens > 0) == (5, True)
    assert answer.id.startswith("msg_")


async def test_a_streamed_message(client: anthropic.AsyncAnthropic) -> None:
    async with client.messages.stream(**ask("!tokens 9")) as stream:
        kinds = [event.type async for event in stream]
        message = await stream.get_final_message()
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert message.content[0].to_dict() == {"type": "text", "text": words(9)}
    assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 9)
    assert message.usage.input_tokens > 0


async def test_raw_events_in_their_order(client: anthropic.AsyncAnthropic) -> None:
    stream = await client.messages.create(**ask("!tokens 2"), stream=True)
    kinds = [event.type async for event in stream]
    ends = ["content_block_stop", "message_delta", "message_stop"]
    deltas = len(kinds) - 5
    assert kinds == ["message_start", "content_block_start", *["content_block_delta"] * deltas, *ends]


def test_without_asyncio(home: House) -> None:
    with anthropic.Anthropic(base_url=home.url, api_key="none", max_retries=0) as client:
        assert client.messages.create(**ask("!tokens 3")).content[0].to_dict()["text"] == words(3)
        with client.messages.stream(**ask("!tokens 3")) as stream:
            assert "".join(stream.text_stream) == words(3)


async def test_thoughts_come_where_they_are_requested(client: anthropic.AsyncAnthropic) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1_024}
    whole = await client.messages.create(**ask("!think"), thinking=thinking)
    assert [block.type for block in whole.content] == ["thinking", "text"]
    async with client.messages.stream(**ask("!think"), thinking=thinking) as stream:
        streamed = await stream.get_final_message()
    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    silent = await client.messages.create(**ask("!think"))
    assert [block.type for block in silent.content] == ["text"]


async def test_tools_are_called_side_by_side_and_answered(client: anthropic.AsyncAnthropic) -> None:
    asked = ask('!call get_weather {"city": "Rome"}\n!call get_weather {"city": "Oslo"}')
    whole = await client.messages.create(**asked, tools=[WEATHER])
    calls = [block for block in whole.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [
        ("get_weather", {"city": "Rome"}),
        ("get_weather", {"city": "Oslo"}),
    ]
    assert whole.stop_reason == "tool_use"
    results: Any = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in calls]
    said: Any = [*asked["messages"], {"role": "assistant", "content": whole.content}]
    last: Any = {"role": "user", "content": [*results, {"type": "text", "text": "!tokens 2"}]}
    answer = await client.messages.create(**{**asked, "messages": [*said, last]}, tools=[WEATHER])
    assert answer.content[0].to_dict()["text"] == words(2)


async def test_tools_are_called_in_a_stream(client: anthropic.AsyncAnthropic) -> None:
    asked = ask('!call get_weather {"city": "Rome"}\n!call get_weather {"city": "Oslo"}')
    async with client.messages.stream(**asked, tools=[WEATHER]) as stream:
        message = await stream.get_final_message()
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [call.input for call in calls] == [{"city": "Rome"}, {"city": "Oslo"}]
    assert len({call.id for call in calls}) == 2
    assert message.stop_reason == "tool_use"


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
async def test_a_tool_is_called_where_it_must_be(client: anthropic.AsyncAnthropic, choice: Any) -> None:
    answer = await client.messages.create(**ask("hi"), tools=[WEATHER], tool_choice=choice)
    assert [block.to_dict()["name"] for block in answer.content] == ["get_weather"]


async def test_an_answer_in_a_schema(client: anthropic.AsyncAnthropic) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    wish: Any = {"format": {"type": "json_schema", "schema": schema}}
    answer = await client.messages.create(**ask("Which city?"), output_config=wish)
    assert json.loads(answer.content[0].to_dict()["text"]).keys() == {"city"}


async def test_max_tokens_ends_a_message(client: anthropic.AsyncAnthropic) -> None:
    answer = await client.messages.create(**{**ask("!tokens 50"), "max_tokens": 4})
    assert (answer.content[0].to_dict()["text"], answer.stop_reason) == (words(4), "max_tokens")


async def test_a_message_names_the_sequence_that_stopped_it(client: anthropic.AsyncAnthropic) -> None:
    answer = await client.messages.create(**ask("!tokens 50"), stop_sequences=["nowhere", " w4"])
    assert (answer.content[0].to_dict()["text"], answer.stop_reason, answer.stop_sequence) == (
        words(4),
        "stop_sequence",
        " w4",
    )
    ended = await client.messages.create(**ask("!tokens 4"), stop_sequences=["nowhere"])
    assert (ended.stop_reason, ended.stop_sequence) == ("end_turn", None)


async def test_an_image_is_seen(client: anthropic.AsyncAnthropic) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    answer = await client.messages.create(**{**ask(""), "messages": [{"role": "user", "content": content}]})
    assert "Images sent with it: 1." in str(answer.content[0])


async def test_tokens_are_counted(client: anthropic.AsyncAnthropic) -> None:
    counted = await client.messages.count_tokens(model=MODEL, messages=ask("one two three")["messages"])
    assert counted.input_tokens == 3
    answer = await client.messages.create(**ask("one two three"))
    assert answer.usage.input_tokens == counted.input_tokens


async def test_the_request_s_id_is_in_the_header_of_that_name(client: anthropic.AsyncAnthropic) -> None:
    answer = await client.messages.create(**ask("!tokens 1"))
    assert answer._request_id
    raw = await client.messages.with_raw_response.create(**ask("!tokens 1"), extra_headers={"X-Request-ID": "mine-1"})
    assert raw.headers["request-id"] == raw.headers["x-request-id"] == "mine-1"
    assert raw.headers["x-sluice-job"]


async def test_a_model_that_is_not_there(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="nobody:7b") as raised:
        await client.messages.create(**{**ask("hi"), "model": "nobody:7b"})
    body: Any = raised.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")
    assert body["request_id"] == raised.value.request_id


SEARCHED: Any = {
    "tools": [{"type": "web_search_20250305", "name": "web_search"}],
    "tool_choice": {"type": "tool", "name": "web_search"},
}


async def test_a_wrong_request(client: anthropic.AsyncAnthropic, truth: Truth) -> None:
    before = await truth.states()
    with pytest.raises(anthropic.BadRequestError, match="describe their input") as raised:
        await client.messages.create(**ask("hi"), **SEARCHED)
    body: Any = raised.value.body
    assert body["error"]["type"] == "invalid_request_error"
    with pytest.raises(anthropic.BadRequestError, match="never fetched"):
        await client.messages.create(
            **{
                **ask(""),
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image", "source": {"type": "url", "url": "http://127.0.0.1:1/a.png"}}],
                    }
                ],
            }
        )
    assert await truth.states() == before


async def test_a_body_that_is_too_large(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.RequestTooLargeError):
        await client.messages.create(**ask("a" * 9_000_000))


async def test_an_answer_that_fails(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="Simulated fault"):
        await client.messages.create(**ask("!fault context_too_long"))
    with pytest.raises(anthropic.APIStatusError, match="Simulated fault"):
        async with client.messages.stream(**ask("!fault context_too_long after 3")) as stream:
            await stream.until_done()


async def test_a_client_that_closes_cancels(client: anthropic.AsyncAnthropic, truth: Truth) -> None:
    async with client.messages.stream(**ask("!tokens 20000")) as stream:
        assert await anext(stream.text_stream)
        job = stream.response.headers["x-sluice-job"]
    assert (await truth.until_state(job, "cancelled")).why == "client_gone"


async def test_a_stream_is_resumed_from_the_native_route(client: anthropic.AsyncAnthropic, home: House) -> None:
    """The ids of its frames are those of the log."""
    body = {**ask("!tokens 6"), "stream": True}
    async with httpx.AsyncClient(base_url=home.url) as plain:
        sent = await plain.post("/v1/messages", json=body)
        ids = [line.removeprefix("id: ") for line in sent.text.split("\n") if line.startswith("id: ")]
        rest = await plain.get(
            f"/api/jobs/{sent.headers['x-sluice-job']}/events",
            headers={"Last-Event-ID": ids[1], "Accept": "text/event-stream"},
        )
    assert [line.removeprefix("id: ") for line in rest.text.split("\n") if line.startswith("id: ")] == ids[2:]


async def test_models_are_listed_and_retrieved_as_anthropic_s_client_expects(client: anthropic.AsyncAnthropic) -> None:
    listed = [model async for model in client.models.list(limit=1)]  # page after page
    assert [(model.id, model.type, model.display_name) for model in listed] == [(MODEL, "model", MODEL)]
    model = await client.models.retrieve(MODEL)
    assert (model.id, model.type, model.display_name, model.created_at.year) == (MODEL, "model", MODEL, 1970)
    assert model.max_input_tokens == 8_192


async def test_a_model_that_is_not_there_is_anthropic_s_404(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as raised:
        await client.models.retrieve("nobody")
    told = raised.value.response
    assert (told.json()["type"], told.json()["error"]["type"]) == ("error", "not_found_error")
    assert told.headers["request-id"] == told.json()["request_id"]


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/nobody"])
async def test_a_client_without_anthropic_s_version_gets_openai_s_answer(home: House, path: str) -> None:
    async with httpx.AsyncClient(base_url=home.url) as plain:
        told = (await plain.get(path)).json()
        theirs = (await plain.get(path, headers={"anthropic-version": "2023-06-01"})).json()
    assert told.get("object") == "list" or told["error"].keys() >= {"message", "type", "param", "code"}
    assert "has_more" in theirs or (theirs["type"], theirs["error"]["type"]) == ("error", "not_found_error")
