"""OpenAI's own client, changed in nothing but its base URL."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx
import openai
import pytest
from openai._streaming import SSEDecoder
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from backend.dialects.openai.chat import ChatChunks
from tests.support.house import House, MakesHouse
from tests.support.listener import PATIENCE, text_of, words
from tests.support.sse import open_stream
from tests.support.truth import Truth
from tests.support.waiting import eventually
from wire import events
from wire.events import EventId, LogEntry

MODEL = "qwen2.5:0.5b"
SHARED = {"X-Sluice-Cache": "allow"}
ENDLESS = "!tokens 20000"  # a hundred seconds of them


@pytest.fixture(scope="module")
def home(module_house: MakesHouse, tmp_path_factory: pytest.TempPathFactory) -> House:
    routes = tmp_path_factory.mktemp("routes") / "routes.toml"
    routes.write_text(f'[models."{MODEL}"]\naliases = ["gpt-4o-mini", "a/slash"]\n')
    return module_house(SLUICE_SLOTS="8", SLUICE_EMBED_BATCH="4", SLUICE_ROUTES=str(routes))


@pytest.fixture
async def client(home: House) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=home.url + "/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}


# -- chat --------------------------------------------------------------------------------------------------------


async def test_a_whole_answer(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(**ask("!tokens 5"))
    [choice] = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", words(5), "stop")
    assert answer.usage is not None
    assert (answer.usage.completion_tokens, answer.usage.total_tokens) == (5, answer.usage.prompt_tokens + 5)
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-") and answer.model == MODEL
    assert answer._request_id


async def test_a_stream(client: openai.AsyncOpenAI) -> None:
    chunks = await streamed(client, ask("!tokens 9", stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == words(9)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 2) + ["stop"]
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices == [] and chunks[-1].usage and chunks[-1].usage.completion_tokens == 9
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1


async def streamed(client: openai.AsyncOpenAI, wanted: dict[str, Any]) -> list[ChatCompletionChunk]:
    return [chunk async for chunk in await client.chat.completions.create(**wanted, stream=True)]


def test_without_asyncio(home: House) -> None:
    with openai.OpenAI(base_url=home.url + "/v1", api_key="none", max_retries=0) as client:
        assert client.chat.completions.create(**ask("!tokens 3")).choices[0].message.content == words(3)
        chunks = client.chat.completions.create(**ask("!tokens 3"), stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == words(3)


def test_a_comment_behind_an_id_is_no_event_to_it() -> None:
    """Its decoder takes any blank line behind an `id:` for an event; ours end a comment with no such line."""
    chunks, said = ChatChunks("a-b", MODEL, 1, False), b""
    for seq in (1, 2):
        said += chunks.burst([LogEntry(EventId(1, seq), events.token("hi"))])
        said += chunks.keep_alive() + chunks.burst([LogEntry(None, events.encode(events.Queued(position=1)))])
    heard = [event.json() for event in SSEDecoder().iter_bytes(iter([said]))]
    assert [chunk["choices"][0]["delta"].get("content") for chunk in heard] == ["", "hi", None, "hi", None]


async def test_it_thinks_aloud(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(**ask("hi", reasoning_effort="low"))
    thought = answer.choices[0].message.model_extra
    assert thought and "thought is simulated" in thought["reasoning_content"]
    chunks = await streamed(client, ask("hi", reasoning_effort="low"))
    told = [(chunk.choices[0].delta.model_extra or {}).get("reasoning_content") for chunk in chunks]
    assert "".join(filter(None, told)) == thought["reasoning_content"]
    quiet = await client.chat.completions.create(**ask("hi", reasoning_effort="none"))
    assert "reasoning_content" not in (quiet.choices[0].message.model_extra or {})


async def test_an_answer_has_a_limit(client: openai.AsyncOpenAI) -> None:
    for limit in ("max_tokens", "max_completion_tokens"):
        [choice] = (await client.chat.completions.create(**ask("!tokens 50", **{limit: 4}))).choices
        assert (choice.message.content, choice.finish_reason) == (words(4), "length")


async def test_the_default_model_answers_a_request_that_names_none(home: House) -> None:
    async with httpx.AsyncClient(base_url=home.url) as bare:
        answer = await bare.post("/v1/chat/completions", json={"messages": ask("!tokens 1")["messages"]})
    assert (answer.status_code, answer.json()["model"]) == (200, MODEL)


# -- tools and forms ---------------------------------------------------------------------------------------------

TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("add", "sub")
]
CALLS = '!call add {"a": 1}\n!call sub {"b": [2, "é"]}'


async def test_parallel_calls_and_their_results(client: openai.AsyncOpenAI) -> None:
    asked = ask(CALLS, tools=TOOLS)
    [choice] = (await client.chat.completions.create(**asked)).choices
    calls = [call for call in choice.message.tool_calls or () if call.type == "function"]
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("add", {"a": 1}),
        ("sub", {"b": [2, "é"]}),
    ]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    results = [{"role": "tool", "tool_call_id": call.id, "content": "3"} for call in calls]
    talk = [*asked["messages"], choice.message.model_dump(exclude_unset=True), *results]
    answer = await client.chat.completions.create(**{**asked, "messages": [*talk, *ask("!tokens 2")["messages"]]})
    assert answer.choices[0].message.content == words(2)


async def test_calls_in_a_stream_are_those_of_the_whole_answer(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(**ask(CALLS, tools=TOOLS)) as stream:
        answer = await stream.get_final_completion()
    [choice] = answer.choices
    told = [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls or ()]
    assert (told, choice.finish_reason) == ([("add", {"a": 1}), ("sub", {"b": [2, "é"]})], "tool_calls")
    assert [call.id[:5] for call in choice.message.tool_calls or ()] == ["call_"] * 2


class Person(BaseModel):
    name: str
    age: int


async def test_an_answer_of_a_form(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.parse(**ask("Who is it?"), response_format=Person)
    assert isinstance(answer.choices[0].message.parsed, Person)
    loose = await client.chat.completions.create(**ask("Who is it?", response_format={"type": "json_object"}))
    assert isinstance(json.loads(loose.choices[0].message.content or ""), dict)


# -- texts and vectors -------------------------------------------------------------------------------------------


async def test_a_text_goes_on_behind_its_prompt(client: openai.AsyncOpenAI) -> None:
    answer = await client.completions.create(model=MODEL, prompt="!tokens 50", echo=True)
    [choice] = answer.choices
    assert (choice.text, choice.finish_reason) == ("!tokens 50" + words(16), "length")
    assert answer.usage and answer.usage.completion_tokens == 16
    chunks = [
        chunk
        async for chunk in await client.completions.create(
            model=MODEL, prompt=["!tokens 5"], stream=True, stream_options={"include_usage": True}
        )
    ]
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == words(5)
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens == 5


async def test_it_raises_for_a_text_that_broke_off(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.APIError, match="Simulated fault"):
        _ = [
            chunk
            async for chunk in await client.completions.create(
                model=MODEL, prompt="!fault context_too_long after 3", stream=True
            )
        ]


async def test_vectors_from_a_real_worker(client: openai.AsyncOpenAI) -> None:
    """As numbers, and as base64, which is what the client asks for by itself."""
    given = [f"text {n % 7}" for n in range(11)]
    floats = await client.embeddings.create(model=MODEL, input=given, encoding_format="float")
    own = await client.embeddings.create(model=MODEL, input=given)
    assert [one.embedding for one in own.data] == [one.embedding for one in floats.data]
    assert [one.index for one in own.data] == list(range(11))
    assert floats.data[0].embedding == floats.data[7].embedding != floats.data[1].embedding
    assert floats.usage.prompt_tokens == 22


# -- several answers ---------------------------------------------------------------------------------------------


async def test_several_answers_stand_in_one_object(client: openai.AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(**ask("!tokens 5", n=3), extra_headers=SHARED)
    answer, jobs = raw.parse(), raw.headers["x-sluice-job"].split(", ")
    assert [(choice.index, choice.message.content, choice.finish_reason) for choice in answer.choices] == [
        (place, words(5), "stop") for place in range(3)
    ]
    assert answer.usage and (answer.usage.completion_tokens, answer.usage.total_tokens % 3) == (15, 0)
    assert len(set(jobs)) == 3, "an answer from the cache would be the same one three times"
    assert answer.id == f"chatcmpl-{jobs[0].replace('-', '')}"


async def test_several_answers_come_in_one_stream_each_under_its_index(client: openai.AsyncOpenAI) -> None:
    asked = ask(CALLS, tools=TOOLS, n=2, stream_options={"include_usage": True})
    *chunks, cost = await streamed(client, asked)
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in [*chunks, cost]}) == 1
    assert cost.choices == [] and cost.usage and cost.usage.total_tokens % 2 == 0
    calls = []
    for index in range(2):
        own = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
        assert own[0].delta.role == "assistant"
        assert [choice.finish_reason for choice in own] == [None] * (len(own) - 1) + ["tool_calls"]
        calls += [call.id for choice in own for call in choice.delta.tool_calls or ()]
    assert len(set(calls)) == 4


async def test_each_of_several_prompts_is_answered(client: openai.AsyncOpenAI) -> None:
    asked: Any = {"model": MODEL, "prompt": ["!tokens 3", "!tokens 4"], "n": 2, "echo": True}
    expected = [f"!tokens {count}{words(count)}" for count in (3, 3, 4, 4)]
    whole = await client.completions.create(**asked)
    assert [(choice.index, choice.text) for choice in whole.choices] == list(enumerate(expected))
    assert whole.usage and whole.usage.completion_tokens == 14
    told = [""] * 4
    async for chunk in await client.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            told[choice.index] += choice.text
    assert told == expected


async def test_an_empty_prompt_is_one_too(client: openai.AsyncOpenAI) -> None:
    whole = await client.completions.create(model=MODEL, prompt="", max_tokens=5)
    between = await client.completions.create(model=MODEL, prompt="", suffix="end", max_tokens=5)
    assert [one.usage.completion_tokens for one in (whole, between) if one.usage] == [5, 5]


async def test_closing_a_stream_of_several_cancels_all_their_jobs(client: openai.AsyncOpenAI, truth: Truth) -> None:
    stream = await client.chat.completions.create(**ask(ENDLESS, n=2), stream=True)
    jobs = stream.response.headers["x-sluice-job"].split(", ")
    await anext(stream)
    await stream.close()
    for job in jobs:
        assert (await truth.until_state(job, "cancelled")).why == "client_gone"


@pytest.mark.parametrize("stream", [False, True])
async def test_one_answer_that_fails_ends_all(client: openai.AsyncOpenAI, truth: Truth, stream: bool) -> None:
    before = (await truth.states()).keys()
    prompts = [ENDLESS, "!fault context_too_long after 3"]
    with pytest.raises(openai.APIError, match="Simulated fault") as raised:
        answer: Any = await client.completions.create(model=MODEL, prompt=prompts, max_tokens=20_000, stream=stream)
        async for _ in answer:
            pass
    assert raised.value.code == "context_length_exceeded"
    jobs = (await truth.states()).keys() - before
    ends = [(await truth.until_state(job, "cancelled", "failed")).why for job in jobs]
    assert sorted(ends) == ["client_gone", "context_too_long"]


async def test_the_same_key_is_the_same_answers(client: openai.AsyncOpenAI) -> None:
    key = {"Idempotency-Key": secrets.token_hex(8)}
    asked = [
        (await client.chat.completions.with_raw_response.create(**ask("!tokens 2", n=2), extra_headers=key)).headers
        for _ in range(2)
    ]
    assert asked[0]["x-sluice-job"] == asked[1]["x-sluice-job"]


async def test_a_form_that_no_engine_enforces_is_refused_with_its_reason(client: openai.AsyncOpenAI) -> None:
    for wish in ({"logit_bias": {"5": 1}}, {"extra_body": {"grammar": 'root ::= "a"'}}):
        with pytest.raises(openai.BadRequestError, match="leave it out") as raised:
            await client.chat.completions.create(**ask("hi", **wish))
        assert raised.value.code == "unsupported"


# -- what goes wrong ---------------------------------------------------------------------------------------------


async def test_it_raises_for_a_model_that_is_not_there(client: openai.AsyncOpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError, match="ollama pull nobody:7b") as raised:
            await client.chat.completions.create(**{**ask("hi"), "model": "nobody:7b"}, stream=stream)
        assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


async def test_it_raises_for_a_wrong_request_and_nothing_is_enqueued(client: openai.AsyncOpenAI, truth: Truth) -> None:
    before = await truth.states()
    with pytest.raises(openai.BadRequestError) as raised:
        await client.chat.completions.create(**ask("hi", n=9))
    assert (raised.value.param, raised.value.type) == ("n", "invalid_request_error")
    assert raised.value.request_id and raised.value.body
    assert await truth.states() == before


@pytest.mark.parametrize("path", ["chat/completions", "completions", "embeddings"])
@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", "application/json", 400, "invalid_json"),
        (b"[", "application/json", 400, "invalid_json"),
        (b"[]", "application/json", 400, "invalid_json"),
        (b"[" * 5_000, "application/json", 400, "invalid_json"),
        (b'{"model": "a\\u0000"}', "application/json", 400, "nul_character"),
        (b"{}", "application/json", 400, "invalid_request"),
        (b"{}", "text/plain", 415, "wrong_media_type"),
        (b" " * 8_388_609, "application/json", 413, "too_large"),
    ],
)
async def test_every_wrong_request_is_refused_in_openai_s_shape(
    home: House, path: str, body: bytes, kind: str, status: int, code: str
) -> None:
    async with httpx.AsyncClient(base_url=home.url + "/v1/") as bare:
        answer = await bare.post(path, content=body, headers={"Content-Type": kind})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert error["request_id"] == answer.headers["x-request-id"]


async def test_it_raises_for_a_context_that_is_too_long(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.chat.completions.create(**ask("!fault context_too_long"))
    assert raised.value.code == "context_length_exceeded"


async def test_it_raises_for_an_answer_that_broke_off(client: openai.AsyncOpenAI) -> None:
    heard = ""
    with pytest.raises(openai.APIError, match="Simulated fault") as raised:
        async for chunk in await client.chat.completions.create(**ask("!fault context_too_long after 3"), stream=True):
            heard += chunk.choices[0].delta.content or ""
    assert words(3).startswith(heard)
    assert raised.value.code == "context_length_exceeded"


async def test_the_client_does_not_repeat_a_cancelled_request(home: House, truth: Truth) -> None:
    """The client's own retries, which it makes unless told otherwise, must not undo what somebody has ended."""
    before = (await truth.states()).keys()
    async with openai.AsyncOpenAI(base_url=home.url + "/v1", api_key="none") as client:
        waiting = asyncio.create_task(client.chat.completions.create(**ask(ENDLESS)))
        job = await eventually(lambda: new_job(truth, before), PATIENCE, "the job")
        await truth.until_state(job, "running")
        await truth.jobs.cancel(job)
        with pytest.raises(openai.APIStatusError) as raised:
            await waiting
    assert (raised.value.status_code, raised.value.code) == (499, "cancelled")
    assert (await truth.states()).keys() - before == {job}


