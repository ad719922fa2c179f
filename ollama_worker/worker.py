"""The worker process: ask → execute → finish, life after life, until it is stopped."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack

import structlog

from ollama_worker.alive import Alive
from ollama_worker.engines.auto import build_engine, choose_engine
from ollama_worker.engines.base import Engine
from ollama_worker.gpu import watch_gpus
from ollama_worker.kit import Backoff, Kit
from ollama_worker.life import BLOCK_MS, Life, LifeOver
from ollama_worker.patience import unless
from ollama_worker.settings import WorkerSettings
from ollama_worker.shape import Meter, Shape
from wire.circuits import Circuits
from wire.client import open_redis
from wire.jobs import JobPipe
from wire.keys import Keys
from wire.workers import WorkerRegistry, new_incarnation
from wire.writer import EventWriter

REDIS_SECONDS = 5.0
log = structlog.get_logger()


class Worker:
    """One worker process. `run` returns after a drain; `stop` begins the drain, and a second `stop` hurries it."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._alive = Alive(settings.alive_file)
        self._stop = asyncio.Event()
        self._life: Life | None = None

    def stop(self) -> None:
        if self._stop.is_set() and self._life is not None:
            self._life.hurry()
        self._stop.set()

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            async with self._alive.waiting():
                engine, detail = await self._engine(stack)
                if engine is None:
                    return
                kit, registry, inbox = await self._clients(stack, engine, detail)
                await unless(self._stop, kit.shape.look())  # an engine may take its time to list its models
            await self._background(stack, kit)
            await self._live(kit, registry, inbox)

    async def _live(self, kit: Kit, registry: WorkerRegistry, inbox: WorkerRegistry) -> None:
        """A life that was reaped is followed by another, as another incarnation."""
        while True:
            incarnation = new_incarnation(f"{socket.gethostname()}-{os.getpid()}")
            structlog.contextvars.bind_contextvars(worker=incarnation)
            self._life = Life(kit, registry, inbox, incarnation, self._alive)
            try:
                return await self._life.run(self._stop, self._settings.grace)
            except LifeOver:
                if self._stop.is_set():
                    return

    async def _engine(self, stack: AsyncExitStack) -> tuple[Engine | None, str]:
        """The engine, and a sentence about it; None when the worker is stopped while it waits for an engine."""
        choice = await unless(self._stop, choose_engine(self._settings))
        if choice is None:
            return None, ""
        log.info("engine chosen", action="engine.chosen", engine=choice.kind, detail=choice.detail)
        engine = build_engine(self._settings, choice)
        stack.push_async_callback(engine.close)
        return engine, choice.detail

    async def _clients(
        self, stack: AsyncExitStack, engine: Engine, detail: str
    ) -> tuple[Kit, WorkerRegistry, WorkerRegistry]:
        """The kit, the registry, and the registry by which the inbox is read: its client blocks."""
        settings, keys, meter = self._settings, Keys(self._settings.pool), Meter()
        redis = open_redis(settings.redis_url, REDIS_SECONDS)
        blocking = open_redis(settings.redis_url, REDIS_SECONDS + BLOCK_MS / 1000, connections=1)
        stack.push_async_callback(redis.aclose)
        stack.push_async_callback(blocking.aclose)
        kit = Kit(
            jobs=JobPipe(redis, keys),
            writer=EventWriter(settings.redis_url, keys),
            circuits=Circuits(redis, keys),
            engine=engine,
            backoff=Backoff(settings.max_retries, settings.backoff == "exponential"),
            meter=meter,
            shape=Shape(engine, settings.slots, detail, meter),
        )
        return kit, WorkerRegistry(redis, keys), WorkerRegistry(blocking, keys)

    async def _background(self, stack: AsyncExitStack, kit: Kit) -> None:
        for coroutine in (kit.shape.keep_looking(), watch_gpus(kit.shape.sees), kit.writer.link.run()):
            task = asyncio.create_task(coroutine)
            task.add_done_callback(self._leave_if_broken)
            stack.callback(task.cancel)

    def _leave_if_broken(self, task: asyncio.Task[None]) -> None:
        """A worker that cannot emit or look is of no use: it drains, and whatever runs it starts it again."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("a background loop crashed; leaving", action="worker.broken", exc_info=error)
            self.stop()
