"""A worker's life in this process, on a real server, with an engine that follows a test's script."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
from redis.asyncio import Redis

from ollama_worker.alive import Alive
from ollama_worker.engines.base import Embeddings, EngineError, Finished, Health, Loading, Piece
from ollama_worker.engines.simulated import SimulatedEngine
from ollama_worker.kit import Backoff, Kit
from ollama_worker.life import Life
from ollama_worker.shape import Meter, Shape
from tests.support.truth import Truth
from tests.support.waiting import eventually
from wire.circuits import Circuits
from wire.jobs import Bounds, JobPipe
from wire.keys import Keys
from wire.records import JobRecord, JobRequest, Message, Target
from wire.workers import WorkerRegistry
from wire.writer import EventWriter

BOUNDS = Bounds(depth=100, per_tenant=100, max_attempts=3, timeout_ms=3_600_000)
AT_ONCE = Backoff(retries=0, first=0.0)


class ScriptedEngine(SimulatedEngine):
    """An engine that fails as often as `fails` orders, then answers. While `hold` is cleared it is silent: `held` is
    set once it was called.

    `stopped`: how often a call was cancelled while it was silent. `unsure`: the errors of `can_continue`. `logged`:
    waits until all pieces are in the log. The engine fails only behind that, for a job that goes back takes no more
    events.
    """

    logged: Callable[[], Awaitable[None]] | None = None

    def __init__(self, *models: str) -> None:
        super().__init__(models or ("m1", "m2"), rate=0)
        self.thought: tuple[Piece, ...] = ()
        self.end = Finished("stop", 7, 0)
        self.calls: Counter[str] = Counter()
        self.well = True
        self.rests = False  # it is not well for the tasks that called it, and well for all others
        self.vectors = [[1.0], [2.0]]
        self.hold, self.held = asyncio.Event(), asyncio.Event()
        self.hold.set()
        self.stopped = 0
        self._working: set[asyncio.Task[object] | None] = set()  # the tasks that called for an answer
        self.unsure: list[EngineError] = []
        self._faults: dict[str, list[tuple[EngineError, tuple[Piece, ...]]]] = defaultdict(list)

    def fails(self, model: str, error: EngineError, times: int = 1, behind: tuple[Piece, ...] = ()) -> None:
        """Fail so many more times, behind the pieces of `behind`."""
        self._faults[model] += [(error, behind)] * times

    def offers(self, *models: str) -> None:
        """Have these models and no others from now on."""
        self.store.names = models

    async def _next(self, ask: JobRequest) -> tuple[EngineError | None, tuple[Piece, ...]]:
        self.calls[ask.model] += 1
        self._working.add(asyncio.current_task())
        self.held.set()
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        faults = self._faults[ask.model]
        return faults.pop(0) if faults else (None, (*self.thought, Piece(f"{ask.model} says")))

    async def _ask(self, ask: JobRequest) -> None:
        error, _ = await self._next(ask)
        if error is not None:
            raise error

    async def generate(self, ask: JobRequest, prefill: str = "") -> AsyncGenerator[Piece | Loading | Finished]:
        error, pieces = await self._next(ask)
        for piece in pieces:
            yield piece
        if error is not None:
            if pieces and self.logged:
                await self.logged()
            raise error
        yield self.end

    async def can_continue(self, model: str) -> bool:
        if self.unsure:
            raise self.unsure.pop(0)
        return True

    async def embed(self, ask: JobRequest) -> Embeddings:
        await self._ask(ask)
        return Embeddings(self.vectors, 5)

    async def count(self, ask: JobRequest) -> int:
        await self._ask(ask)
        return 42

    async def health(self) -> Health:
        if self.rests and asyncio.current_task() in self._working:
            return Health(False, "it rests")
        return Health(self.well, "told so")


class CountedCircuits(Circuits):
    """Circuits that count the worker's calls: each is a call of Redis."""

    calls = 0

    async def _run(self, name: str, *args: str) -> object:
        self.calls += 1
        return await super()._run(name, *args)


class Standing:
    """One life that runs, its engine, and what its pool holds."""

    def __init__(self, redis: Redis, pool: str, life: Life, kit: Kit, engine: ScriptedEngine) -> None:
        self.redis, self.pool, self.life, self.kit = redis, pool, life, kit
        self.engine, self.shape, self.truth = engine, kit.shape, Truth(redis, pool)
        self.circuits = CountedCircuits(redis, Keys(pool))

    async def submit(
        self, job: str, model: str = "m1", *fallback: Target, kind: str = "chat", num_predict: int | None = None
    ) -> None:
        ask = JobRequest.model_validate(
            {
                "kind": kind,
                "model": model,
                "messages": [Message(role="user", content="hello")],
                "inputs": ["a", "b"] if kind == "embed" else [],
                "fallback": fallback,
                "options": {} if num_predict is None else {"num_predict": num_predict},
            }
        )
        assert await self.kit.jobs.accept(job, ask, BOUNDS, tenant="ann") == "ok"

    async def ended(self, job: str) -> JobRecord:
        return await self.truth.until_state(job, "completed", "failed", "cancelled", within=10)

    async def ask(
        self, job: str, model: str = "m1", *fallback: Target, kind: str = "chat", num_predict: int | None = None
    ) -> JobRecord:
        await self.submit(job, model, *fallback, kind=kind, num_predict=num_predict)
        return await self.ended(job)

    async def kinds(self, job: str) -> list[str]:
        return [entry.fields()["type"] for entry in await self.truth.log(job)]

    async def text(self, job: str) -> str:
        return str(orjson.loads((await self.truth.record(job)).result)["text"])

    async def until_idle(self, idle: bool = True) -> None:
        """Wait until the pool counts the worker as idle, or not."""

        async def look() -> bool | None:
            return (await self.redis.zcard(f"{self.kit.jobs.keys.prefix}:idle") == 1) == idle or None

        await eventually(look, 10, f"it is {'' if idle else 'not '}idle")


@asynccontextmanager
async def standing(
    redis: Redis,
    url: str,
    pool: str,
    *models: str,
    slots: int = 1,
    jobs: JobPipe | None = None,
    retries: int = 0,
    inbox: Redis | None = None,
    alive: Alive | None = None,
) -> AsyncIterator[Standing]:
    """A life in `pool` that asks for jobs; its engine has `models`. `retries` of an engine's call are without pause.

    `inbox`: the client by which it reads its orders, where that is another.
    """
    engine, keys = ScriptedEngine(*models), Keys(pool)
    circuits = CountedCircuits(redis, keys)
    meter = Meter()
    kit = Kit(
        jobs or JobPipe(redis, keys),
        EventWriter(url, keys),
        circuits,
        engine,
        AT_ONCE._replace(retries=retries),
        meter,
        Shape(engine, slots, "", meter),
    )

    async def logged() -> None:
        """Replies come in the order of the calls; a waiting write leaves with the reply to the one in flight."""
        for _ in range(3):
            await (await kit.writer.connected()).call("PING")

    engine.logged = logged
    await kit.shape.look()
    registry = WorkerRegistry(redis, keys)
    life = Life(kit, registry, WorkerRegistry(inbox or redis, keys), f"life-{pool}", alive)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(work) for work in (kit.writer.link.run(), life.run(stop, 5), kit.shape.keep_looking())]
    try:
        it = Standing(redis, pool, life, kit, engine)
        it.circuits = circuits
        await it.until_idle()
        yield it
        stop.set()
        await asyncio.wait_for(tasks[1], 10)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
