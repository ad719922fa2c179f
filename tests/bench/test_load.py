"""The load generator must notice every way in which an answer can be wrong: its figures are worth nothing otherwise."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial

import pytest

from bench.fake_ollama import Connection
from bench.gauges import cpu_ns
from bench.load import END, Plan, Stream, Tally, run

PLAN = Plan("http://127.0.0.1:1", "ndjson", streams=1, rate=0, seconds=0.1, ramp=0, tokens=3)
HEAD = b"HTTP/1.1 200 OK\r\nX-Request-ID: 10\r\n\r\n"


class Sink(asyncio.Transport):
    """A connection whose other end is the test."""

    def write(self, data: bytes | bytearray | memoryview) -> None: ...

    def close(self) -> None: ...


async def feed(*parts: bytes) -> Tally:
    """The text that a stream reads from these bytes."""
    tally = Tally()
    stream = Stream(b"", PLAN, tally)
    stream.stop_asking()
    stream.connection_made(Sink())
    for part in parts:
        stream.data_received(part)
    stream.connection_lost(None)
    return tally


async def test_a_whole_answer_is_whole_however_it_is_cut() -> None:
    body = b'{"content":"~0:17~"} {"content":"~1:18~~2:19~"}' + END
    for size in (1, 7, len(body)):
        tally = await feed(HEAD, *(body[i : i + size] for i in range(0, len(body), size)))
        assert (tally.whole, tally.faults) == (1, [])


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        pytest.param(b"~0:1~~2:1~" + END, "token 2 came where 1 was due", id="lost"),
        pytest.param(b"~0:1~~1:1~~1:1~" + END, "token 1 came where 2 was due", id="doubled"),
        pytest.param(b"~0:1~~1:1~" + END, "ended after 2 of 3", id="short"),
        pytest.param(b"~0:1~~1:1~", "cut after 2 of 3", id="cut"),
        pytest.param(b"HTTP/1.1 404 Not Found\r\n\r\n", "refused: b'HTTP/1.1 404", id="refused"),
    ],
)
async def test_a_wrong_answer_is_a_fault(body: bytes, fault: str) -> None:
    tally = await feed(body if body.startswith(b"HTTP") else HEAD + body)
    assert tally.whole == 0
    assert tally.faults[0].startswith(fault)


@pytest.fixture
async def engine() -> AsyncIterator[str]:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_an_open_loop_measures_what_was_requested(engine: str) -> None:
    plan = Plan(engine, "ndjson", streams=4, rate=50, seconds=2, ramp=0.1)
    shares: list[float] = []
    while len(shares) < 3 and not is_near_one(shares[-1:]):  # a stall at an edge moves tokens over it
        result = await run(plan, {"self": os.getpid()})
        assert (result["whole"], result["faulty"]) == (4, 0)
        assert result["cpu_ns"]["self"] > 0
        assert 0 < result["age_ns"]["p50"] <= result["age_ns"]["p99"]
        shares.append(result["tokens"] / (4 * 50 * result["seconds"]))
    assert is_near_one(shares[-1:]), shares


def is_near_one(shares: list[float]) -> bool:
    return any(0.8 <= share <= 1.2 for share in shares)


async def test_a_closed_loop_counts_whole_chats(engine: str) -> None:
    result = await run(Plan(engine, "ndjson", streams=2, rate=0, seconds=0.2, ramp=0, tokens=5), {})
    assert result["faulty"] == 0
    assert result["chats"] > 2
    assert result["tokens"] >= result["chats"] * 5 - 2 * 5  # an answer may straddle either edge of the window


def test_the_cpu_clock_of_a_process_runs_with_its_work() -> None:
    used = partial(cpu_ns, os.getpid())
    before = used()
    sum(range(200_000))
    assert used() > before
