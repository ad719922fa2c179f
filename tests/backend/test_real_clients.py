"""Clients that others have written get what they expect: Ollama's official Python client, and curl."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ollama
import orjson
import pytest

from tests.support.house import House, MakesHouse
from tests.support.listener import chat, words
from tests.support.truth import Truth

LC = "/api/lc/chat"
MODEL = "qwen2.5:0.5b"  # the default; the client does not let it be left out


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    return module_house(SLUICE_SLOTS="8")


@pytest.fixture
async def client(home: House) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(host=home.url)
    yield client
    await client.close()  # type: ignore[no-untyped-call]


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


# -- Ollama's client ---------------------------------------------------------------------------------------------


async def test_ollama_whole_answer(client: ollama.AsyncClient) -> None:
    answer = await client.chat(MODEL, messages=ask("!tokens 5"))
    assert answer.message.content == words(5)
    assert (answer.done, answer.done_reason, answer.eval_count) == (True, "stop", 5)
    assert answer.model and answer.created_at and answer.total_duration


async def test_ollama_stream(client: ollama.AsyncClient) -> None:
    chunks = [chunk async for chunk in await client.chat(MODEL, messages=ask("!tokens 9"), stream=True)]
    assert "".join(chunk.message.content or "" for chunk in chunks) == words(9)
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert (chunks[-1].done_reason, chunks[-1].eval_count) == ("stop", 9)


def test_ollama_without_asyncio(home: House) -> None:
    with contextlib.closing(ollama.Client(host=home.url)) as client:
        assert client.chat(MODEL, messages=ask("!tokens 3")).message.content == words(3)
        chunks = client.chat(MODEL, messages=ask("!tokens 3"), stream=True)
        assert "".join(chunk.message.content or "" for chunk in chunks) == words(3)


async def test_ollama_thinks_aloud(client: ollama.AsyncClient) -> None:
    chunks = [chunk async for chunk in await client.chat(MODEL, messages=ask("hi"), think=True, stream=True)]
    thought = "".join(chunk.message.thinking or "" for chunk in chunks)
    assert "thought is simulated" in thought
    assert "answer is simulated" in "".join(chunk.message.content or "" for chunk in chunks)
    whole = await client.chat(MODEL, messages=ask("hi"), think=True)
    assert whole.message.thinking == thought


async def test_ollama_options(client: ollama.AsyncClient) -> None:
    answer = await client.chat(MODEL, messages=ask("!tokens 50"), options={"num_predict": 4, "temperature": 0.0})
    assert (answer.message.content, answer.done_reason) == (words(4), "length")


async def test_ollama_raises_for_a_model_that_is_not_there(client: ollama.AsyncClient) -> None:
    with pytest.raises(ollama.ResponseError) as raised:
        await client.chat("nobody:7b", messages=ask("hi"))
    assert raised.value.status_code == 404
    assert "ollama pull nobody:7b" in str(raised.value)
    with pytest.raises(ollama.ResponseError) as raised:
        _ = [chunk async for chunk in await client.chat("nobody:7b", messages=ask("hi"), stream=True)]
    assert raised.value.status_code == 404


async def test_ollama_raises_for_an_answer_that_broke_off(client: ollama.AsyncClient) -> None:
    heard: list[str] = []
    with pytest.raises(ollama.ResponseError, match="Simulated fault"):
        async for chunk in await client.chat(MODEL, messages=ask("!fault context_too_long after 3"), stream=True):
            heard.append(chunk.message.content or "")
    assert words(3).startswith("".join(heard))


# -- curl --------------------------------------------------------------------------------------------------------


class Curl:
    """`curl -N` on a route, its output as it comes."""

    def __init__(self, process: asyncio.subprocess.Process, head: Path) -> None:
        self.process = process
        self._head = head
        assert process.stdout is not None
        self.output = process.stdout

    @property
    def headers(self) -> dict[str, str]:
        pairs = [line.partition(":") for line in self._head.read_text().splitlines()[1:] if line]
        return {name.lower(): value.strip() for name, _, value in pairs}


@contextlib.asynccontextmanager
async def curl(url: str, body: Any, home: Path, *more: str) -> AsyncIterator[Curl]:
    """As a person types it; killed at the end if it still runs."""
    head = home / "head"
    data = orjson.dumps(body).decode()
    words = ["curl", "-sN", "-D", str(head), url, "-H", "Content-Type: application/json", "-d", data, *more]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    try:
        yield Curl(process, head)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_curl_streams_langserve(home: House, tmp_path: Path) -> None:
    async with curl(home.url + LC + "/stream", {"input": {"messages": [["human", "!tokens 4"]]}}, tmp_path) as made:
        said = await made.output.read()
        assert await made.process.wait() == 0
    assert made.headers["x-sluice-job"].encode() in said.partition(b"\n\n")[0]
    chunks = [orjson.loads(line[6:]) for line in said.split(b"\n") if line.startswith(b'data: {"content"')]
    assert "".join(chunk["content"] for chunk in chunks) == words(4)
    assert said.endswith(b"event: end\ndata:\n\n")


async def test_curl_streams_ollama_s_lines(home: House, tmp_path: Path) -> None:
    async with curl(home.url + "/api/chat", chat("!tokens 4"), tmp_path) as made:
        chunks = [orjson.loads(line) async for line in made.output]
    assert "".join(chunk["message"]["content"] for chunk in chunks) == words(4)
    assert chunks[-1]["done"]


async def test_curl_streams_our_own_events(home: House, tmp_path: Path) -> None:
    accept = ("-H", "Accept: text/event-stream")
    async with curl(home.url + "/api/chat", chat("!tokens 4"), tmp_path, *accept) as made:
        said = await made.output.read()
    kinds = [line[7:] for line in said.split(b"\n") if line.startswith(b"event: ")]
    assert (kinds[0], kinds[-1]) == (b"started", b"completed")


@pytest.mark.parametrize("route", ["/api/chat", LC + "/stream"])
async def test_curl_sees_words_as_they_come_and_ctrl_c_cancels(
    home: House, truth: Truth, tmp_path: Path, route: str
) -> None:
    endless = chat("!tokens 1000000") if route == "/api/chat" else {"input": chat("!tokens 1000000")}
    async with curl(home.url + route, endless, tmp_path) as made:
        await made.output.readuntil(b"w1")  # of a million
        made.process.terminate()
        await made.process.wait()
    assert (await truth.until_state(made.headers["x-sluice-job"], "cancelled")).why == "client_gone"
