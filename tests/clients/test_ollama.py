"""The official `ollama` client: to it the pool is one big Ollama."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import ollama
import pytest

from tests.clients.asking import CITIES, EACH_CITY, PERSON, PICTURE, SEEN, WEATHER, Colour, Person, user, words
from tests.clients.served import Served, unique
from tests.clients.watching import running_job
from tests.support.truth import Truth
from tests.support.waiting import eventually

DIALECT = "Ollama"


@pytest.fixture
async def client(served: Served) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(served.url)
    yield client
    await client.close()  # type: ignore[no-untyped-call]


# -- chat ------------------------------------------------------------------------------------------------------------


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="whole answer")
async def test_a_whole_answer(client: ollama.AsyncClient, served: Served) -> None:
    answer = await client.chat(served.models.chat, user("Go on."), options={"num_predict": 5, "temperature": 0})
    assert answer.message.role == "assistant" and answer.message.content
    assert answer.done and answer.done_reason in ("stop", "length")
    assert answer.model == served.models.chat and answer.created_at
    assert answer.eval_count and answer.eval_count <= 5 and answer.prompt_eval_count


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="stream")
async def test_a_stream_has_the_text_of_the_whole_answer(client: ollama.AsyncClient, served: Served) -> None:
    options = {"num_predict": 12, "temperature": 0, "seed": 7}
    whole = await client.chat(served.models.chat, user("Go on."), options=options)
    stream = await client.chat(served.models.chat, user("Go on."), options=options, stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.message.content or "" for chunk in chunks) == whole.message.content
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert (chunks[-1].done_reason, chunks[-1].eval_count) == (whole.done_reason, whole.eval_count)


@pytest.mark.shows(dialect=DIALECT, feature="tools")
@pytest.mark.shows(dialect=DIALECT, feature="parallel tool calls")
async def test_parallel_calls_and_their_results(client: ollama.AsyncClient, served: Served) -> None:
    talk = user(EACH_CITY)
    answer = await client.chat(served.models.chat, talk, tools=[WEATHER])
    calls = answer.message.tool_calls or []
    assert [call.function.arguments["location"] for call in calls] == CITIES
    results = [{"role": "tool", "tool_name": "get_weather", "content": f"{n} degrees"} for n in range(3)]
    reply = await client.chat(served.models.chat, [*talk, answer.message, *results], tools=[WEATHER])
    assert reply.message.content == "The tools say: 0 degrees; 1 degrees; 2 degrees"


@pytest.mark.shows(dialect=DIALECT, feature="tools in a stream")
async def test_calls_in_a_stream(client: ollama.AsyncClient, served: Served) -> None:
    chunks = [
        chunk async for chunk in await client.chat(served.models.chat, user(EACH_CITY), tools=[WEATHER], stream=True)
    ]
    calls = [call for chunk in chunks for call in chunk.message.tool_calls or ()]
    assert [call.function.arguments["location"] for call in calls] == CITIES


@pytest.mark.shows(dialect=DIALECT, feature="structured output")
async def test_structured_output(client: ollama.AsyncClient, served: Served) -> None:
    answer = await client.chat(served.models.chat, user(PERSON), format=Person.model_json_schema())
    assert Person.model_validate_json(answer.message.content or "") == Person(name="Anna", age=31)


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="structured output")
async def test_a_schema_is_kept_by_a_model_of_any_wit(client: ollama.AsyncClient, served: Served) -> None:
    options = {"num_predict": 100}
    answer = await client.chat(
        served.models.chat, user("Which colour?"), format=Colour.model_json_schema(), options=options
    )
    assert Colour.model_validate_json(answer.message.content or "")


@pytest.mark.shows(dialect=DIALECT, feature="JSON mode")
async def test_json_mode(client: ollama.AsyncClient, served: Served) -> None:
    answer = await client.chat(served.models.chat, user("Answer as JSON with the key 'colour'."), format="json")
    assert answer.message.content == '{"colour": "the colour"}'


@pytest.mark.shows(dialect=DIALECT, feature="vision")
async def test_vision(client: ollama.AsyncClient, served: Served) -> None:
    talk = [{"role": "user", "content": "What is this?", "images": [PICTURE]}]
    assert (await client.chat(served.models.chat, talk)).message.content == SEEN


@pytest.mark.shows(dialect=DIALECT, feature="thinking")
async def test_thinking(client: ollama.AsyncClient, served: Served) -> None:
    answer = await client.chat(served.models.chat, user("Think."), think=True)
    assert "My rules tell" in (answer.message.thinking or "")
    assert answer.message.content == "You said: Think."
    chunks = [chunk async for chunk in await client.chat(served.models.chat, user("Think."), think="low", stream=True)]
    assert "".join(chunk.message.thinking or "" for chunk in chunks) == answer.message.thinking


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="logprobs")
async def test_logprobs(client: ollama.AsyncClient, served: Served) -> None:
    options = {"num_predict": 4, "temperature": 0}
    answer = await client.chat(served.models.chat, user("Hello"), logprobs=True, top_logprobs=2, options=options)
    assert answer.logprobs and "".join(one.token for one in answer.logprobs) == answer.message.content
    assert all(one.logprob <= 0 and len(one.top_logprobs or ()) == 2 for one in answer.logprobs)


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="stop, seed, most tokens")
async def test_an_answer_ends_at_its_stop_word(client: ollama.AsyncClient, served: Served) -> None:
    async def text_of(**options: Any) -> tuple[str, str | None]:
        answer = await client.chat(served.models.chat, user("!tokens 9"), options={"temperature": 0, **options})
        return answer.message.content or "", answer.done_reason

    whole, why = await text_of(num_predict=6)
    stop = whole.split()[4]
    assert (len(whole.split()), why) == (6, "length")
    assert await text_of(num_predict=9, stop=[stop]) == (whole[: whole.index(stop)], "stop")
    hot = {"num_predict": 9, "temperature": 1, "seed": 3}
    assert await text_of(**hot) == await text_of(**hot)


@pytest.mark.shows(dialect=DIALECT, feature="stop, seed, most tokens")
async def test_sampling(client: ollama.AsyncClient, served: Served) -> None:
    async def text_of(text: str, **options: Any) -> tuple[str | None, str | None]:
        answer = await client.chat(served.models.chat, user(text), options=options)
        return answer.message.content, answer.done_reason

    assert await text_of("!tokens 9", stop=["w4"]) == ("w0 w1 w2 w3 ", "stop")
    assert await text_of("!tokens 9", num_predict=3) == ("w0 w1 w2", "length")
    assert await text_of("say something random", seed=1) == await text_of("say something random", seed=1)


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="cancel by closing")
async def test_closing_the_stream_cancels(client: ollama.AsyncClient, served: Served, truth: Truth) -> None:
    prompt = unique("!tokens 100000")
    stream: Any = await client.chat(served.models.chat, user(prompt), stream=True)
    await anext(stream)
    job = await running_job(truth)
    await served.answering(prompt)
    await stream.aclose()
    assert (await truth.until_state(job, "cancelled", "completed")).why == "client_gone"
    await served.hung_up_on(prompt)


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="errors")
async def test_errors_have_their_status(client: ollama.AsyncClient, served: Served) -> None:
    async def refused(**wrong: Any) -> ollama.ResponseError:
        with pytest.raises(ollama.ResponseError) as raised:
            await client.chat(**{"model": served.models.chat, "messages": user("hi"), **wrong})
        return raised.value

    missing = await refused(model="nobody:7b")
    assert (missing.status_code, "nobody:7b" in missing.error) == (404, True)
    assert (await refused(options={"temperature": "hot"})).status_code == 400
    assert (await refused(messages=[{"role": "nobody", "content": "hi"}])).status_code == 400
    assert (await refused(messages=[{"role": "tool", "content": "hi"}])).status_code == 400


@pytest.mark.shows(dialect=DIALECT, feature="errors")
async def test_the_engines_faults(client: ollama.AsyncClient, served: Served) -> None:
    with pytest.raises(ollama.ResponseError, match="tool"):
        await client.chat(served.models.plain, user("What is the weather in Paris?"), tools=[WEATHER])
    with pytest.raises(ollama.ResponseError, match="context"):
        await client.chat(served.models.chat, user("!fault context"))
    texts: list[str] = []
    with pytest.raises(ollama.ResponseError):
        async for chunk in await client.chat(served.models.chat, user("!fault cut after 3"), stream=True):
            texts.append(chunk.message.content or "")
    assert words(3).startswith("".join(texts))


# -- generate --------------------------------------------------------------------------------------------------------


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="generate")
async def test_generate(client: ollama.AsyncClient, served: Served) -> None:
    options = {"num_predict": 6, "temperature": 0}
    whole = await client.generate(served.models.chat, "the of and", options=options)
    assert whole.response and whole.done
    stream = await client.generate(served.models.chat, "the of and", options=options, stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.response or "" for chunk in chunks) == whole.response


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="generate")
async def test_generate_without_a_template(client: ollama.AsyncClient, served: Served) -> None:
    answer = await client.generate(served.models.chat, "the of and", raw=True, options={"num_predict": 6})
    assert answer.response


# -- vectors and models ----------------------------------------------------------------------------------------------


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="embeddings")
async def test_embeddings(client: ollama.AsyncClient, served: Served) -> None:
    texts = [f"text number {n}" for n in range(40)]
    made = await client.embed(served.models.embed, texts)
    assert len(made.embeddings) == 40 and all(
        math.isclose(math.hypot(*one), 1, abs_tol=1e-5) for one in made.embeddings
    )
    assert made.prompt_eval_count
    single = await client.embed(served.models.embed, texts[7])
    assert list(single.embeddings[0]) == pytest.approx(list(made.embeddings[7]), abs=1e-6)
    old = await client.embeddings(served.models.embed, texts[7])
    assert list(old.embedding) == pytest.approx(list(made.embeddings[7]), abs=1e-6)


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="list of models")
async def test_models(client: ollama.AsyncClient, served: Served) -> None:
    async def listed() -> bool | None:
        return served.models.chat in {model.model for model in (await client.list()).models} or None

    await eventually(listed, 10, "the worker has reported its models")
    assert await client.show(served.models.chat)
    await client.ps()
    with pytest.raises(ollama.ResponseError) as raised:
        await client.show("nobody:7b")
    assert raised.value.status_code == 404


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="models stay closed")
async def test_models_cannot_be_changed(client: ollama.AsyncClient, served: Served) -> None:
    with pytest.raises(ollama.ResponseError):
        await client.create(model="mine", from_=served.models.chat)
    with pytest.raises(ollama.ResponseError):
        await client.delete(served.models.chat)
    with pytest.raises(ollama.ResponseError):
        await client.copy(served.models.chat, "other")