async def new_job(truth: Truth, before: Iterable[str]) -> str | None:
    return next(iter((await truth.states()).keys() - set(before)), None)


async def test_closing_a_stream_cancels_its_job(client: openai.AsyncOpenAI, truth: Truth) -> None:
    stream = await client.chat.completions.create(**ask(ENDLESS), stream=True)
    job = stream.response.headers["x-sluice-job"]
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    await stream.close()
    assert (await truth.until_state(job, "cancelled")).why == "client_gone"


# -- the same job, by other ways ---------------------------------------------------------------------------------


async def test_a_stream_goes_on_elsewhere_behind_any_of_its_ids(home: House, client: openai.AsyncOpenAI) -> None:
    headers = {"X-Sluice-On-Disconnect": "continue"}
    async with client.chat.completions.with_streaming_response.create(
        **ask("!tokens 200"), stream=True, extra_headers=headers
    ) as answer:
        job, name, heard = answer.headers["x-sluice-job"], "", ""
        async for line in answer.iter_lines():
            name = line.removeprefix("id: ") if line.startswith("id: ") else name
            heard += content_of(line)
            if not line and len(heard.split()) >= 5:
                break
    async with open_stream(f"{home.url}/api/jobs/{job}/events", headers={"Last-Event-ID": name}) as rest:
        frames = [frame async for frame in rest.frames()]
    assert heard + text_of(frames) == words(200)
    assert frames[-1].event == "completed"


