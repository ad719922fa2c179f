"""The page's nginx in compose: every container of the API gets its share, and one that dies takes no request along."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.images.names import names
from tests.images.nginx import running
from tests.support.child import free_port
from tests.support.waiting import eventually

ONE, OTHER = "127.0.0.1", "127.0.0.2"
FEW = 30  # requests; by chance an API gets none of them once in 500 million


@contextlib.asynccontextmanager
async def api(address: str, port: int) -> AsyncIterator[asyncio.Server]:
    """A server in an API's place: it answers with its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(address)}\r\nConnection: close\r\n\r\n"
        writer.write(f"{head}{address}".encode())
        writer.close()

    async with await asyncio.start_server(serve, address, port) as server:
        yield server


async def answers(client: httpx.AsyncClient) -> Counter[str]:
    """The API that answered, or the status of a refusal, of FEW requests: a GET and a POST in turn."""
    counts: Counter[str] = Counter()
    for number in range(FEW):
        answer = await client.request(("GET", "POST")[number % 2], "/api/chat", content=b"{}")
        counts[answer.text if answer.status_code == 200 else str(answer.status_code)] += 1
    return counts


@pytest.fixture
def port() -> int:
    return free_port()


async def test_each_process_of_the_api_gets_its_share_and_one_that_dies_takes_no_request_along(
    tmp_path: Path, port: int
) -> None:
    async with names(ONE, OTHER) as server, api(ONE, port), api(OTHER, port) as dying:
        with running(tmp_path, port, names=server.port) as nginx:
            async with httpx.AsyncClient(base_url=nginx.url) as client:
                assert set(await answers(client)) == {ONE, OTHER}
                dying.close()  # the DNS server still gives its address
                await dying.wait_closed()
                assert await answers(client) == {ONE: FEW}


async def test_a_process_that_came_later_is_found_without_a_restart(tmp_path: Path, port: int) -> None:
    async with names(ONE) as server, api(ONE, port), api(OTHER, port):
        with running(tmp_path, port, names=server.port) as nginx:
            async with httpx.AsyncClient(base_url=nginx.url) as client:
                assert await answers(client) == {ONE: FEW}
                server.addresses = [OTHER]

                async def is_found() -> bool:
                    return (await client.get("/api/chat")).text == OTHER

                await eventually(is_found, 60, "the new address")


async def test_nginx_stands_without_an_api_and_finds_one_that_comes(tmp_path: Path, port: int) -> None:
    """nginx may be started before the API, and resolves no name at its own start."""
    async with names() as server, api(ONE, port):
        with running(tmp_path, port, names=server.port) as nginx:
            async with httpx.AsyncClient(base_url=nginx.url) as client:
                assert (await client.get("/")).status_code == 200
                away = await client.post("/v1/chat/completions", json={})
                assert (away.status_code, away.json()["error"]["code"]) == (503, "api_away")
                server.addresses = [ONE]

                async def is_found() -> bool:
                    return (await client.get("/api/chat")).status_code == 200

                await eventually(is_found, 60, "the API")
