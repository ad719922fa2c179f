"""A queue that takes nothing in: full, unable to write, or full of requests that are too large together."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from redis.asyncio import Redis

from tests.support.house import House, Houses
from tests.support.listener import chat, listening
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until
from wire.keys import Keys
from wire.records import JobRequest

KEYS = Keys("default")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    """One that saves snapshots, into a folder that a test may take away."""
    folder = tmp_path / "data"
    folder.mkdir()
    server = Valkey(tmp_path / "valkey", options=["--dir", str(folder), "--save", "3600 1"])
    server.start()
    yield server
    server.stop()


@pytest.fixture
def home(server: Valkey, tmp_path: Path) -> Iterator[House]:
    home = House(tmp_path / "house", server.url, {})
    home.start_api().wait_ready()
    yield home
    home.stop()
    print(home.report())


def ask(home: House) -> httpx.Response:
    return httpx.post(home.url + "/api/chat", json=chat("!tokens 3", stream=False), timeout=30)


def ready(home: House) -> Any:
    answer = httpx.get(home.url + "/health/ready", timeout=30)
    return answer.status_code, answer.json().get("reason", "")


def test_a_full_redis_is_said_to_be_full_and_the_process_is_not_ready(home: House, server: Valkey) -> None:
    """redis-py cuts `OOM` off its messages: what looks for that word finds it in none."""
    server.command_line("CONFIG", "SET", "maxmemory", "1")
    refused = ask(home)
    assert (refused.status_code, refused.json()["code"]) == (503, "queue_out_of_memory")
    assert refused.headers["retry-after"] == "5"
    status, reason = ready(home)
    assert status == 503 and "memory is full" in reason
    assert httpx.get(home.url + "/health/live").status_code == 200
    server.command_line("CONFIG", "SET", "maxmemory", "0")
    assert ready(home) == (200, "")


def test_a_redis_that_cannot_write_its_file_is_said_so_and_the_process_is_not_ready(
    home: House, server: Valkey, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "data")
    server.command_line("BGSAVE")
    wait_until(lambda: ready(home)[0] == 503, 20, "the snapshot has failed")
    assert "cannot write to its disk" in ready(home)[1]
    refused = ask(home)
    assert (refused.status_code, refused.json()["code"]) == (503, "queue_read_only")
    server.command_line("CONFIG", "SET", "save", "")
    wait_until(lambda: ready(home) == (200, ""), 20, "it may write again")


async def test_the_bytes_that_wait_are_bounded(house: Houses) -> None:
    home = await house(apis=1, workers=0, QUEUE_MAX_BYTES="20000")
    large = chat("x" * 12_000)
    async with listening(home.url, large) as first, httpx.AsyncClient(timeout=30) as client:
        refused = await client.post(home.url + "/api/chat", json=large)
        assert (refused.status_code, refused.json()["code"]) == (429, "queue_full_bytes")
        assert refused.headers["retry-after"].isdigit() and "x-sluice-job" not in refused.headers
        async with listening(home.url, chat("a small one")):  # there is room for that
            await client.post(home.url + f"/api/jobs/{first.job}/cancel")
            async with listening(home.url, large) as next_one:
                assert next_one.job != first.job


async def test_a_request_goes_when_its_job_has_ended_but_for_a_stored_response(house: Houses, redis: Redis) -> None:
    home = await house()
    response = {"model": "qwen2.5:0.5b", "input": "a secret"}

    async def kept(path: str, body: dict[str, Any]) -> bytes:
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.post(home.url + path, json=body)
        assert answer.status_code == 200, answer.text
        return await redis.hget(KEYS.job(answer.headers["X-Sluice-Job"]), "request") or b""

    left = [
        await kept("/api/chat", chat("a secret", stream=False)),
        await kept("/v1/responses", {**response, "store": False}),
    ]
    assert not any(b"secret" in request for request in left)
    assert [JobRequest.model_validate_json(request).messages for request in left] == [(), ()]  # older readers read it
    stored = await kept("/v1/responses", response)
    assert b"secret" in stored and orjson.loads(stored)["door"] == "openai.responses"
