"""`langchain-openai`, `langchain-ollama` and LangServe's RemoteRunnable, where LangChain's own suites do not reach."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import ollama
import openai
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI
from langserve import RemoteRunnable

from tests.clients.asking import CITIES, EACH_CITY, PERSON, PICTURE_URL, SEEN, WEATHER, Person, words
from tests.clients.served import Served, unique
from tests.clients.watching import running_job
from tests.support.remote import remote_runnable
from tests.support.truth import Truth

LANGSERVE = "LangServe"


@pytest.fixture(params=["ChatOpenAI", "ChatOllama"])
async def model(request: pytest.FixtureRequest, served: Served) -> AsyncIterator[BaseChatModel]:
    """The connections are the test's: LangChain's models never close theirs."""
    name = served.models.chat
    if request.param == "ChatOllama":
        transport = httpx.AsyncHTTPTransport()
        yield ChatOllama(model=name, base_url=served.url, async_client_kwargs={"transport": transport})
        await transport.aclose()
    else:
        async with httpx2.AsyncClient() as client:
            where: Any = {"base_url": f"{served.url}/v1", "api_key": "none", "http_async_client": client}
            yield ChatOpenAI(model=name, max_retries=0, **where)


@pytest.fixture
async def remote(served: Served) -> AsyncIterator[RemoteRunnable[Any, Any]]:
    async with remote_runnable(f"{served.url}/api/lc/chat") as runnable:
        yield runnable


# -- ChatOpenAI and ChatOllama ---------------------------------------------------------------------------------------


async def test_parallel_calls(model: BaseChatModel) -> None:
    answer = await model.bind_tools([WEATHER]).ainvoke(EACH_CITY)
    assert isinstance(answer, AIMessage)
    assert [call["args"]["location"] for call in answer.tool_calls] == CITIES
    assert len({call["id"] for call in answer.tool_calls}) == 3


async def test_a_form_and_a_picture(model: BaseChatModel) -> None:
    assert await model.with_structured_output(Person).ainvoke(PERSON) == Person(name="Anna", age=31)
    picture = {"type": "image_url", "image_url": {"url": PICTURE_URL}}
    answer = await model.ainvoke([HumanMessage([{"type": "text", "text": "What is this?"}, picture])])
    assert answer.text == SEEN


@pytest.mark.any_model
async def test_a_stream_has_the_text_of_the_whole_answer(model: BaseChatModel) -> None:
    greedy: Any = model.model_copy(update={"temperature": 0})
    bounded = {"num_predict": 9} if isinstance(model, ChatOllama) else {"max_completion_tokens": 9}
    greedy = greedy.model_copy(update=bounded) if isinstance(model, ChatOllama) else greedy.bind(**bounded)
    whole = await greedy.ainvoke("Go on.")
    assert whole.text and whole.text == "".join([chunk.text async for chunk in greedy.astream("Go on.")])
    assert whole.usage_metadata and 0 < whole.usage_metadata["output_tokens"] <= 9


@pytest.mark.any_model
async def test_closing_the_stream_cancels(model: BaseChatModel, served: Served, truth: Truth) -> None:
    prompt = unique("!tokens 100000")
    async with contextlib.aclosing(model.astream(prompt)) as stream:  # type: ignore[type-var]
        async for _ in stream:
            break
        job = await running_job(truth)
        await served.answering(prompt)
    assert (await truth.until_state(job, "cancelled", "completed")).why == "client_gone"
    await served.hung_up_on(prompt)


@pytest.mark.any_model
async def test_errors(model: BaseChatModel) -> None:
    with pytest.raises((openai.NotFoundError, ollama.ResponseError)) as raised:
        await model.ainvoke("hi", model="nobody:7b")
    assert raised.value.status_code == 404


# -- LangServe -------------------------------------------------------------------------------------------------------


@pytest.mark.shows(dialect=LANGSERVE, feature="whole answer")
@pytest.mark.shows(dialect=LANGSERVE, feature="stream")
async def test_langserve_whole_and_streamed(remote: RemoteRunnable[Any, Any]) -> None:
    turn = {"messages": [HumanMessage("!tokens 9")]}
    assert (await remote.ainvoke(turn)).content == words(9)
    assert "".join([chunk.content async for chunk in remote.astream(turn)]) == words(9)


@pytest.mark.shows(dialect=LANGSERVE, feature="vision")
async def test_langserve_sees(remote: RemoteRunnable[Any, Any]) -> None:
    picture = {"type": "image_url", "image_url": {"url": PICTURE_URL}}
    turn = {"messages": [HumanMessage([{"type": "text", "text": "What is this?"}, picture])]}
    assert (await remote.ainvoke(turn)).content == SEEN


@pytest.mark.any_model
@pytest.mark.shows(dialect=LANGSERVE, feature="stream")
@pytest.mark.shows(dialect=LANGSERVE, feature="cancel by closing")
async def test_langserve_streams_and_cancels_by_closing(
    remote: RemoteRunnable[Any, Any], served: Served, truth: Truth
) -> None:
    """LangServe's client can set no end to an answer, so an answer that only the model's window would end is left."""
    prompt = unique("!tokens 100000")
    greedy: Any = {"configurable": {"temperature": 0}}
    stream = remote.astream({"messages": [HumanMessage(prompt)]}, config=greedy)
    begun = "".join([(await anext(stream)).content for _ in range(9)])
    job = await running_job(truth)
    await stream.aclose()  # type: ignore[attr-defined]
    assert (await truth.until_state(job, "cancelled", "completed")).why == "client_gone"
    assert begun and (await truth.text(job)).startswith(begun)
    await served.hung_up_on(prompt)


@pytest.mark.any_model
@pytest.mark.shows(dialect=LANGSERVE, feature="errors")
async def test_langserve_errors(remote: RemoteRunnable[Any, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError) as raised:
        await remote.ainvoke({"messages": [HumanMessage("hi")]}, config={"configurable": {"model": "nobody:7b"}})
    assert raised.value.response.status_code == 404
