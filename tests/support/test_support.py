"""The tools that break things must break exactly what they promise."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.processes import ROOT, Worker, clean_environment
from tests.support.proxy import Proxy
from tests.support.sse import Cut, Frame, open_stream, parse_frame
from tests.support.valkey import Valkey
from tests.support.waiting import eventually, wait_until

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def proxy(valkey: Valkey) -> AsyncIterator[Proxy]:
    async with Proxy(valkey.port) as proxy:
        yield proxy


@contextlib.asynccontextmanager
async def dial(proxy: Proxy) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ping(connection: Connection) -> bytes:
    reader, writer = connection
    writer.write(b"PING\r\n")
    async with asyncio.timeout(10):
        return await reader.read(100)


def test_valkey_keeps_acknowledged_writes_over_a_kill(fresh_valkey: Valkey) -> None:
    fresh_valkey.command_line("SET", "kept", "yes")
    fresh_valkey.written()
    fresh_valkey.kill()
    fresh_valkey.restart()
    assert fresh_valkey.command_line("GET", "kept") == b"$3\r\nyes\r\n"


def test_valkey_paused_answers_nothing_and_resumed_answers(fresh_valkey: Valkey) -> None:
    fresh_valkey.pause()
    with pytest.raises(TimeoutError):
        fresh_valkey.command_line("PING", patience=0.1)
    fresh_valkey.resume()
    assert fresh_valkey.command_line("PING") == b"+PONG\r\n"


SERVER = """import pathlib, sys, tests.support.valkey as v
child = v.Valkey(pathlib.Path(sys.argv[1]))"""
FORK = """import pathlib, sys, tests.support.processes as p
child = p.Worker(pathlib.Path(sys.argv[1]), p.clean_environment(REDIS_URL="redis://127.0.0.1:1"))"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.parametrize("made", [SERVER, FORK], ids=["a server", "a fork"])
def test_a_child_dies_with_its_killed_parent(made: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{made}\nchild.start()\nprint(child.pid, flush=True)\ninput()", str(tmp_path)]
    parent = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin and parent.stdout
    child = int(parent.stdout.readline())
    wait_until(lambda: os.getsid(child) == child, 20, "the child has a session of its own, and dies with its parent")
    parent.send_signal(signal.SIGKILL)
    wait_until(lambda: gone(child), 20, "the child is gone")
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()


def test_a_fork_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    """What `python -m` would have had: its environment, its folder, its session, its exit status."""
    worker = Worker(tmp_path, clean_environment(REDIS_URL="redis://127.0.0.1:1", SLUICE_SLOTS="none"))
    worker.start()
    wait_until(lambda: not worker.alive, 20, "it refuses its settings")
    assert worker.returncode == 2 and "SLUICE_SLOTS" in worker.tail()


def gone(pid: int) -> bool:
    """No such process, or one that only waits to be collected by the machine's init."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_proxy_forwards_until_it_cuts(proxy: Proxy) -> None:
    async with dial(proxy) as connection:
        assert await ping(connection) == b"+PONG\r\n"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await connection[0].readexactly(1)
    async with dial(proxy) as connection:
        assert await ping(connection) == b"+PONG\r\n"
    assert proxy.accepted == 2


async def test_proxy_refuses_new_connections_and_keeps_old_ones(proxy: Proxy) -> None:
    async with dial(proxy) as old:
        assert await ping(old) == b"+PONG\r\n"
        proxy.refuse()
        async with dial(proxy) as new:
            with pytest.raises(ConnectionResetError):
                await ping(new)
        assert await ping(old) == b"+PONG\r\n"


async def test_proxy_loses_a_reply_but_not_the_command(proxy: Proxy, valkey: Valkey) -> None:
    async with dial(proxy) as (reader, writer):
        proxy.blackhole("down")
        writer.write(b"SET lost reply\r\n")
        await eventually(lambda: valkey.command_line("GET", "lost").startswith(b"$5") or None, 5, "the command arrives")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.readline()
        proxy.heal()
        assert await reader.readline() == b"+OK\r\n"


async def test_proxy_delays(proxy: Proxy) -> None:
    async with dial(proxy) as connection:
        proxy.delay = 0.05
        start = time.monotonic()
        assert await ping(connection) == b"+PONG\r\n"
        assert time.monotonic() - start >= 0.1  # there and back


ANSWER = b'id: 1-0\nevent: token\ndata: {"text":"a"}\n\n: keep-alive\n\ndata: b\ndata: c\n\ndata: cut'


@contextlib.asynccontextmanager
async def serve(parts: list[bytes], whole: bool = True) -> AsyncIterator[str]:
    """A server with one chunked answer; its URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in [*parts, *([b""] if whole else [])]:
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_stream_yields_whole_frames_however_they_are_cut() -> None:
    async with serve([ANSWER[i : i + 3] for i in range(0, len(ANSWER), 3)]) as url:
        async with open_stream(url) as stream:
            frames = [frame async for frame in stream.frames()]
            assert frames == [Frame("1-0", "token", b'{"text":"a"}'), Frame(None, "message", b"b\nc")]
            assert (stream.status, stream.comments, bytes(stream.raw)) == (200, 1, ANSWER)


async def test_stream_reads_no_faster_than_requested() -> None:
    async with serve([b"0123456789"]) as url:
        start = time.monotonic()
        async with open_stream(url, bytes_per_second=500) as stream:
            assert await stream.body() == b"0123456789"
        assert time.monotonic() - start >= 0.02


async def test_stream_that_breaks_off_is_cut() -> None:
    async with serve([b"some"], whole=False) as url:
        async with open_stream(url) as stream:
            with pytest.raises(Cut):
                await stream.body()


def test_a_block_without_data_is_no_frame() -> None:
    assert parse_frame(b": comment") is None
    assert parse_frame(b"retry: 100") is None
