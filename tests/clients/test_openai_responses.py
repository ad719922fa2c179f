"""The official `openai` client: responses, in the foreground and the background, resumed and cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.clients.asking import CITIES, EACH_CITY, PERSON, PICTURE_URL, SEEN, WEATHER_SCHEMA, Person, cities_of, words
from tests.clients.served import Served, unique
from tests.clients.watching import running_job
from tests.support.truth import Truth
from tests.support.waiting import eventually

DIALECT = "OpenAI responses"
ENDED = ("completed", "incomplete")
WEATHER: Any = {"type": "function", "name": "get_weather", "parameters": WEATHER_SCHEMA, "strict": False}


@pytest.fixture
async def client(served: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="whole answer")
async def test_a_whole_answer(client: openai.AsyncOpenAI, served: Served) -> None:
    answer = await client.responses.create(
        model=served.models.chat, instructions="Be brief.", input="Go on.", max_output_tokens=16, temperature=0
    )
    assert answer.output_text and answer.status in ("completed", "incomplete")
    assert answer.usage and answer.usage.output_tokens <= 16
    assert (await client.responses.retrieve(answer.id)).output_text == answer.output_text


def text_in(events: list[Any]) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="stream")
async def test_a_stream(client: openai.AsyncOpenAI, served: Served) -> None:
    request: Any = {"model": served.models.chat, "input": "!tokens 9", "max_output_tokens": 20, "temperature": 0}
    events = [event async for event in await client.responses.create(**request, stream=True)]
    whole = await client.responses.create(**request)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", f"response.{whole.status}")
    assert text_in(events) == whole.output_text
    assert whole.output_text == words(9) or not served.scripted


@pytest.mark.shows(dialect=DIALECT, feature="tools")
@pytest.mark.shows(dialect=DIALECT, feature="parallel tool calls")
async def test_parallel_calls_and_their_results(client: openai.AsyncOpenAI, served: Served) -> None:
    request = [{"role": "user", "content": EACH_CITY}]
    answer = await client.responses.create(model=served.models.chat, input=request, tools=[WEATHER])  # type: ignore[arg-type]
    calls = [item for item in answer.output if item.type == "function_call"]
    assert cities_of([call.arguments for call in calls]) == CITIES
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"{n} degrees"}
        for n, call in enumerate(calls)
    ]
    talk: Any = [*request, *(item.model_dump(exclude_none=True) for item in answer.output), *results]
    reply = await client.responses.create(model=served.models.chat, input=talk, tools=[WEATHER])
    assert reply.output_text == "The tools say: 0 degrees; 1 degrees; 2 degrees"


@pytest.mark.shows(dialect=DIALECT, feature="structured output")
async def test_structured_output(client: openai.AsyncOpenAI, served: Served) -> None:
    answer = await client.responses.parse(model=served.models.chat, input=PERSON, text_format=Person)
    assert answer.output_parsed == Person(name="Anna", age=31)


@pytest.mark.shows(dialect=DIALECT, feature="vision")
async def test_vision(client: openai.AsyncOpenAI, served: Served) -> None:
    content: Any = [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": PICTURE_URL}]
    answer = await client.responses.create(model=served.models.chat, input=[{"role": "user", "content": content}])
    assert answer.output_text == SEEN


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="background and resume")
async def test_background_and_resume(client: openai.AsyncOpenAI, served: Served) -> None:
    request: Any = {"model": served.models.chat, "input": unique("!tokens 200"), "max_output_tokens": 200}
    made = await client.responses.create(**request, temperature=0, background=True, stream=True)
    events_so_far: list[Any] = []
    async for event in made:
        events_so_far.append(event)
        if len(events_so_far) == 10:
            break
    await made.close()
    assert events_so_far[0].type == "response.created"
    rest = await client.responses.retrieve(
        events_so_far[0].response.id, stream=True, starting_after=events_so_far[-1].sequence_number
    )
    events = [*events_so_far, *[event async for event in rest]]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert text_in(events) == (await client.responses.retrieve(events_so_far[0].response.id)).output_text
    assert text_in(events) == words(200) or not served.scripted


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="background and resume")
async def test_background_is_polled(client: openai.AsyncOpenAI, served: Served) -> None:
    request: Any = {"model": served.models.chat, "input": "!tokens 9", "max_output_tokens": 20, "temperature": 0}
    made = await client.responses.create(**request, background=True)
    assert made.status in ("queued", "in_progress", *ENDED)

    async def ended() -> Any:
        answer = await client.responses.retrieve(made.id)
        return answer if answer.status in ENDED else None

    reply = (await eventually(ended, 10, "the answer is there")).output_text
    assert reply == words(9) if served.scripted else reply
    await client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(made.id)


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="cancel by asking")
async def test_background_is_cancelled(client: openai.AsyncOpenAI, served: Served, truth: Truth) -> None:
    prompt = unique("!tokens 100000")
    made = await client.responses.create(model=served.models.chat, input=prompt, background=True, temperature=0)
    await running_job(truth)
    await served.answering(prompt)
    assert (await client.responses.cancel(made.id)).status == "cancelled"
    await served.hung_up_on(prompt)
    assert (await client.responses.retrieve(made.id)).status == "cancelled"


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="cancel by closing")
async def test_closing_the_stream_cancels(client: openai.AsyncOpenAI, served: Served, truth: Truth) -> None:
    prompt = unique("!tokens 100000")
    stream = await client.responses.create(model=served.models.chat, input=prompt, stream=True, temperature=0)
    job = stream.response.headers["x-sluice-job"]
    await anext(stream)
    await served.answering(prompt)
    await stream.close()
    assert (await truth.until_state(job, "cancelled", "completed")).why == "client_gone"
    await served.hung_up_on(prompt)


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="errors")
async def test_errors(client: openai.AsyncOpenAI, served: Served) -> None:
    with pytest.raises(openai.NotFoundError):
        await client.responses.create(model="nobody:7b", input="hi")
    with pytest.raises(openai.BadRequestError):
        await client.responses.create(model=served.models.chat, input=[{"role": "nobody", "content": "hi"}])  # type: ignore[list-item]
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve("resp_nothing")
