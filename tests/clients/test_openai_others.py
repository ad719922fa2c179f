"""The official `openai` client: completions, embeddings, models."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.clients.served import Served
from tests.support.waiting import eventually

TEXT, VECTORS = "OpenAI completions", "OpenAI embeddings"


@pytest.fixture
async def client(served: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        yield client


# -- completions -----------------------------------------------------------------------------------------------------


@pytest.mark.any_model
@pytest.mark.shows(dialect=TEXT, feature="whole answer")
@pytest.mark.shows(dialect=TEXT, feature="stream")
async def test_completions(client: openai.AsyncOpenAI, served: Served) -> None:
    request: Any = {"model": served.models.chat, "prompt": "the of and", "max_tokens": 8, "temperature": 0}
    whole = await client.completions.create(**request)
    assert whole.object == "text_completion" and whole.choices[0].text and whole.usage
    chunks = [chunk async for chunk in await client.completions.create(**request, stream=True)]
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole.choices[0].text


# -- embeddings ------------------------------------------------------------------------------------------------------


@pytest.mark.any_model
@pytest.mark.shows(dialect=VECTORS, feature="embeddings")
async def test_embeddings(client: openai.AsyncOpenAI, served: Served) -> None:
    """The client requests base64 by itself, and unpacks it; floats are requested by name."""
    texts = [f"text number {n}" for n in range(40)]
    packed = await client.embeddings.create(model=served.models.embed, input=texts)
    floats = await client.embeddings.create(model=served.models.embed, input=texts, encoding_format="float")
    assert [one.index for one in packed.data] == list(range(40))
    for one, other in zip(packed.data, floats.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert math.hypot(*one.embedding) == pytest.approx(1, abs=1e-5)
    single = await client.embeddings.create(model=served.models.embed, input=texts[7])
    assert single.data[0].embedding == pytest.approx(packed.data[7].embedding, abs=1e-6)
    assert packed.usage.prompt_tokens > 0


@pytest.mark.any_model
@pytest.mark.shows(dialect=VECTORS, feature="errors")
async def test_embeddings_of_nothing(client: openai.AsyncOpenAI, served: Served) -> None:
    with pytest.raises(openai.BadRequestError):
        await client.embeddings.create(model=served.models.embed, input=[])
    with pytest.raises(openai.NotFoundError):
        await client.embeddings.create(model="nobody:7b", input="hi")


@pytest.mark.shows(dialect=VECTORS, feature="errors")
async def test_embeddings_of_a_model_for_chats(client: openai.AsyncOpenAI, served: Served) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.embeddings.create(model=served.models.chat, input="hi")
    assert raised.value.code == "unsupported"


# -- models ----------------------------------------------------------------------------------------------------------


@pytest.mark.any_model
@pytest.mark.shows(dialect="OpenAI models", feature="list of models")
async def test_models(client: openai.AsyncOpenAI, served: Served) -> None:
    async def listed() -> bool | None:
        return served.models.chat in {model.id for model in (await client.models.list()).data} or None

    await eventually(listed, 10, "the worker has reported its models")
    assert (await client.models.retrieve(served.models.chat)).id == served.models.chat
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("nobody:7b")
