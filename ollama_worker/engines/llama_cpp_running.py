"""One llama.cpp process: it is started when it is first needed, once for all jobs, and again after it has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from ollama_worker.engines.base import EngineError, EngineFailed, EngineSilent, EngineUnavailable, StreamCut
from ollama_worker.engines.http import EngineHttp
from ollama_worker.engines.llama_cpp_server import Native, Plan, in_words, start, stop
from ollama_worker.engines.llama_cpp_wire import fault

LEAST_SECONDS = 1.0  # that a cancelled request may go on; a new process in its place would take about as long
LOOK_SECONDS = 0.05
BUSY = b'"is_processing":true'
log = structlog.get_logger()


class Running:
    """A llama.cpp that runs when it is used. `stop` ends it, and the next use starts it again. `silence` is in
    seconds."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._lock = asyncio.Lock()
        self._now: tuple[Native, EngineHttp] | None = None
        self._loading: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._load_seconds = 0.0
        self._batch = 0  # as the first load measured it

    @property
    def ready(self) -> bool:
        return self._now is not None and self._now[0].process.returncode is None

    def load_timer(self) -> Callable[[], int]:
        """A function to call when the model is there. It returns the milliseconds since now, 0 where the model was
        there already."""
        since, cold = time.monotonic(), not self.ready
        return lambda: int((time.monotonic() - since) * 1000) if cold else 0

    async def load(self, plan: Plan) -> None:
        """Start the process. Where the caller is cancelled the load goes on, and the next caller waits for the same
        load."""
        await self._loaded(plan)

    @asynccontextmanager
    async def use(self, plan: Plan) -> AsyncIterator[EngineHttp]:
        """Use the process together with others. Raises `EngineFailed` where the process ends meanwhile."""
        native, http = await self._loaded(plan)
        try:
            yield http
        except (EngineUnavailable, EngineFailed, StreamCut) as error:
            if words := await native.death():
                raise EngineFailed(f"llama.cpp's process ended ({words}) while it answered") from error
            raise

    @asynccontextmanager
    async def alone(self, plan: Plan) -> AsyncIterator[EngineHttp]:
        """Use the process alone. A cancelled user may leave a computation that nothing interrupts: the next user waits
        for it no longer than a load takes, and then the process is ended instead."""
        async with self._turn:
            if self._settling:
                await asyncio.wait([self._settling])
            async with self.use(plan) as http:
                try:
                    yield http
                except (asyncio.CancelledError, EngineSilent):
                    self._settling = asyncio.create_task(self._settle())
                    raise

    async def stop(self) -> None:
        async with self._lock:
            for task in (self._loading, self._settling):
                if task and not task.done():
                    task.cancel()
                    await asyncio.wait([task])
            await self._end()

    async def _loaded(self, plan: Plan) -> tuple[Native, EngineHttp]:
        async with self._lock:
            while self._now is None or not self.ready:
                if self._loading is None or self._loading.done():
                    self._loading = asyncio.create_task(self._load(plan))
                    self._loading.add_done_callback(lambda load: load.cancelled() or load.exception())
                await asyncio.shield(self._loading)
            return self._now

    async def _load(self, plan: Plan) -> None:
        await self._end()
        since = time.monotonic()
        native = await start(plan._replace(batch=self._batch))
        self._load_seconds, self._batch = time.monotonic() - since, native.batch
        headers = {"Authorization": f"Bearer {native.key}"}
        # Its server closes the connection after every stream, so a kept one would fail at its next use.
        self._now = native, EngineHttp(native.url, "llama.cpp", self._silence, headers, keep=False)
        self._watching = asyncio.create_task(self._watch(native))
        log.info(
            "llama.cpp has loaded the model",
            action="engine.loaded",
            seconds=round(self._load_seconds, 1),
            batch=native.batch,
            embedding=plan.embedding,
        )

    async def _watch(self, native: Native) -> None:
        words = in_words(await native.process.wait())
        log.error("llama.cpp's process ended; the next job starts it again", action="engine.process_ended", how=words)

    async def _settle(self) -> None:
        """Wait until the process is idle; end it where that takes too long."""
        if self._now is None:
            return
        http = self._now[1]
        try:
            async with asyncio.timeout(max(LEAST_SECONDS, self._load_seconds)):
                while await self._busy(http):
                    await asyncio.sleep(LOOK_SECONDS)
        except (TimeoutError, EngineError):
            if self._now is not None and self._now[1] is http:
                await self._end()

    async def _busy(self, http: EngineHttp) -> bool:
        return BUSY in await http.text("/slots", fault)

    async def _end(self) -> None:
        ended, self._now = self._now, None
        if self._watching:
            self._watching.cancel()
        if ended:
            await ended[1].close()
            await stop([ended[0]])
