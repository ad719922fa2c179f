"""The plainest door: one prompt in, one object out."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from backend.dialects.native.local_llm import LocalGenerate
from tests.backend.incoming import incoming
from tests.support.house import House, MakesHouse
from tests.support.listener import words

PATH = "/api/v1/local-llm/generate"


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    return module_house()


async def test_a_prompt_is_answered(client: httpx.AsyncClient, home: House) -> None:
    wishes = {"system_prompt": "Be brief.", "temperature": 0.2, "max_tokens": 3, "use_cache": True}
    answer = await client.post(PATH, json={"prompt": "!tokens 9", "provider_preference": "local_ollama", **wishes})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told.keys() == {"id", "response", "model", "provider", "usage", "timings", "cached"}
    assert (told["response"], told["model"], told["cached"]) == (words(3), "qwen2.5:0.5b", False)
    assert told["provider"] == home.pool
    assert (told["id"], told["usage"]["completion_tokens"]) == (answer.headers["x-sluice-job"], 3)


async def test_a_provider_that_lacks_the_model_is_a_preference_and_no_refusal(client: httpx.AsyncClient) -> None:
    wishes = {"provider_preference": "local_ollama", "model_preference": "qwen2.5:0.5b"}
    answer = await client.post(PATH, json={"prompt": "!tokens 2", **wishes})
    assert (answer.status_code, answer.json()["response"]) == (200, words(2))


@pytest.mark.parametrize("provider", ["", "simulated", "openai"])
async def test_a_provider_alone_brings_its_own_model_or_any(
    client: httpx.AsyncClient, home: House, provider: str
) -> None:
    """A pool, an engine, and one that nobody has."""
    wishes = {"provider_preference": provider or home.pool}
    answer = await client.post(PATH, json={"prompt": "!tokens 2", **wishes})
    assert (answer.status_code, answer.json()["response"]) == (200, words(2))
    assert ("by=name" in answer.headers["x-sluice-route"]) == (provider != "openai")


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({}, 422, "prompt"),
        ({"prompt": ""}, 422, "prompt"),
        ({"prompt": "a", "temperature": "hot"}, 422, "temperature"),
        ({"prompt": "a", "max_tokens": 0}, 422, "max_tokens"),
        ({"prompt": "a", "model_preference": "nobody:7b"}, 404, "nobody:7b"),
        ({"prompt": "!fault context_too_long"}, 413, "Simulated fault"),
    ],
)
async def test_errors_have_our_own_shape(
    client: httpx.AsyncClient, fields: dict[str, Any], status: int, says: str
) -> None:
    answer = await client.post(PATH, json=fields)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].keys() == {"code", "message", "request_id"}
    assert says in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("provider", "model", "named"),
    [
        (None, None, ""),
        ("openai", None, "openai/"),
        ("auto", None, ""),
        (None, "a:1", "a:1"),
        ("auto", "a:1", "a:1"),
        ("local_ollama", "a:1", "ollama/a:1"),
        ("openai", "gpt-9", "openai/gpt-9"),
    ],
)
def test_a_provider_and_a_model_are_one_name(provider: str | None, model: str | None, named: str) -> None:
    body = {"prompt": "a", "provider_preference": provider, "model_preference": model}
    assert LocalGenerate().read(incoming(body, 10)).ask.model == named
