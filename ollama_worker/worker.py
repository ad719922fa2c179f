"""The worker process: ask → execute → finish, life after life, until it is told to stop."""

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
from ollama_worker.life import BLOCK_MS, Life, LifeOver
from ollama_worker.patience import unless
from ollama_worker.settings import WorkerSettings
from ollama_worker.shape import Shape
from ollama_worker.tools import Backoff, Meter, Tools
from wire.circuits import Circuits
from wire.client import open_redis
from wire.jobs import JobPipe
from wire.keys import Keys
from wire.workers import WorkerRegistry, new_incarnation
from wire.writer import EventWriter

REDIS_SECONDS = 5.0
log = structlog.get_logger()


class Worker:
    """Everything one process needs. `run` returns after a drain; `stop` begins it, a second `stop` hurries."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._alive = Alive(settings.alive_file)
        self._told_to_stop = asyncio.Event()
        self._life: Life | None = None

    def stop(self) -> None:
        if self._told_to_stop.is_set() and self._life is not None:
            self._life.hurry()
        self._told_to_stop.set()

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            async with self._alive.waiting():
                engine, detail = await self._engine(stack)
                if engine is None:
                    return
                tools, registry, inbox = await self._clients(stack, engine)
                shape = Shape(engine, self._settings.slots, detail, tools.meter)
                await unless(self._told_to_stop, shape.look())  # an engine may take its time to tell
            await self._background(stack, shape, tools)
            await self._live(tools, registry, inbox, shape)

    async def _live(self, tools: Tools, registry: WorkerRegistry, inbox: WorkerRegistry, shape: Shape) -> None:
        """A life that was reaped is followed by another, under a new name."""
        while True:
            name = new_incarnation(f"{socket.gethostname()}-{os.getpid()}")
            structlog.contextvars.bind_contextvars(worker=name)
            self._life = Life(tools, registry, inbox, shape, name, self._alive)
            try:
                return await self._life.run(self._told_to_stop, self._settings.grace)
            except LifeOver:
                if self._told_to_stop.is_set():
                    return

    async def _engine(self, stack: AsyncExitStack) -> tuple[Engine | None, str]:
        """Choosing may wait for an engine that is not there yet; being told to stop ends the wait."""
        choice = await unless(self._told_to_stop, choose_engine(self._settings))
        if choice is None:
            return None, ""
        log.info("engine chosen", action="engine.chosen", engine=choice.kind, detail=choice.detail)
        engine = build_engine(self._settings, choice)
        stack.push_async_callback(engine.close)
        return engine, choice.detail

    async def _clients(self, stack: AsyncExitStack, engine: Engine) -> tuple[Tools, WorkerRegistry, WorkerRegistry]:
        settings, keys = self._settings, Keys(self._settings.pool)
        redis = open_redis(settings.redis_url, REDIS_SECONDS)
        blocking = open_redis(settings.redis_url, REDIS_SECONDS + BLOCK_MS / 1000, connections=1)
        stack.push_async_callback(redis.aclose)
        stack.push_async_callback(blocking.aclose)
        backoff = Backoff(settings.max_retries, settings.backoff == "exponential")
        tools = Tools(
            JobPipe(redis, keys), EventWriter(settings.redis_url, keys), engine, backoff, Meter(), Circuits(redis, keys)
        )
        return tools, WorkerRegistry(redis, keys), WorkerRegistry(blocking, keys)

    async def _background(self, stack: AsyncExitStack, shape: Shape, tools: Tools) -> None:
        for coroutine in (shape.keep_looking(), watch_gpus(shape.sees), tools.writer.link.run()):
            task = asyncio.create_task(coroutine)
            task.add_done_callback(self._leave_if_broken)
            stack.callback(task.cancel)

    def _leave_if_broken(self, task: asyncio.Task[None]) -> None:
        """A worker that cannot emit or look serves nobody: it drains, and is started again from outside."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("a background loop crashed; leaving", action="worker.broken", exc_info=error)
            self.stop()
