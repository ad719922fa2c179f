"""Engines that lie, break and never end: one table of misdeeds over every protocol, and the error that each becomes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import aiohttp
import orjson
import pytest

from ollama_worker.engines.base import (
    AnswerTooLarge,
    Engine,
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineUnavailable,
    Finished,
    Piece,
    StreamCut,
)
from ollama_worker.engines.cloud_anthropic import AnthropicEngine
from ollama_worker.engines.http import ERROR_BYTES, EngineHttp
from ollama_worker.engines.http_body import LINE_BYTES, Lines
from ollama_worker.engines.ollama import OllamaEngine
from ollama_worker.engines.openai import OpenAIEngine
from ollama_worker.shape import Meter, Shape
from tests.ollama_worker.fake_ollama import fake_ollama
from tests.support.child import free_port
from tests.support.hostile import MISDEEDS, POISON, PROTOCOLS, SECRET, Hostile, Protocol, hostile
from wire.events import COUNT_MAX
from wire.records import JobRequest, Message
from wire.worker_info import MODELS_MOST

ENGINES: dict[Protocol, Callable[[str], Engine]] = {
    "ollama": lambda url: OllamaEngine(url, 10),
    "openai": lambda url: OpenAIEngine(f"{url}/v1", silence=10),
    "anthropic": lambda url: AnthropicEngine(url, "key", silence=10),
}
EXPECTED: dict[str, type[EngineError]] = {
    "drops": StreamCut,
    "speaks no HTTP": EngineFailed,
    "sends a header without end": EngineFailed,
    "breaks its body off": StreamCut,
    "breaks a chunk off": StreamCut,
    "sends us elsewhere": EngineFailed,
    "sends us on for ever": EngineFailed,
    "sends a line without end": AnswerTooLarge,
    "sends a bomb": EngineFailed,
    "fails without end": EngineFailed,
    "fails with a bomb": EngineFailed,
    "answers with a list": StreamCut,
}
SOUND = MISDEEDS.keys() - EXPECTED.keys()  # an answer comes all the same


class Meeting(NamedTuple):
    hostile: Hostile
    engine: Engine

    async def ask(self, words: str) -> list[Any]:
        ask = JobRequest(model="m:latest", messages=(Message(role="user", content=words),))
        return [item async for item in self.engine.generate(ask)]


@pytest.fixture(params=PROTOCOLS)
async def meeting(request: pytest.FixtureRequest) -> AsyncIterator[Meeting]:
    async with hostile(request.param) as it:
        engine = ENGINES[it.protocol](it.url)
        yield Meeting(it, engine)
        await engine.close()


@pytest.mark.parametrize("misdeed", EXPECTED)
async def test_a_misdeed_fails_its_own_request_only(meeting: Meeting, misdeed: str) -> None:
    """No misdeed counts as an engine that is away, which would cost no try. The engine's bytes are in no message."""
    meeting.hostile.misdeed = misdeed
    with pytest.raises(EngineError) as raised:
        await meeting.ask(POISON)
    error = raised.value
    if not (misdeed == "answers with a list" and meeting.hostile.protocol != "ollama"):  # no event: the end is missing
        assert type(error) is EXPECTED[misdeed]
    assert not isinstance(error, EngineUnavailable) and (error.suspect or not error.retryable)
    assert SECRET.decode() not in error.message and len(error.message) < 1_000
    assert "/elsewhere" not in meeting.hostile.paths and meeting.hostile.poisoned == 1
    assert (await meeting.engine.health()).ok
    assert "".join(item.text for item in await meeting.ask("hello") if isinstance(item, Piece)) == "Hello"


@pytest.mark.parametrize("misdeed", sorted(SOUND))
async def test_absurd_parts_of_a_sound_answer_are_passed_over(meeting: Meeting, misdeed: str) -> None:
    meeting.hostile.misdeed = misdeed
    *pieces, end = await meeting.ask(POISON)
    assert "".join(item.text for item in pieces if isinstance(item, Piece)) == "Hello"
    assert isinstance(end, Finished)
    assert all(0 <= number <= COUNT_MAX for number in end if isinstance(number, int))
    assert (end.prompt_tokens == COUNT_MAX) == (misdeed == "counts absurdly")


async def test_an_engine_is_away_where_no_server_accepts_a_connection() -> None:
    for protocol, engine_at in ENGINES.items():
        engine = engine_at(f"http://127.0.0.1:{free_port()}")
        with pytest.raises(EngineUnavailable):
            await Meeting(Hostile(protocol), engine).ask("hello")
        await engine.close()


# Lists of models


def listed(protocol: Protocol, *entries: dict[str, Any]) -> bytes:
    name, place = ("name", "models") if protocol == "ollama" else ("id", "data")
    return orjson.dumps({place: [{name: entry.pop("name"), **entry} for entry in entries]})


ABSURD = ("abc", [1], -5, 1.5, 2**63, True, None)


async def test_a_list_of_models_is_read_whatever_its_entries_hold(meeting: Meeting) -> None:
    entries = [
        {"name": f"m{n}", "max_model_len": value, "max_input_tokens": value, "context_length": value, "meta": value}
        for n, value in enumerate(ABSURD)
    ]
    meeting.hostile.lists = listed(meeting.hostile.protocol, *entries)
    models = await meeting.engine.store.models()
    assert [model.name for model in models] == [f"m{n}" for n in range(len(ABSURD))]
    assert all(0 <= model.context_length <= COUNT_MAX for model in models)


