"""The pool as one big Ollama, asked by Ollama's official client. Its chats are in test_real_clients.py."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import ollama
import pytest

from backend.dialects.ollama.embed import read_embed, read_old
from backend.dialects.ollama.models import SPOKEN
from tests.backend.pictures import PNG as PIXEL
from tests.support.house import House, MakesHouse
from tests.support.listener import words
from tests.support.truth import Truth
from tests.support.waiting import eventually

MODEL = "qwen2.5:0.5b"
ASLEEP = "asleep:7b"  # no worker has it
DIMENSIONS = 64  # of the simulated engine's vectors


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    house = module_house(apis=0, SLUICE_SLOTS="8")
    house.start_api(SLUICE_MODELS=ASLEEP, SLUICE_EMBED_BATCH="2").wait_ready(workers=1)
    return house


@pytest.fixture
async def client(home: House) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(host=home.url)
    yield client
    await client.close()  # type: ignore[no-untyped-call]


# -- one prompt --------------------------------------------------------------------------------------------------


async def test_a_prompt_is_answered_whole(client: ollama.AsyncClient) -> None:
    answer = await client.generate(MODEL, "!tokens 5", system="Be brief.", options={"temperature": 0.0})
    assert (answer.response, answer.done, answer.done_reason, answer.eval_count) == (words(5), True, "stop", 5)
    assert answer.created_at and answer.total_duration and answer.prompt_eval_count


async def test_a_prompt_is_answered_in_pieces(client: ollama.AsyncClient) -> None:
    chunks = [chunk async for chunk in await client.generate(MODEL, "!tokens 9", stream=True)]
    assert "".join(chunk.response for chunk in chunks) == words(9)
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


async def test_a_prompt_is_thought_about(client: ollama.AsyncClient) -> None:
    answer = await client.generate(MODEL, "hi", think=True)
    assert "thought is simulated" in (answer.thinking or "")
    assert "thought is simulated" not in answer.response


async def test_a_prompt_brings_images(client: ollama.AsyncClient) -> None:
    assert "Images sent with it: 1." in (await client.generate(MODEL, "what is it?", images=[PIXEL])).response


@pytest.mark.parametrize("fields", [{"raw": True}, {"suffix": "the end"}])
async def test_a_bare_prompt_goes_without_a_template(plain: httpx.AsyncClient, truth: Truth, fields: Any) -> None:
    body = {"model": MODEL, "prompt": "!tokens 3", "stream": False, **fields}
    answer = await plain.post("/api/generate", json=body)
    assert answer.json()["response"] == words(3), answer.text
    record = await truth.record(answer.headers["x-sluice-job"])
    assert b'"kind":"generate"' in record.request


@pytest.mark.parametrize(("keep_alive", "reason"), [(None, "load"), (0, "unload"), ("10m", "load")])
async def test_no_prompt_loads_the_model(client: ollama.AsyncClient, keep_alive: Any, reason: str) -> None:
    answer = await client.generate(MODEL, "", keep_alive=keep_alive)
    assert (answer.response, answer.done, answer.done_reason) == ("", True, reason)
    chat = await client.chat(MODEL, messages=[], keep_alive=keep_alive)
    assert (chat.message.content, chat.done, chat.done_reason) == ("", True, reason)


async def test_a_load_is_done_and_never_answered_from_the_cache(plain: httpx.AsyncClient) -> None:
    loads = [{"model": MODEL, "keep_alive": kept} for kept in ("10m", 0, "10m")]
    answers = [await plain.post("/api/generate", json=load, headers={"X-Sluice-Cache": "allow"}) for load in loads]
    assert [answer.json()["done_reason"] for answer in answers] == ["load", "unload", "load"]
    assert len({answer.headers["x-sluice-job"] for answer in answers}) == 3


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "raw with a system": ("generate", {"prompt": "a", "raw": True, "system": "s"}, "raw goes without"),
    "images without a template": ("generate", {"prompt": "a", "suffix": "b", "images": [PIXEL]}, "images and system"),
    "an image that is none": ("generate", {"prompt": "a", "images": ["aGVsbG8="]}, "not an image"),
    "a prompt that is a number": ("generate", {"prompt": 7}, "prompt"),
    "no prompt and no model": ("generate", {"model": None}, "no model is named"),
    "a schema that is none": ("generate", {"prompt": "a", "format": {"type": "banana"}}, "schema.type"),
    "an input that is a number": ("embed", {"input": [7]}, "input"),
    "too large a batch": ("embed", {"input": ["a"] * 2_049}, "2048"),
    "an old prompt that is a list": ("embeddings", {"prompt": ["a"]}, "prompt"),
    "nothing to show": ("show", {"model": ""}, "model is required"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_request_is_refused_in_ollama_s_words(plain: httpx.AsyncClient, truth: Truth, name: str) -> None:
    path, fields, says = WRONG[name]
    before = await truth.states()
    answer = await plain.post(f"/api/{path}", json={"model": MODEL, **fields})
    assert answer.status_code == 400, answer.text
    told = answer.json()
    assert told.keys() == {"error", "code", "request_id"}
    assert says in told["error"]
    assert await truth.states() == before


@pytest.mark.parametrize("path", ["chat", "generate", "embed", "embeddings", "show"])
async def test_a_model_that_is_not_there_is_a_404(plain: httpx.AsyncClient, path: str) -> None:
    asked = {"messages": [{"role": "user", "content": "a"}], "prompt": "a", "input": "a"}
    answer = await plain.post(f"/api/{path}", json={"model": "nobody:7b", **asked})
    assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


async def test_an_answer_that_fails_midway_raises(client: ollama.AsyncClient) -> None:
    with pytest.raises(ollama.ResponseError, match="Simulated fault"):
        _ = [chunk async for chunk in await client.generate(MODEL, "!fault context_too_long after 3", stream=True)]
    with pytest.raises(ollama.ResponseError) as raised:
        await client.generate(MODEL, "!fault context_too_long")
    assert raised.value.status_code == 400


async def test_a_client_that_hangs_up_cancels(client: ollama.AsyncClient, truth: Truth) -> None:
    before = set(await truth.states())
    chunks = await client.generate(MODEL, "!tokens 20000", stream=True)
    assert (await anext(chunks)).response
    [job] = set(await truth.states()) - before
    await chunks.aclose()  # type: ignore[attr-defined]
    assert (await truth.until_state(job, "cancelled")).why == "client_gone"


# -- tools and forms ---------------------------------------------------------------------------------------------

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_are_called_side_by_side_and_answered(client: ollama.AsyncClient, stream: bool) -> None:
    said: list[Any] = [
        {"role": "user", "content": '!call get_weather {"city": "Rome"}\n!call get_weather {"city": "Oslo"}'}
    ]
    if stream:
        chunks = [chunk async for chunk in await client.chat(MODEL, messages=said, tools=[WEATHER], stream=True)]
        calls = [call for chunk in chunks for call in chunk.message.tool_calls or ()]
    else:
        calls = list((await client.chat(MODEL, messages=said, tools=[WEATHER])).message.tool_calls or ())
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("get_weather", {"city": "Rome"}),
        ("get_weather", {"city": "Oslo"}),
    ]
    said.append({"role": "assistant", "tool_calls": calls, "content": ""})
    said += [{"role": "tool", "tool_name": "get_weather", "content": "sunny"}] * 2
    said.append({"role": "user", "content": "!tokens 2"})
    assert (await client.chat(MODEL, messages=said, tools=[WEATHER])).message.content == words(2)


@pytest.mark.parametrize("form", ["json", {"type": "object", "properties": {"city": {"type": "string"}}}])
async def test_an_answer_in_a_form(client: ollama.AsyncClient, form: Any) -> None:
    text = (await client.generate(MODEL, "Which city?", format=form)).response
    assert isinstance(json.loads(text), dict)


# -- vectors -----------------------------------------------------------------------------------------------------


async def test_texts_become_vectors_in_their_order(client: ollama.AsyncClient) -> None:
    """Over several jobs: the house makes one of every two inputs."""
    many = await client.embed(MODEL, input=["a", "b", "c", "a", "e"], truncate=True)
    assert [len(vector) for vector in many.embeddings] == [DIMENSIONS] * 5
    assert many.embeddings[0] == many.embeddings[3]
    assert len({tuple(vector) for vector in many.embeddings}) == 4
    assert many.prompt_eval_count == 5
    assert (await client.embed(MODEL, input="c")).embeddings == [many.embeddings[2]]


async def test_one_prompt_becomes_a_vector_as_it_used_to(client: ollama.AsyncClient) -> None:
    [vector] = (await client.embed(MODEL, input="a")).embeddings
    assert list((await client.embeddings(MODEL, prompt="a")).embedding) == list(vector)


LOADS = [
    ("embed", {}),
    *(("embed", {"input": nothing}) for nothing in (None, "", [])),
    ("embed", {"dimensions": 0}),
    *(("embeddings", fields) for fields in ({}, {"prompt": ""}, {"prompt": None})),
]


@pytest.mark.parametrize(("path", "fields"), LOADS)
async def test_nothing_to_embed_loads_the_model(
    plain: httpx.AsyncClient, truth: Truth, path: str, fields: dict[str, Any]
) -> None:
    answer = await plain.post(f"/api/{path}", json={"model": MODEL, "keep_alive": "7m", **fields})
    told = answer.json()
    assert (answer.status_code, told.get("embeddings", told.get("embedding"))) == (200, [])
    assert (await truth.record(answer.headers["x-sluice-job"])).state == "completed"
    read = read_embed if path == "embed" else read_old
    assert read({"model": MODEL, "keep_alive": "7m", **fields}).keep_alive == "7m"


@pytest.mark.parametrize(("texts", "alike"), [(["", ""], {0, 1}), (["", "a"], {0}), (["a", "", "b", ""], {1, 3})])
async def test_every_text_of_a_list_has_its_vector_an_empty_one_too(
    client: ollama.AsyncClient, texts: list[str], alike: set[int]
) -> None:
    vectors = (await client.embed(MODEL, input=texts)).embeddings
    assert [len(vector) for vector in vectors] == [DIMENSIONS] * len(texts)
    assert {place for place, vector in enumerate(vectors) if vector == vectors[min(alike)]} == alike


NOTHING = dict.fromkeys(
    "stream format tools think options keep_alive logprobs top_logprobs system suffix images raw template context "
    "truncate dimensions shift".split()
)
FORMS: dict[str, dict[str, Any]] = {
    "null for all that is not given": NOTHING,
    "no format, in text": {"format": ""},
    "seconds": {"keep_alive": 300},
    "half a second": {"keep_alive": 0.5},
    "for ever": {"keep_alive": -1},
    "for ever, in text": {"keep_alive": "-1s"},
    "hours": {"keep_alive": "1h30m"},
    "thinks": {"think": True},
    "thinks hard": {"think": "high"},
    "thinks as hard as it can": {"think": "max"},
    "no tools": {"tools": []},
    "what Go's client sends of nothing": {"suffix": "", "system": "", "template": "", "options": None},
    "options of another kind of number": {"options": {"num_predict": 100.9, "top_k": -1.0, "num_ctx": 4096.0}},
    "no window in particular": {"options": {"num_ctx": 0}},
    "options that are null": {"options": {"temperature": None, "stop": None, "num_ctx": None}},
    "many ends": {"options": {"stop": [f"end {n}" for n in range(40)]}},
    "an end that is empty": {"options": {"stop": [""]}},
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("path", ["chat", "generate"])
async def test_a_request_that_ollama_s_own_decoder_takes_is_taken(
    plain: httpx.AsyncClient, path: str, name: str
) -> None:
    said = {"messages": [{"role": "User", "content": "!tokens 3"}], "prompt": "!tokens 3"}
    answer = await plain.post(f"/api/{path}", json={"model": MODEL, **said, **FORMS[name], "stream": False})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["response"] if path == "generate" else told["message"]["content"]) == words(3)


async def test_nulls_in_a_conversation_stand_for_absent_fields(plain: httpx.AsyncClient) -> None:
    call = {"id": None, "function": {"index": 0, "name": "f", "arguments": None}}
    said = [
        {"role": "SYSTEM", "content": None, "images": None, "tool_calls": None, "thinking": None},
        {"role": "Assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": None, "tool_name": None},
        {"role": "user", "content": "!tokens 3"},
    ]
    answer = await plain.post("/api/chat", json={"model": MODEL, "messages": said, "stream": False})
    assert (answer.status_code, answer.json()["message"]["content"]) == (200, words(3)), answer.text


@pytest.mark.parametrize(
    ("accept", "fields", "kind"),
    [
        ("text/event-stream", {}, "text/event-stream"),
        ("Text/Event-Stream; charset=utf-8", {"stream": True}, "text/event-stream"),
        ("text/event-stream", {"stream": False}, "application/json"),
        ("application/json, text/event-stream", {}, "application/x-ndjson"),
        ("text/event-stream, */*", {"stream": True}, "application/x-ndjson"),
        ("application/json, text/event-stream", {"stream": False}, "application/json"),
        ("*/*", {}, "application/x-ndjson"),
    ],
)
async def test_native_events_are_for_callers_that_take_nothing_else(
    plain: httpx.AsyncClient, accept: str, fields: dict[str, Any], kind: str
) -> None:
    """quarkus-langchain4j accepts both types, whatever it can read."""
    body = {"messages": [{"role": "user", "content": "!tokens 3"}], **fields}
    answer = await plain.post("/api/chat", json=body, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
    if kind == "application/json":
        assert answer.json()["message"]["content"] == words(3)


# -- models ------------------------------------------------------------------------------------------------------


async def test_models_are_listed_asleep_or_not(client: ollama.AsyncClient) -> None:
    listed = {model.model: model for model in (await client.list()).models}
    assert {MODEL, ASLEEP} <= listed.keys()
    assert len({model.digest for model in listed.values()}) == len(listed)


async def test_a_model_is_shown(client: ollama.AsyncClient) -> None:
    shown = await client.show(MODEL)
    assert shown.capabilities and "completion" in shown.capabilities
    assert "embedding" not in shown.capabilities  # `ollama run` embeds what it is given where it reads that word
    assert ".Tools" in (shown.template or "")  # LiteLLM calls no tools without
    about = shown.modelinfo or {}
    assert about[f"{about['general.architecture']}.context_length"] == 8_192
    assert (await client.show(ASLEEP)).capabilities == ["completion"]


async def test_the_version_is_that_of_the_language(plain: httpx.AsyncClient) -> None:
    told = (await plain.get("/api/version")).json()
    for path in ("/api/version", "/api/tags"):
        looked = await plain.head(path)
        assert (looked.status_code, looked.content) == (200, b"")
    assert told["version"] == SPOKEN
    assert told["sluice"]


async def test_the_heartbeat_of_ollama_s_command_line_is_answered(plain: httpx.AsyncClient) -> None:
    assert (await plain.head("/")).status_code == 200
    assert (await plain.get("/")).text == "Ollama is running"


CLOSED = {
    "create": lambda client: client.create("mine", from_=MODEL),
    "copy": lambda client: client.copy(MODEL, "mine"),
    "delete": lambda client: client.delete(MODEL),
    "push": lambda client: client.push(MODEL),
    "pull": lambda client: client.pull(MODEL),
}


@pytest.mark.parametrize("name", CLOSED)
async def test_models_are_closed_to_changes(client: ollama.AsyncClient, name: str) -> None:
    with pytest.raises(ollama.ResponseError, match="cannot be created, copied, deleted") as raised:
        await CLOSED[name](client)
    assert raised.value.status_code == 403


async def test_blobs_are_closed_to_changes(plain: httpx.AsyncClient) -> None:
    assert (await plain.head("/api/blobs/sha256:0")).status_code == 403


async def test_loaded_models_are_listed(client: ollama.AsyncClient) -> None:
    """Last in this file: a worker looks after its models four times a minute, and has loaded one long ago."""

    async def running() -> list[ollama.ProcessResponse.Model] | None:
        return list((await client.ps()).models) or None

    await client.generate(MODEL, "!tokens 1")
    [model] = await eventually(running, 30, "a loaded model")
    assert (model.model, model.context_length) == (MODEL, 8_192)
