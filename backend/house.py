"""The parts of one API process, its clients and services: made in the lifespan, and read by the app alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.admin.room import Admin, build_admin
from backend.batches.runner import Runner, build_runner
from backend.batches.service import Batches
from backend.bounds import RequestBounds, bounds_from
from backend.chat.admission import Admission
from backend.chat.answers import LOOK_SECONDS, Answers
from backend.chat.gates import Gates
from backend.chat.gates.bound import Bound
from backend.chat.gates.drain import Drain
from backend.chat.naming import Naming
from backend.chat.service import ChatService
from backend.dialects.responses.service import Responses
from backend.files.service import Files
from backend.health.readiness import Readiness
from backend.history.books import history_books
from backend.history.finished import BLOCK_MS, Finished
from backend.history.recorder import Recorder
from backend.leaving import calling_at_the_end
from backend.orchestrator.marker import open_marker
from backend.pool.look import Looks
from backend.pool.models.catalogue import Catalogue
from backend.pool.news import News
from backend.pool.pools import Pools
from backend.pool.trail import Trails
from backend.pool.watcher import Watcher
from backend.routing.breakers import Breakers
from backend.routing.router import Router
from backend.settings import ApiSettings
from backend.store.database import Database, history_outage
from backend.store.schema import Schema
from backend.threads.service import Threads
from backend.threads.titles import Titles
from backend.threads.turns import ThreadTurns
from wire.client import check_server, open_redis
from wire.idempotency import IdempotencyKeys
from wire.jobs import Bounds
from wire.outage import Outage, redis_outage
from wire.reader import FanIn

ANSWER_SECONDS = 0.1  # from the end of Redis's time for an answer until the caller gets the refusal
SCHEMA_SECONDS = 2.0  # for the first look at the schema: a database that does not answer keeps no process from starting
RECORD_MS = 86_400_000  # how long a record outlives its job
log = structlog.get_logger()


class House(NamedTuple):
    """Every part of one API process."""

    settings: ApiSettings
    redis: Redis
    fan_in: FanIn
    pools: Pools
    trails: Trails
    looks: Looks
    catalogue: Catalogue
    news: News
    chat: ChatService
    database: Database
    schema: Schema
    threads: Threads
    titles: Titles
    admin: Admin
    files: Files
    batches: Batches
    runner: Runner
    responses: Responses
    readiness: Readiness
    bounds: RequestBounds
    outages: tuple[Outage, Outage]  # of Redis, of SQL: all loops of this process report an outage as one

    @property
    def services(self) -> dict[str, Any]:
        """What rooms read by name from the state of a request: `chat_of(request)`, beside ChatService, reads `chat`."""
        return {
            "chat": self.chat,
            "pools": self.pools,
            "trails": self.trails,
            "looks": self.looks,
            "news": self.news,
            "catalogue": self.catalogue,
            "threads": self.threads,
            "titles": self.titles,
            "files": self.files,
            "batches": self.batches,
            "responses": self.responses,
            "admin": self.admin,
            "readiness": self.readiness,
            "bounds": self.bounds,
        }


def build(settings: ApiSettings, redis: Redis, cache: Redis | None = None) -> House:
    """Wire the parts of one process; nothing is started. `cache`: the Redis of what may be dropped, None: `redis`."""
    redis_away, history_away = redis_outage(), history_outage()
    fan_in = FanIn(settings.redis_url)
    pools = Pools(redis, fan_in, settings.all_pools)
    trails, looks = Trails(pools), Looks(pools)
    catalogue, news = Catalogue(looks, settings), News(trails, looks, redis_away)
    timeout_ms = int(settings.deadline * 1000)
    bounds = bounds_from(settings)
    queue_bounds = Bounds(
        settings.queue_depth, settings.queue_per_tenant, settings.max_attempts, timeout_ms, settings.queue_bytes
    )
    claims = IdempotencyKeys(redis, timeout_ms + RECORD_MS)
    database = Database(settings.database_url)
    router = Router(looks, catalogue, settings.rules, Breakers(pools))
    answers = Answers(cache or redis, pools, settings.cache_seconds)
    admission = Admission(pools, router, Naming(claims, pools), answers)
    gates = Gates(Drain(), Bound(queue_bounds))
    answer_seconds = settings.redis_seconds + ANSWER_SECONDS
    chat = ChatService(pools, trails, news, gates, admission, ThreadTurns(database), answer_seconds)
    threads, titles = Threads(database, pools), Titles(database, pools, looks, catalogue, chat)
    responses = Responses(pools, chat, bounds)
    files = Files(database, settings.max_file_bytes)
    batches = Batches(database, files)
    window = settings.batch_window
    runner = build_runner(batches, database, files, chat=chat, pools=pools, responses=responses, window=window)
    admin = build_admin(pools, looks, database, lambda: chat.draining)
    schema = Schema(database, history_away)
    readiness = Readiness(redis, fan_in, pools, chat, schema, settings.redis_seconds)
    return House(
        settings=settings,
        redis=redis,
        fan_in=fan_in,
        pools=pools,
        trails=trails,
        looks=looks,
        catalogue=catalogue,
        news=news,
        chat=chat,
        database=database,
        schema=schema,
        threads=threads,
        titles=titles,
        admin=admin,
        files=files,
        batches=batches,
        runner=runner,
        responses=responses,
        readiness=readiness,
        bounds=bounds,
        outages=(redis_away, history_away),
    )


@asynccontextmanager
async def open_house(settings: ApiSettings) -> AsyncIterator[House]:
    """The parts of a process whose clients are open and whose loops run until the block ends. No job is cancelled
    because the process leaves."""
    redis = open_redis(settings.redis_url, settings.redis_seconds)
    cache = open_redis(settings.cache_url, LOOK_SECONDS) if settings.cache_url else None
    house = build(settings, redis, cache)
    blocking = open_redis(settings.redis_url, settings.redis_seconds + BLOCK_MS / 1000, connections=len(house.pools))
    watchers = [Watcher(pool.jobs, pool.workers, pool.clock, house.outages[0]) for pool in house.pools]
    recorders = [
        Recorder(pool.jobs, Finished(redis, blocking, pool.keys), house.database, history_books(), house.outages)
        for pool in house.pools
    ]
    with suppress(RedisError, OSError):  # the process waits for a Redis that is not there yet, and is red until then
        await check_server(redis)
    marker = await open_marker(redis, settings.pool, house.looks) if settings.orchestrator else None
    runs = [house.fan_in.run(), house.news.run(), house.admin.monitor.run(), house.schema.run()]
    runs += [watcher.run() for watcher in watchers] + [recorder.run() for recorder in recorders]
    if marker is not None:
        runs.append(marker.run())
    loops = [asyncio.create_task(run) for run in runs]
    for task in loops:
        task.add_done_callback(_leave_if_broken)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(SCHEMA_SECONDS):
                await house.schema.looked.wait()
        with calling_at_the_end(house.chat.drain):
            yield house
    finally:
        house.chat.drain()
        house.chat.close()
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await blocking.aclose()
        if cache is not None:
            await cache.aclose()
        await redis.aclose()
        await house.database.close()


def _leave_if_broken(task: asyncio.Task[None]) -> None:
    """Let the process drain, so that it is started again from outside: without one of its loops it serves no
    caller well."""
    if not task.cancelled() and (error := task.exception()) is not None:
        try:
            log.critical("a background loop crashed; leaving", action="house.broken", exc_info=error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
