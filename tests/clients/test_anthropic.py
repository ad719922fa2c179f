"""The official `anthropic` client: messages, streams of blocks, tools, thinking, images, counting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest

from tests.clients.asking import (
    CITIES,
    EACH_CITY,
    PAINT_SCHEMA,
    PICTURE,
    SEEN,
    WEATHER_SCHEMA,
    Colour,
    user,
    words,
)
from tests.clients.served import Served, unique
from tests.clients.watching import running_job
from tests.support.truth import Truth

DIALECT = "Anthropic"
GREEDY = {"temperature": 0}  # this client has no word for greedy sampling any more
WEATHER: Any = {"name": "get_weather", "description": "The weather of a city.", "input_schema": WEATHER_SCHEMA}


@pytest.fixture
async def client(served: Served) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=served.url, api_key="none", max_retries=0) as client:
        yield client


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="whole answer")
async def test_a_whole_answer(client: anthropic.AsyncAnthropic, served: Served) -> None:
    answer = await client.messages.create(
        model=served.models.chat, max_tokens=5, system="Be brief.", messages=user("Go on."), extra_body=GREEDY
    )
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", served.models.chat)
    assert answer.content[0].type == "text" and answer.content[0].text
    assert answer.stop_reason in ("end_turn", "max_tokens")
    assert 0 < answer.usage.output_tokens <= 5 and answer.usage.input_tokens > 0


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="stream")
async def test_a_stream_has_the_text_of_the_whole_answer(client: anthropic.AsyncAnthropic, served: Served) -> None:
    request: Any = {"model": served.models.chat, "max_tokens": 12, "messages": user("Go on."), "extra_body": GREEDY}
    whole = await client.messages.create(**request)
    kinds: list[str] = []
    async with client.messages.stream(**request) as stream:
        async for event in stream:
            kinds.append(event.type)
        text_of = await stream.get_final_message()
    assert [block.text for block in text_of.content if block.type == "text"] == [
        block.text for block in whole.content if block.type == "text"
    ]
    assert text_of.stop_reason == whole.stop_reason
    assert text_of.usage.output_tokens == whole.usage.output_tokens
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop"
    assert kinds.index("content_block_start") < kinds.index("content_block_delta") < kinds.index("content_block_stop")


@pytest.mark.shows(dialect=DIALECT, feature="tools")
@pytest.mark.shows(dialect=DIALECT, feature="parallel tool calls")
async def test_parallel_calls_and_their_results(client: anthropic.AsyncAnthropic, served: Served) -> None:
    request: Any = {"model": served.models.chat, "max_tokens": 500, "tools": [WEATHER]}
    talk = user(EACH_CITY)
    answer = await client.messages.create(**request, messages=talk)
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert answer.stop_reason == "tool_use"
    assert [call.input["location"] for call in calls] == CITIES
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"{n} degrees"} for n, call in enumerate(calls)
    ]
    talk = [*talk, {"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    reply = await client.messages.create(**request, messages=talk)
    assert reply.content[0].type == "text"
    assert reply.content[0].text == "The tools say: 0 degrees; 1 degrees; 2 degrees"


@pytest.mark.shows(dialect=DIALECT, feature="tools in a stream")
async def test_calls_in_a_stream(client: anthropic.AsyncAnthropic, served: Served) -> None:
    async with client.messages.stream(
        model=served.models.chat, max_tokens=500, tools=[WEATHER], messages=user(EACH_CITY)
    ) as stream:
        answer = await stream.get_final_message()
    assert [block.input["location"] for block in answer.content if block.type == "tool_use"] == CITIES
    assert answer.stop_reason == "tool_use"


@pytest.mark.shows(dialect=DIALECT, feature="tool choice")
@pytest.mark.shows(dialect=DIALECT, feature="structured output")
async def test_choices_of_tools(client: anthropic.AsyncAnthropic, served: Served) -> None:
    """A tool that must be called is how this protocol fills a form."""

    async def calls(text: str, choice: Any) -> list[Any]:
        answer = await client.messages.create(
            model=served.models.chat, max_tokens=500, tools=[WEATHER], messages=user(text), tool_choice=choice
        )
        return [block.input for block in answer.content if block.type == "tool_use"]

    assert await calls("Where is 'Lyon'?", {"type": "tool", "name": "get_weather"}) == [{"location": "Lyon"}]
    assert len(await calls("Good evening.", {"type": "any"})) == 1
    assert not await calls("What is the weather in Paris?", {"type": "none"})
    assert len(await calls(EACH_CITY, {"type": "auto", "disable_parallel_tool_use": True})) == 1


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="tool choice")
@pytest.mark.shows(dialect=DIALECT, feature="structured output")
async def test_a_form_is_filled_by_a_model_of_any_wit(client: anthropic.AsyncAnthropic, served: Served) -> None:
    paint: Any = {"name": "paint", "description": "Paints the wall.", "input_schema": PAINT_SCHEMA}
    request: Any = {"model": served.models.chat, "max_tokens": 200, "messages": user("Good evening."), "tools": [paint]}
    for choice in ({"type": "any"}, {"type": "tool", "name": "paint"}):
        answer = await client.messages.create(**request, tool_choice=choice)
        [call] = answer.content
        assert (call.type, answer.stop_reason) == ("tool_use", "tool_use")
        assert call.type == "tool_use" and call.name == "paint" and Colour.model_validate(call.input)


@pytest.mark.shows(dialect=DIALECT, feature="vision")
async def test_vision(client: anthropic.AsyncAnthropic, served: Served) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    content: Any = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    answer = await client.messages.create(
        model=served.models.chat, max_tokens=50, messages=[{"role": "user", "content": content}]
    )
    assert answer.content[0].type == "text" and answer.content[0].text == SEEN


@pytest.mark.shows(dialect=DIALECT, feature="thinking")
async def test_thinking(client: anthropic.AsyncAnthropic, served: Served) -> None:
    request: Any = {"model": served.models.chat, "max_tokens": 2000, "messages": user("Think.")}
    request["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    async with client.messages.stream(**request) as stream:
        streamed = await stream.get_final_message()
    for answer in (await client.messages.create(**request), streamed):
        thought, text = answer.content
        assert thought.type == "thinking" and "My rules tell" in thought.thinking
        assert text.type == "text" and text.text == "You said: Think."


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="stop, seed, most tokens")
async def test_an_answer_ends_at_its_stop_word(client: anthropic.AsyncAnthropic, served: Served) -> None:
    async def text_of(most: int, **more: Any) -> tuple[str, str | None]:
        request: Any = {"model": served.models.chat, "messages": user("!tokens 9"), "extra_body": GREEDY, **more}
        answer = await client.messages.create(**request, max_tokens=most)
        return "".join(block.text for block in answer.content if block.type == "text"), answer.stop_reason

    whole, why = await text_of(6)
    stop = whole.split()[4]
    assert (len(whole.split()), why) == (6, "max_tokens")
    assert (await text_of(9, stop_sequences=[stop]))[0] == whole[: whole.index(stop)]


@pytest.mark.shows(dialect=DIALECT, feature="stop, seed, most tokens")
async def test_sampling(client: anthropic.AsyncAnthropic, served: Served) -> None:
    async def text_of(text: str, **more: Any) -> tuple[str, str | None]:
        request = {"model": served.models.chat, "max_tokens": 100, "messages": user(text), **more}
        answer = await client.messages.create(**request)
        assert answer.content[0].type == "text"
        return answer.content[0].text, answer.stop_reason

    assert await text_of("!tokens 9", max_tokens=3) == ("w0 w1 w2", "max_tokens")
    assert (await text_of("!tokens 9", stop_sequences=["w4"]))[0] == "w0 w1 w2 w3 "


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="count of tokens")
async def test_tokens_are_counted(client: anthropic.AsyncAnthropic, served: Served) -> None:
    async def counted(text: str) -> int:
        return (await client.messages.count_tokens(model=served.models.chat, messages=user(text))).input_tokens

    assert 0 < await counted("the of and") < await counted("the of and to in is you that")


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="cancel by closing")
async def test_closing_the_stream_cancels(client: anthropic.AsyncAnthropic, served: Served, truth: Truth) -> None:
    prompt = unique("!tokens 100000")
    async with client.messages.stream(model=served.models.chat, max_tokens=100_000, messages=user(prompt)) as stream:
        async for _ in stream.text_stream:
            break
        job = await running_job(truth)
    assert (await truth.until_state(job, "cancelled", "completed")).why == "client_gone"
    await served.hung_up_on(prompt)


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="errors")
async def test_errors_have_their_kind(client: anthropic.AsyncAnthropic, served: Served) -> None:
    request: Any = {"model": served.models.chat, "max_tokens": 5, "messages": user("hi")}
    with pytest.raises(anthropic.NotFoundError) as missing:
        await client.messages.create(**{**request, "model": "nobody:7b"})
    assert missing.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]
    wrongs: tuple[Any, ...] = (
        {"max_tokens": 0},
        {"messages": []},
        {"messages": [{"role": "nobody", "content": "hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "y"}]}]},
        {"extra_body": {"temperature": "hot"}},
    )
    for wrong in wrongs:
        with pytest.raises(anthropic.BadRequestError) as raised:
            await client.messages.create(**{**request, **wrong})
        assert raised.value.body["error"]["type"] == "invalid_request_error", wrong  # type: ignore[index]


@pytest.mark.shows(dialect=DIALECT, feature="errors")
async def test_the_engines_faults(client: anthropic.AsyncAnthropic, served: Served) -> None:
    request: Any = {"model": served.models.chat, "max_tokens": 50}
    with pytest.raises(anthropic.APIStatusError) as raised:
        await client.messages.create(**request, messages=user("!fault context"))
    assert raised.value.status_code in (400, 413)
    texts: list[str] = []
    with pytest.raises(anthropic.APIError):
        async with client.messages.stream(**request, messages=user("!fault cut after 3")) as stream:
            async for text in stream.text_stream:
                texts.append(text)
    assert words(3).startswith("".join(texts))
