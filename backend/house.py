"""What one API process is made of: clients and services, born in the lifespan and handed on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request

from backend.admin.room import Admin, build_admin
from backend.chat.admission import Admission
from backend.chat.naming import Naming
from backend.chat.service import ChatService
from backend.files.service import Files
from backend.history.finished import BLOCK_MS, Finished
from backend.history.recorder import Recorder
from backend.leaving import hearing_the_end
from backend.pool.catalogue import Catalogue
from backend.pool.news import News
from backend.pool.watcher import Watcher
from backend.settings import ApiSettings
from backend.store.database import Database
from backend.store.schema import Schema
from backend.threads.service import Threads
from backend.threads.titles import Titles
from backend.threads.turns import ThreadTurns
from wire.client import check_server, open_redis
from wire.clock import Clock
from wire.idempotency import IdempotencyKeys
from wire.jobs import Bounds, JobPipe
from wire.keys import Keys
from wire.reader import EventReader, FanIn
from wire.workers import WorkerRegistry

REDIS_SECONDS = 0.8
SCHEMA_SECONDS = 2.0  # for the first look at the schema: a database that says nothing keeps nobody from starting
RECORD_MS = 86_400_000  # how long a record outlives its job


log = structlog.get_logger()


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
    database: Database
    schema: Schema
    threads: Threads
    titles: Titles
    admin: Admin
    files: Files


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
    database = Database(settings.database_url)
    naming, admission = Naming(claims, jobs), Admission(jobs, clock, bounds)
    chat = ChatService(jobs, reader, catalogue, news, naming, admission, ThreadTurns(database))
    threads, titles = Threads(database, jobs), Titles(database, jobs, workers, catalogue, chat)
    admin = build_admin(jobs, workers, clock, database, lambda: chat.draining)
    house = House(
        *(settings, redis, jobs, workers, fan_in, reader, catalogue, news, chat, database),
        *(Schema(database), threads, titles, admin, Files(database, settings.max_file_bytes)),
    )
    return house, Watcher(jobs, workers, clock)


@asynccontextmanager
async def open_house(settings: ApiSettings) -> AsyncIterator[House]:
    """Clients open, watchers watch; on the way out no job is cancelled by our leaving."""
    redis = open_redis(settings.redis_url, REDIS_SECONDS)
    blocking = open_redis(settings.redis_url, REDIS_SECONDS + BLOCK_MS / 1000, connections=1)
    house, watcher = build(settings, redis)
    recorder = Recorder(house.jobs, Finished(redis, blocking, house.jobs.keys), house.database)
    with suppress(RedisError, OSError):  # a Redis that is not there yet is waited for, red until then
        await check_server(redis)
    runs = (house.fan_in.run(), house.news.run(), watcher.run(), house.admin.monitor.run())
    loops = [asyncio.create_task(run) for run in (*runs, house.schema.run(), recorder.run())]
    for task in loops:
        task.add_done_callback(_leave_if_broken)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(SCHEMA_SECONDS):
                await house.schema.looked.wait()
        with hearing_the_end(house.chat.drain):
            yield house
    finally:
        house.chat.drain()
        house.chat.close()
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await blocking.aclose()
        await redis.aclose()
        await house.database.close()


def _leave_if_broken(task: asyncio.Task[None]) -> None:
    """A process whose watching or fan-in crashed serves nobody well: it drains, and is started again from outside."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("a background loop crashed; leaving", action="house.broken", exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)
