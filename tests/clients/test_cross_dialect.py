"""One queue, one log, many languages: a job of any client is watched, resumed and cancelled from any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import httpx
import ollama
import openai
import pytest

from tests.clients.asking import user, words
from tests.clients.served import Served, serving, unique
from tests.clients.watching import running_job
from tests.support.listener import following
from tests.support.truth import Truth, truth_of
from tests.support.valkey import Valkey

DIALECT = "between dialects"
GREEDY = {"temperature": 0}


STAYS = {"X-Sluice-On-Disconnect": "continue"}


@pytest.fixture
async def client(served: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="started with openai, resumed natively, cancelled by the jobs route")
async def test_openai_resumed_natively_and_cancelled(client: openai.AsyncOpenAI, served: Served, truth: Truth) -> None:
    """Native events go on behind the id of the last line that the client got."""
    prompt = unique("!tokens 100000")
    job, last, text_so_far = await hear_openai(client, served.models.chat, prompt, chunks=20)
    async with following(served.url, job, last) as listener, httpx.AsyncClient(timeout=30) as http:
        await listener.until(lambda listener: len(listener.of("token")) >= 5, "more words")
        answer = await http.post(f"{served.url}/api/jobs/{job}/cancel")
        assert answer.json() == {"id": job, "state": "cancelled"}
        assert await listener.end() == "cancelled"
        together = text_so_far + "".join(token.get("text", "") for token in listener.of("token"))
    assert together == (await truth.text(job))
    assert together.startswith(words(15)) or not served.scripted
    await served.hung_up_on(prompt)


async def hear_openai(client: openai.AsyncOpenAI, model: str, prompt: str, chunks: int) -> tuple[str, str, str]:
    """Some chunks of a stream, then the client closes it: job, last id, text. The answer is submitted with `continue`.

    The client's own chunks have no ids of events, so the lines are taken from its answer as they came.
    """
    last, texts = "", []
    request: Any = {"model": model, "messages": user(prompt), "stream": True, "temperature": 0}
    async with client.chat.completions.with_streaming_response.create(**request, extra_headers=STAYS) as answer:
        async for line in answer.iter_lines():
            if line.startswith("id: "):
                last = line.removeprefix("id: ")
            if line.startswith("data: "):
                chunk = openai.types.chat.ChatCompletionChunk.model_validate_json(line.removeprefix("data: "))
                texts.append(chunk.choices[0].delta.content or "")
            if not line and len(texts) >= chunks:
                break
        return answer.headers["x-sluice-job"], last, "".join(texts)


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="started with openai, watched by its client's own stream to the end")
async def test_openai_goes_on_for_others_when_its_caller_has_gone(
    client: openai.AsyncOpenAI, served: Served, truth: Truth
) -> None:
    request: Any = {"model": served.models.chat, "messages": user(unique("!tokens 200")), "temperature": 0}
    stream = await client.chat.completions.create(**request, max_tokens=200, stream=True, extra_headers=STAYS)
    job = stream.response.headers["x-sluice-job"]
    await anext(stream)
    await stream.close()
    async with following(served.url, job) as listener:
        assert await listener.end() == "completed"
        assert listener.text == words(200) if served.scripted else len(listener.text.split()) > 100


@pytest.mark.any_model
@pytest.mark.shows(dialect=DIALECT, feature="started with anthropic, watched natively")
async def test_anthropic_watched_natively(served: Served, truth: Truth) -> None:
    async with anthropic.AsyncAnthropic(base_url=served.url, api_key="none", max_retries=0) as client:
        async with client.messages.stream(
            model=served.models.chat, max_tokens=200, messages=user(unique("!tokens 200")), extra_body=GREEDY
        ) as stream:
            text = stream.text_stream
            first = await anext(text)
            job = stream.response.headers["x-sluice-job"]
            async with following(served.url, job) as listener:
                whole = first + "".join([piece async for piece in text])
                assert await listener.end() == "completed"
    assert whole == listener.text
    assert whole == words(200) or not served.scripted
    assert listener.events == await truth.frames(job)


class Pair(NamedTuple):
    """A house of a test's own with two workers: one of them dies."""

    served: Served
    truth: Truth


@pytest.fixture
async def pair(engine: str, kept_valkey: Valkey, tmp_path: Path) -> AsyncIterator[Pair]:
    with serving(engine, tmp_path, kept_valkey) as served:
        served.house.start_worker()
        await served.house.ready()
        async with truth_of(served.house.redis_url, served.house.pool) as truth:
            yield Pair(served, truth)


@pytest.mark.engines("ollama")
@pytest.mark.shows(dialect=DIALECT, feature="started with ollama, its worker killed, finished by another")
async def test_ollama_survives_its_worker(pair: Pair) -> None:
    """The client notices nothing: the other worker continues behind the text so far."""
    client = ollama.AsyncClient(pair.served.url)
    stream: Any = await client.chat(pair.served.models.plain, user(unique("!tokens 2000")), stream=True)
    texts = [(await anext(stream)).message.content for _ in range(5)]
    job = await running_job(pair.truth)
    owner = (await pair.truth.record(job)).owner
    victim = next(worker for worker in pair.served.house.workers if f"-{worker.pid}-" in owner)
    victim.kill()
    await pair.truth.reap(owner)  # the watcher's ten seconds are another test's subject
    chunks = [chunk async for chunk in stream]
    await client.close()  # type: ignore[no-untyped-call]
    assert "".join(texts) + "".join(chunk.message.content or "" for chunk in chunks) == words(2000)
    assert chunks[-1].done and chunks[-1].done_reason == "stop"
    record = await pair.truth.record(job)
    assert (record.state, record.attempt, record.tries) == ("completed", 2, 1)
    await asyncio.wait_for(pair.truth.check_ended_once(job), 10)
