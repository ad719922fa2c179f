"""The official `openai` client: chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.clients.asking import (
    CITIES,
    EACH_CITY,
    PAINT,
    PERSON,
    PICTURE_URL,
    SEEN,
    WEATHER,
    Colour,
    Person,
    cities_of,
    user,
    words,
)
from tests.clients.served import Served, unique
from tests.support.truth import Truth

CHAT = "OpenAI chat"


@pytest.fixture
async def client(served: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.mark.any_model
@pytest.mark.shows(dialect=CHAT, feature="whole answer")
async def test_a_whole_answer(client: openai.AsyncOpenAI, served: Served) -> None:
    answer = await client.chat.completions.create(
        model=served.models.chat, messages=user("Tell me five words."), max_completion_tokens=5, temperature=0
    )
    [choice] = answer.choices
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert answer.object == "chat.completion" and answer.model == served.models.chat
    assert answer.usage and answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 0 < answer.usage.completion_tokens <= 5


@pytest.mark.any_model
@pytest.mark.shows(dialect=CHAT, feature="stream")
async def test_a_stream_has_the_text_of_the_whole_answer(client: openai.AsyncOpenAI, served: Served) -> None:
    request: Any = {"model": served.models.chat, "messages": user("Go on."), "max_completion_tokens": 12}
    request |= {"temperature": 0, "seed": 7}
    whole = await client.chat.completions.create(**request)
    stream = await client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    text_of = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text_of == whole.choices[0].message.content
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == whole.choices[0].finish_reason
    assert chunks[-1].usage and whole.usage
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert not any(chunk.usage for chunk in chunks[:-1])


@pytest.mark.shows(dialect=CHAT, feature="tools")
@pytest.mark.shows(dialect=CHAT, feature="parallel tool calls")
async def test_parallel_calls_and_their_results(client: openai.AsyncOpenAI, served: Served) -> None:
    talk = user(EACH_CITY)
    answer = await client.chat.completions.create(model=served.models.chat, messages=talk, tools=[WEATHER])  # type: ignore[list-item]
    message = answer.choices[0].message
    calls = [call for call in message.tool_calls or () if call.type == "function"]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert cities_of([call.function.arguments for call in calls]) == CITIES
    assert len({call.id for call in calls}) == len(CITIES)
    results = [{"role": "tool", "tool_call_id": call.id, "content": f"{n} degrees"} for n, call in enumerate(calls)]
    reply = await client.chat.completions.create(
        model=served.models.chat,
        messages=[*talk, message.model_dump(exclude_none=True), *results],
        tools=[WEATHER],  # type: ignore[list-item]
    )
    assert reply.choices[0].message.content == "The tools say: 0 degrees; 1 degrees; 2 degrees"


@pytest.mark.shows(dialect=CHAT, feature="tools in a stream")
async def test_calls_in_a_stream(client: openai.AsyncOpenAI, served: Served) -> None:
    async with client.chat.completions.stream(
        model=served.models.chat,
        messages=user(EACH_CITY),
        tools=[WEATHER],  # type: ignore[list-item]
    ) as stream:
        answer = await stream.get_final_completion()
    calls = answer.choices[0].message.tool_calls or []
    assert cities_of([call.function.arguments for call in calls]) == CITIES
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.shows(dialect=CHAT, feature="tool choice")
async def test_choices_of_tools(client: openai.AsyncOpenAI, served: Served) -> None:
    async def calls(text: str, choice: Any, **more: Any) -> list[Any]:
        answer = await client.chat.completions.create(
            model=served.models.chat,
            messages=user(text),
            tools=[WEATHER],  # type: ignore[list-item]
            tool_choice=choice,
            **more,
        )
        return list(answer.choices[0].message.tool_calls or ())

    assert len(await calls("Good evening.", "required")) == 1
    assert len(await calls("Good evening.", {"type": "function", "function": {"name": "get_weather"}})) == 1
    assert not await calls("What is the weather in Paris?", "none")
    assert len(await calls(EACH_CITY, "auto", parallel_tool_calls=False)) == 1


@pytest.mark.any_model
@pytest.mark.shows(dialect=CHAT, feature="tool choice")
async def test_a_call_is_made_by_a_model_of_any_wit(client: openai.AsyncOpenAI, served: Served) -> None:
    request: Any = {"model": served.models.chat, "messages": user("Good evening."), "tools": [PAINT]}
    request |= {"max_completion_tokens": 200}
    for choice in ("required", {"type": "function", "function": {"name": "paint"}}):
        answer = await client.chat.completions.create(**request, tool_choice=choice)
        [call] = answer.choices[0].message.tool_calls or ()
        assert (call.type, answer.choices[0].finish_reason) == ("function", "tool_calls")
        assert call.function.name == "paint" and Colour.model_validate_json(call.function.arguments)


@pytest.mark.shows(dialect=CHAT, feature="structured output")
async def test_structured_output(client: openai.AsyncOpenAI, served: Served) -> None:
    answer = await client.chat.completions.parse(
        model=served.models.chat, messages=user(PERSON), response_format=Person
    )
    assert answer.choices[0].message.parsed == Person(name="Anna", age=31)


@pytest.mark.any_model
@pytest.mark.shows(dialect=CHAT, feature="structured output")
async def test_a_schema_is_kept_by_a_model_of_any_wit(client: openai.AsyncOpenAI, served: Served) -> None:
    answer = await client.chat.completions.parse(
        model=served.models.chat, messages=user("Which colour?"), response_format=Colour, max_completion_tokens=100
    )
    assert isinstance(answer.choices[0].message.parsed, Colour)


@pytest.mark.shows(dialect=CHAT, feature="JSON mode")
async def test_json_mode(client: openai.AsyncOpenAI, served: Served) -> None:
    answer = await client.chat.completions.create(
        model=served.models.chat,
        messages=user("Answer as JSON with the key 'colour'."),
        response_format={"type": "json_object"},
    )
    assert answer.choices[0].message.content == '{"colour": "the colour"}'


@pytest.mark.shows(dialect=CHAT, feature="vision")
async def test_vision(client: openai.AsyncOpenAI, served: Served) -> None:
    picture = {"type": "image_url", "image_url": {"url": PICTURE_URL}}
    content: Any = [{"type": "text", "text": "What is this?"}, picture]
    answer = await client.chat.completions.create(
        model=served.models.chat, messages=[{"role": "user", "content": content}]
    )
    assert answer.choices[0].message.content == SEEN


@pytest.mark.shows(dialect=CHAT, feature="thinking")
async def test_thinking(client: openai.AsyncOpenAI, served: Served) -> None:
    answer = await client.chat.completions.create(
        model=served.models.chat, messages=user("Think."), reasoning_effort="low"
    )
    message: Any = answer.choices[0].message
    assert message.content == "You said: Think."
    assert "My rules tell" in message.reasoning_content
    quiet: Any = await client.chat.completions.create(model=served.models.chat, messages=user("Think."))
    assert not getattr(quiet.choices[0].message, "reasoning_content", None)


@pytest.mark.any_model
@pytest.mark.shows(dialect=CHAT, feature="logprobs")
async def test_logprobs(client: openai.AsyncOpenAI, served: Served) -> None:
    request: Any = {"model": served.models.chat, "messages": user("Hello"), "logprobs": True, "top_logprobs": 2}
    request |= {"max_completion_tokens": 4, "temperature": 0}
    answer = await client.chat.completions.create(**request)
    reply = answer.choices[0].logprobs and answer.choices[0].logprobs.content
    assert reply and "".join(one.token for one in reply) == answer.choices[0].message.content
    assert all(one.logprob <= 0 and len(one.top_logprobs) == 2 for one in reply)
    chunks = [chunk async for chunk in await client.chat.completions.create(**request, stream=True)]
    streamed = [
        one.token
        for chunk in chunks
        for choice in chunk.choices
        for one in (choice.logprobs.content or () if choice.logprobs else ())
    ]
    assert streamed == [one.token for one in reply]


@pytest.mark.any_model
@pytest.mark.shows(dialect=CHAT, feature="stop, seed, most tokens")
async def test_an_answer_ends_at_its_stop_word(client: openai.AsyncOpenAI, served: Served) -> None:
    async def text_of(**more: Any) -> tuple[str, str]:
        request: Any = {"model": served.models.chat, "messages": user("!tokens 9"), "temperature": 0, **more}
        choice = (await client.chat.completions.create(**request)).choices[0]
        return choice.message.content or "", choice.finish_reason

    whole, why = await text_of(max_completion_tokens=6)
    stop = whole.split()[4]
    assert (len(whole.split()), why) == (6, "length")
    assert await text_of(max_tokens=9, stop=[stop]) == (whole[: whole.index(stop)], "stop")
    assert await text_of(max_tokens=9, temperature=1, seed=3) == await text_of(max_tokens=9, temperature=1, seed=3)


@pytest.mark.shows(dialect=CHAT, feature="stop, seed, most tokens")
async def test_sampling(client: openai.AsyncOpenAI, served: Served) -> None:
    async def text_of(text: str, **more: Any) -> tuple[str | None, str]:
        answer = await client.chat.completions.create(model=served.models.chat, messages=user(text), **more)
        return answer.choices[0].message.content, answer.choices[0].finish_reason

    assert await text_of("!tokens 9", stop=["w4"]) == ("w0 w1 w2 w3 ", "stop")
    assert await text_of("!tokens 9", max_tokens=3) == ("w0 w1 w2", "length")
    assert await text_of("say something random", seed=1) == await text_of("say something random", seed=1)
    assert await text_of("say something random", seed=1) != await text_of("say something random", seed=2)


@pytest.mark.any_model
@pytest.mark.shows(dialect=CHAT, feature="cancel by closing")
async def test_closing_the_stream_cancels(client: openai.AsyncOpenAI, served: Served, truth: Truth) -> None:
    prompt = unique("!tokens 100000")
    stream = await client.chat.completions.create(
        model=served.models.chat, messages=user(prompt), stream=True, max_completion_tokens=100_000
    )
    job = stream.response.headers["x-sluice-job"]
    await anext(stream)
    await served.answering(prompt)
    await stream.close()
    assert (await truth.until_state(job, "cancelled", "completed")).why == "client_gone"
    await served.hung_up_on(prompt)


@pytest.mark.any_model
@pytest.mark.shows(dialect=CHAT, feature="errors")
async def test_a_model_that_is_not_there(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        await client.chat.completions.create(model="nobody:7b", messages=user("hi"))
    assert raised.value.code == "model_not_found"
    assert raised.value.body and raised.value.request_id


@pytest.mark.any_model
@pytest.mark.shows(dialect=CHAT, feature="errors")
@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 9},
        {"messages": [{"role": "nobody", "content": "hi"}]},
        {"messages": [{"role": "tool", "tool_call_id": "x", "content": "hi"}]},
        {"temperature": "hot"},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}]},
    ],
    ids=["n", "role", "result without call", "type", "remote picture"],
)
async def test_what_is_wrong_is_a_bad_request(client: openai.AsyncOpenAI, served: Served, wrong: Any) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.chat.completions.create(**{"model": served.models.chat, "messages": user("hi"), **wrong})
    assert raised.value.type == "invalid_request_error"


@pytest.mark.shows(dialect=CHAT, feature="errors")
async def test_the_engines_faults(client: openai.AsyncOpenAI, served: Served) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.chat.completions.create(model=served.models.chat, messages=user("!fault context"))
    assert raised.value.code == "context_length_exceeded"
    texts: list[str] = []
    with pytest.raises(openai.APIError):
        async for chunk in await client.chat.completions.create(
            model=served.models.chat, messages=user("!fault cut after 3"), stream=True
        ):
            texts.append(chunk.choices[0].delta.content or "")
    assert words(3).startswith("".join(texts))


@pytest.mark.shows(dialect=CHAT, feature="errors")
async def test_what_a_model_cannot_do_is_unsupported(client: openai.AsyncOpenAI, served: Served) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.chat.completions.create(
            model=served.models.plain,
            messages=user("What is the weather in Paris?"),
            tools=[WEATHER],  # type: ignore[list-item]
        )
    assert raised.value.code == "unsupported"
