"""The API's parts in this process, on a real server and without uvicorn: for tests in which no process dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backend.house import House, build
from backend.pool.pools import Pools
from backend.settings import ApiSettings
from tests.support.valkey import client_of
from wire.reader import FanIn


@asynccontextmanager
async def hearing(fan_in: FanIn) -> AsyncIterator[None]:
    """Events arrive while the block runs, from its first line on."""
    running = asyncio.create_task(fan_in.run())
    try:
        await asyncio.wait_for(fan_in.link.up.wait(), 30)
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def pools_in(redis_url: str, *names: str) -> AsyncIterator[Pools]:
    """These pools, the first of them its own, by a patient client; events arrive."""
    fan_in = FanIn(redis_url)
    async with client_of(redis_url) as redis, hearing(fan_in):
        yield Pools(redis, fan_in, list(names))


@asynccontextmanager
async def parts_in(redis_url: str, **settings: str) -> AsyncIterator[House]:
    """One API's parts, nothing of them started, by a patient client. `settings`: environment variables."""
    async with client_of(redis_url) as redis:
        parts = build(ApiSettings.model_validate({"REDIS_URL": redis_url, **settings}), redis)
        try:
            yield parts
        finally:
            await parts.database.close()