@pytest.mark.parametrize("body", [b"[]", b'{"data": 7, "models": 7}', b'{"data": [5, {}], "models": [5, {}]}'])
async def test_a_value_that_is_no_list_of_models_counts_as_an_empty_list(meeting: Meeting, body: bytes) -> None:
    meeting.hostile.lists = body
    shape = Shape(meeting.engine, 1, "", Meter())
    await shape.look()
    assert shape.info.models == {}


async def test_a_worker_offers_a_thousand_models_with_names_that_can_be_read(meeting: Meeting) -> None:
    names = ["", "a" * 201, "two\nlines", "\u202ebackwards", *(f"m{n}" for n in range(3_000))]
    meeting.hostile.lists = listed(meeting.hostile.protocol, *({"name": name} for name in names))
    shape = Shape(meeting.engine, 1, "", Meter())
    await shape.look()
    assert 0 < len(shape.info.models) <= MODELS_MOST
    assert all(name.startswith("m") for name in shape.info.models)


async def test_a_list_of_models_that_is_too_large_is_not_read(meeting: Meeting) -> None:
    meeting.hostile.lists = b" " * (LINE_BYTES + 1)
    with pytest.raises(AnswerTooLarge):
        await meeting.engine.store.models()


# Bytes


def lines_of(*chunks: bytes, most: int = 1_000, longest: int = 100) -> Lines:
    content = aiohttp.StreamReader(protocol=_NoProtocol(), limit=2**20, loop=asyncio.get_running_loop())  # type: ignore[arg-type]
    for chunk in chunks:
        content.feed_data(chunk)
    content.feed_eof()
    return Lines(content, most, longest)


class _NoProtocol:
    """The transport that a stream pauses when it is full."""

    _reading_paused = False

    def pause_reading(self) -> None: ...

    def resume_reading(self, **_: object) -> None: ...


async def all_of(lines: Lines) -> list[bytes]:
    read: list[bytes] = []
    while burst := await lines.read():
        read += burst
    return read


async def test_lines_come_whole_however_they_were_cut() -> None:
    body = b"one\n\ntwo and more\nthree"
    for size in range(1, len(body) + 1):
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        assert await all_of(lines_of(*chunks)) == [b"one", b"two and more", b"three"]


async def test_a_line_and_an_answer_have_a_bound() -> None:
    assert await all_of(lines_of(b"a" * 100, b"\n", b"b" * 100)) == [b"a" * 100, b"b" * 100]
    with pytest.raises(AnswerTooLarge, match="line"):
        await all_of(lines_of(b"a" * 100, b"a"))
    with pytest.raises(AnswerTooLarge, match="no end"):
        await all_of(lines_of(*[b": ping\n"] * 200))


async def test_of_an_error_s_body_no_more_is_read_than_a_sentence_needs() -> None:
    async with hostile("ollama", "fails without end") as it:
        http = EngineHttp(it.url, "it", 10)
        lengths: list[int] = []

        def fault(status: int, text: str) -> EngineError:
            lengths.append(len(text))
            return EngineFailed(f"status {status}")

        with pytest.raises(EngineFailed, match="status 500"):
            await http.post("/x", fault, {"q": POISON})
        await http.close()
    assert lengths == [500] and ERROR_BYTES == 65_536


async def test_a_kept_connection_that_was_closed_meanwhile_costs_no_job_a_try() -> None:
    """The request is sent again, at once, on a new connection."""
    answered = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A handler that promises to keep the connection, and drops it as the next request comes."""
        nonlocal answered
        await reader.readuntil(b"\r\n\r\n")
        answered += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    http = EngineHttp("http://{}:{}".format(*server.sockets[0].getsockname()[:2]), "it", 10)
    for _ in range(3):
        assert await http.post("/x", lambda status, text: EngineFailed(text), {}) == {}
    assert answered == 3
    await http.close()
    server.close()


async def test_a_list_that_comes_byte_by_byte_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such an answer is never silent, and a worker that waits for its engine's health takes no jobs."""
    monkeypatch.setattr("ollama_worker.engines.http.WHOLE_SECONDS", 0.5)
    ended = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        ended.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    engine = OllamaEngine("http://{}:{}".format(*server.sockets[0].getsockname()[:2]))
    assert not (await engine.health()).ok
    await asyncio.wait_for(ended.wait(), 10)
    await engine.close()
    server.close()


async def test_a_busy_ollama_rests_and_one_that_is_away_is_tried_again_at_once() -> None:
    async with fake_ollama() as fake:
        engine = OllamaEngine(fake.url)
        fake.status, fake.error = 503, "server busy, please try again. maximum pending requests exceeded"
        with pytest.raises(EngineBusy):
            await Meeting(Hostile(), engine).ask("hello")
        health = await engine.health()
        assert not health.ok and "busy" in health.detail
        await engine.close()
        away = OllamaEngine(fake.url)
    with pytest.raises(EngineUnavailable):
        await Meeting(Hostile(), away).ask("hello")
    async with fake_ollama(int(fake.url.rpartition(":")[2])):
        assert (await away.health()).ok
    await away.close()