def content_of(line: str) -> str:
    chunk = json.loads(line[6:]) if line.startswith('data: {"id"') else {"choices": []}
    return "".join(choice["delta"].get("content", "") for choice in chunk["choices"])


async def test_a_chat_s_job_can_be_polled(home: House, client: openai.AsyncOpenAI, truth: Truth) -> None:
    async with httpx.AsyncClient(base_url=home.url + "/v1") as bare:
        stream = await client.chat.completions.create(**ask(ENDLESS, max_tokens=100_000), stream=True)
        chunk = await anext(stream)
        job = stream.response.headers["x-sluice-job"]
        running = (await bare.get(f"/chat/jobs/{job}")).json()
        assert (running["id"], running["status"], running["result"], running["completedAt"]) == (
            job,
            "running",
            None,
            None,
        )
        assert 0 < running["progress"] < 0.1
        await stream.close()
        await truth.until_state(job, "cancelled")
        ended = (await bare.get(f"/chat/jobs/{chunk.id}")).json()
        assert (ended["id"], ended["status"], ended["result"], ended["progress"]) == (job, "cancelled", None, None)
        assert ended["createdAt"] <= ended["completedAt"]

        answer = await client.chat.completions.create(**ask("!tokens 3"))
        told = (await bare.get(f"/chat/jobs/{answer.id}")).json()
        assert (told["status"], told["progress"]) == ("completed", 1)
        same = {"id", "object", "model", "choices", "usage"}
        assert {name: told["result"][name] for name in same} == answer.model_dump(include=same, exclude_unset=True)
        unknown = await bare.get("/chat/jobs/0192e0c0-0000-7000-8000-000000000000")
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "job_not_found")


