"""The engines against doors that other hands wrote by the same protocols: a whole Sluice stands in for a server.

What one side encodes the other decodes, so a word that either has wrong shows here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ollama_worker.engines.base import ModelNotFound, Piece
from ollama_worker.engines.cloud_anthropic import AnthropicEngine
from ollama_worker.engines.ollama import OllamaEngine
from ollama_worker.engines.openai import OpenAIEngine
from tests.support.house import House, MakesHouse
from wire.records import JobRequest, Message

MODEL = "qwen2.5:0.5b"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOOLS = tuple({"type": "function", "function": {"name": n, "parameters": {"type": "object"}}} for n in ("a", "b"))
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


@pytest.fixture(scope="module")
def far(module_house: MakesHouse) -> House:
    """A house with a simulated worker."""
    return module_house()


@pytest.fixture(params=["openai", "anthropic", "ollama"])
async def engine(request: pytest.FixtureRequest, far: House) -> AsyncIterator[Any]:
    made: dict[str, Any] = {
        "openai": lambda: OpenAIEngine(f"{far.url}/v1", silence=30),
        "anthropic": lambda: AnthropicEngine(far.url, "any", silence=30),
        "ollama": lambda: OllamaEngine(far.url, silence=30),
    }
    engine = made[request.param]()
    yield engine
    await engine.close()


def ask_for(prompt: str, **changes: Any) -> JobRequest:
    return JobRequest(model=MODEL, messages=(Message(role="user", content=prompt),)).model_copy(update=changes)


async def answer(engine: Any, ask: JobRequest) -> list[Any]:
    return [item async for item in engine.generate(ask)]


def text(items: list[Any]) -> str:
    return "".join(item.text for item in items if isinstance(item, Piece))


async def test_an_answer_comes_through_with_its_counts(engine: Any) -> None:
    items = await answer(engine, ask_for("!tokens 6", options={"num_predict": 5}))
    end = items[-1]
    assert text(items) == "w0 w1 w2 w3 w4"
    assert (end.reason, end.prompt_tokens, end.completion_tokens) == ("length", 2, 5)


async def test_parallel_calls_come_through_and_their_answers_go_back(engine: Any) -> None:
    ask = ask_for('!call a {"x": [1, "ü"]}\n!call b', tools=TOOLS)
    items = await answer(engine, ask)
    calls = [call for item in items if isinstance(item, Piece) for call in item.tool_calls or ()]
    called = [(call["function"]["name"], call["function"]["arguments"]) for call in calls]
    assert called == [("a", {"x": [1, "ü"]}), ("b", {})]
    assert items[-1].reason == "tool_calls"
    results = [
        Message(role="tool", content=f"answer {n}", tool_name=call["function"]["name"], tool_call_id=call.get("id"))
        for n, call in enumerate(calls)
    ]
    talk = (*ask.messages, Message(role="assistant", tool_calls=tuple(calls)), *results)
    assert "answer 0; answer 1" in text(await answer(engine, ask.model_copy(update={"messages": talk})))


async def test_a_forced_call_comes_through(engine: Any) -> None:
    items = await answer(engine, ask_for("hello", tools=TOOLS, tool_choice="required", tool_name="b"))
    assert [
        call["function"]["name"] for item in items if isinstance(item, Piece) for call in item.tool_calls or ()
    ] == ["b"]


async def test_thoughts_images_and_schemas_come_through(engine: Any) -> None:
    thinking = await answer(engine, ask_for("hello", think="low"))
    assert "simulated" in "".join(item.thinking for item in thinking if isinstance(item, Piece))
    seen = Message(role="user", content="look", images=(PNG,))
    assert "Images sent with it: 1" in text(await answer(engine, ask_for("", messages=(seen,))))
    assert text(await answer(engine, ask_for("hello", format=SCHEMA))) == '{"n":1}'


async def test_a_prompt_is_counted(engine: Any) -> None:
    assert await engine.count(ask_for("one two three")) == 3


async def test_a_model_that_is_not_there_is_named(engine: Any) -> None:
    with pytest.raises(ModelNotFound):
        await answer(engine, ask_for("hello", model="nobody:9b"))


async def test_models_and_health_come_through(engine: Any) -> None:
    assert MODEL in [model.name for model in await engine.store.models()]
    assert (await engine.health()).ok


@pytest.mark.parametrize("engine", ["openai", "ollama"], indirect=True)
async def test_vectors_logprobs_and_bare_prompts_come_through(engine: Any) -> None:
    embeddings = await engine.embed(JobRequest(kind="embed", model=MODEL, inputs=("a", "b", "a"), dimensions=8))
    assert [len(vector) for vector in embeddings.vectors] == [8, 8, 8] and embeddings.vectors[0] == embeddings.vectors[
        2
    ]
    items = await answer(engine, ask_for("!tokens 3", logprobs=True, top_logprobs=2))
    entries = [entry for item in items if isinstance(item, Piece) for entry in item.logprobs or ()]
    assert [entry["token"] for entry in entries] == ["w0", " w1", " w2"] and len(entries[0]["top_logprobs"]) == 2
    bare = JobRequest(kind="generate", model=MODEL, prompt="!tokens 3", suffix="x")
    assert text(await answer(engine, bare)) == "w0 w1 w2"


WORKERS = {
    "openai": {"SLUICE_ENGINE": "openai", "OPENAI_API_BASE_URL": "{url}/v1"},
    "hf": {"SLUICE_ENGINE": "hf", "HF_LOCAL_HOST": "{url}"},
    "anthropic": {"SLUICE_ENGINE": "cloud", "SLUICE_CLOUD": "anthropic", "SLUICE_ANTHROPIC_URL": "{url}"},
}


async def test_workers_use_another_house_as_their_server(far: House, module_house: MakesHouse) -> None:
    """A worker of each kind, and a job for each: three jobs at once go to three workers."""
    near = module_house(apis=0, workers=0, MODEL_NAME=MODEL, ANTHROPIC_API_KEY="k")
    for env in WORKERS.values():
        near.start_worker(**{name: value.format(url=far.url) for name, value in env.items()})
    near.start_api().wait_ready(workers=3)
    body = {"messages": [{"role": "user", "content": "!tokens 5"}], "stream": False}
    async with httpx.AsyncClient(base_url=near.url, timeout=30) as client:
        workers = (await client.get("/health/detailed")).json()["workers"]
        assert {worker["engine"] for worker in workers} == set(WORKERS)
        for response in await asyncio.gather(*(client.post("/api/chat", json=body) for _ in WORKERS)):
            answer = response.json()
            assert (answer["message"]["content"], answer["prompt_eval_count"]) == ("w0 w1 w2 w3 w4", 2)
