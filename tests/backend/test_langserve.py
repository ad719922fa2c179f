"""LangServe's routes over the real queue, as its own client and a bare one see them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langserve import RemoteRunnable

from tests.support.house import House, Houses
from tests.support.sse import Frame, open_stream
from tests.support.valkey import Valkey

CHAT = "/api/lc/chat"


def words(count: int) -> str:
    """What the simulated engine answers to `!tokens <count>`."""
    return " ".join(f"w{n}" for n in range(count))


def says(text: str, **configurable: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"input": {"messages": [{"role": "user", "content": text}]}}
    return {**body, "config": {"configurable": configurable}} if configurable else body


@pytest.fixture(scope="module")
def served(shared_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all tests that change nothing of it."""
    shared_valkey.flush()
    houses = Houses(tmp_path_factory.mktemp("served"), shared_valkey)
    yield asyncio.run(houses(SLUICE_SLOTS="8"))
    houses.stop()


@pytest.fixture
async def http(served: House) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, timeout=20) as client:
        yield client


@pytest.fixture
async def remote(served: House) -> AsyncIterator[RemoteRunnable[Any, Any]]:
    runnable: RemoteRunnable[Any, Any] = RemoteRunnable(served.url + CHAT)
    yield runnable
    await runnable.async_client.aclose()
    runnable.sync_client.close()


async def test_invoke(remote: RemoteRunnable[Any, Any]) -> None:
    answer = await remote.ainvoke({"messages": [HumanMessage("!tokens 5")]})
    assert isinstance(answer, AIMessage)
    assert answer.content == words(5)
    assert answer.usage_metadata is not None and answer.usage_metadata["output_tokens"] == 5
    assert answer.response_metadata["done_reason"] == "stop"


async def test_batch(remote: RemoteRunnable[Any, Any]) -> None:
    inputs = [{"messages": [HumanMessage(f"!tokens {n}")]} for n in (3, 1, 2)]
    answers = await remote.abatch(inputs)
    assert [answer.content for answer in answers] == [words(3), words(1), words(2)]


async def test_stream(remote: RemoteRunnable[Any, Any]) -> None:
    chunks = [chunk async for chunk in remote.astream({"messages": [HumanMessage("!tokens 6")]})]
    whole = sum(chunks[1:], chunks[0])
    assert isinstance(whole, AIMessageChunk)
    assert whole.content == words(6)
    assert whole.usage_metadata is not None and whole.usage_metadata["output_tokens"] == 6
    assert whole.chunk_position == "last"


def test_stream_without_asyncio(served: House) -> None:
    remote: RemoteRunnable[Any, Any] = RemoteRunnable(served.url + CHAT)
    assert "".join(chunk.content for chunk in remote.stream({"messages": [HumanMessage("!tokens 4")]})) == words(4)
    assert remote.invoke({"messages": [HumanMessage("!tokens 4")]}).content == words(4)


async def test_stream_events(remote: RemoteRunnable[Any, Any]) -> None:
    events = [
        event async for event in remote.astream_events({"messages": [HumanMessage("!tokens 4")]}, version="v2")
    ]
    said = [event["data"]["chunk"].content for event in events if event["event"] == "on_chat_model_stream"]
    assert "".join(said) == words(4)


async def test_stream_log(remote: RemoteRunnable[Any, Any]) -> None:
    final: Any = None
    async for patch in remote.astream_log({"messages": [HumanMessage("!tokens 4")]}):
        final = patch if final is None else final + patch
    assert final.state["final_output"].content == words(4)