# -- models ------------------------------------------------------------------------------------------------------


async def test_the_models_there_are(client: openai.AsyncOpenAI) -> None:
    listed = [model async for model in client.models.list()]
    assert [model.object for model in listed] == ["model"] * len(listed)
    assert MODEL in [model.id for model in listed]
    model = await client.models.retrieve(MODEL)
    assert (model.id, model.model_extra and model.model_extra["live"]) == (MODEL, True)
    with pytest.raises(openai.NotFoundError) as raised:
        await client.models.retrieve("nobody/some/model")
    assert raised.value.code == "model_not_found"
    assert "nobody/some/model" in raised.value.message


async def test_an_alias_is_a_model_too(client: openai.AsyncOpenAI) -> None:
    listed = {model.id: model.model_extra async for model in client.models.list()}
    for alias in ("gpt-4o-mini", "a/slash"):
        assert (listed[alias] or {})["name"] == MODEL
        model = await client.models.retrieve(alias)
        assert (model.id, (model.model_extra or {})["name"], (model.model_extra or {})["live"]) == (alias, MODEL, True)
        answer = await client.chat.completions.create(**{**ask("!tokens 1"), "model": alias})
        assert answer.model == MODEL
    assert (await client.models.retrieve(f"simulated/{MODEL}")).id == f"simulated/{MODEL}"


async def test_an_unknown_path_is_refused_in_openai_s_shape(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        await client.get("/nothing", cast_to=httpx.Response)
    assert raised.value.type == "invalid_request_error"
