"""What one API process is made of: clients and services, born in the lifespan and handed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from redis.asyncio import Redis
from starlette.requests import Request

from backend.chat.service import ChatService
from backend.pool.catalogue import Catalogue
from backend.pool.news import News
from backend.pool.watcher import Watcher
from backend.settings import ApiSettings
from wire.client import open_redis
from wire.clock import Clock
from wire.idempotency import IdempotencyKeys
from wire.jobs import Bounds, JobPipe
from wire.keys import Keys
from wire.reader import EventReader, FanIn
from wire.workers import WorkerRegistry

REDIS_SECONDS = 0.8
RECORD_MS = 86_400_000  # how long a record outlives its job


class House(NamedTuple):
    settings: ApiSettings
    redis: Redis
    jobs: JobPipe
    workers: WorkerRegistry
    fan_in: FanIn
    reader: EventReader
    catalogue: Catalogue
    news: News
    chat: ChatService


def house_of(request: Request) -> House:
    house: House = request.app.state.house
    return house


def build(settings: ApiSettings, redis: Redis) -> tuple[House, Watcher]:
    """Wire one process's parts together; nothing is started."""
    keys = Keys(settings.pool)
    jobs, workers, clock = JobPipe(redis, keys), WorkerRegistry(redis, keys), Clock(redis, keys)
    fan_in = FanIn(settings.redis_url)
    reader = EventReader(redis, keys, fan_in)
    catalogue, news = Catalogue(workers, settings), News(jobs, workers, fan_in)
    timeout_ms = int(settings.deadline * 1000)
    bounds = Bounds(settings.queue_depth, settings.queue_per_tenant, settings.max_attempts, timeout_ms)
    claims = IdempotencyKeys(redis, timeout_ms + RECORD_MS)
    chat = ChatService(jobs, reader, claims, clock, catalogue, news, bounds)
    house = House(settings, redis, jobs, workers, fan_in, reader, catalogue, news, chat)
    return house, Watcher(jobs, workers, clock)


@asynccontextmanager
async def open_house(settings: ApiSettings) -> AsyncIterator[House]:
    """Clients open, watchers watch; on the way out no job is cancelled by our leaving."""
    redis = open_redis(settings.redis_url, REDIS_SECONDS)
    house, watcher = build(settings, redis)
    loops = [asyncio.create_task(loop) for loop in (house.fan_in.run(), house.news.run(), watcher.run())]
    try:
        yield house
    finally:
        house.chat.draining = True
        house.chat.stop_graces()
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await redis.aclose()
