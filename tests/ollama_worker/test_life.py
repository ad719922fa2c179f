"""A life's orders and its asking, and its jobs where it breaks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ollama_worker.alive import Alive
from ollama_worker.engines.base import EngineUnavailable, Health
from ollama_worker.engines.simulated_store import SimulatedStore
from ollama_worker.engines.store import ModelInfo
from ollama_worker.life import Life, LifeOver
from ollama_worker.settings import WorkerSettings
from ollama_worker.worker import Worker
from tests.ollama_worker.standing import ScriptedEngine, standing
from tests.support.valkey import Valkey
from tests.support.waiting import eventually
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRegistry


@pytest.fixture(autouse=True)
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ollama_worker.life.BEAT_SECONDS", 0.05)


async def test_a_job_that_was_cancelled_before_it_began_holds_its_model_no_longer(redis: Redis, valkey: Valkey) -> None:
    """Both orders come in one read; the model of a running attempt counts as loaded."""
    async with standing(redis, valkey.url, "here") as here:
        keys, order = here.truth.keys, {"job": "gone", "attempt": 1}

        async def nothing_loaded() -> bool | None:
            here.shape.doubt()
            return not await redis.smembers(f"{keys.prefix}:loaded:{here.life.incarnation}") or None

        await redis.sadd(f"{keys.prefix}:loaded:{here.life.incarnation}", "m2")
        both = redis.pipeline(transaction=True)
        both.xadd(keys.inbox(here.life.incarnation), {"do": "run", "model": "m2", **order})
        both.xadd(keys.inbox(here.life.incarnation), {"do": "cancel", **order})
        await both.execute()
        await here.ask("behind them")
        await eventually(nothing_loaded, 10, "a beat reports that nothing is loaded")
        assert here.engine.calls == {"m1": 1}


async def test_a_worker_asks_again_where_redis_has_forgotten_that_it_asks(
    redis: Redis, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ollama_worker.life.ASK_AGAIN_SECONDS", 0.2)
    async with standing(redis, valkey.url, "here") as here:
        prefix = here.truth.keys.prefix
        lost = redis.pipeline(transaction=True)
        lost.hset(f"{prefix}:worker:{here.life.incarnation}", "asking", 0)
        lost.zrem(f"{prefix}:idle", here.life.incarnation)
        await lost.execute()
        assert (await here.ask("j")).state == "completed"


async def broken(wants: bool) -> bool:
    """Stands for an error that ends a life."""
    raise LifeOver


async def test_a_life_that_breaks_stops_what_it_runs(
    redis: Redis, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LifeOver):
        async with standing(redis, valkey.url, "here") as here:
            here.engine.hold.clear()
            await here.submit("j")
            await here.engine.held.wait()
            monkeypatch.setattr(here.life, "_ask", broken)
            here.life._may_ask.set()
            await eventually(lambda: here.engine.stopped or None, 10, "the engine is stopped")


async def test_an_unforeseen_error_in_a_beat_ends_no_life(
    redis: Redis, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [ZeroDivisionError(), ZeroDivisionError()]
    async with standing(redis, valkey.url, "here") as here:
        real = here.shape.news

        def news() -> WorkerInfo | None:
            if failures:
                raise failures.pop()
            return real()

        monkeypatch.setattr(here.shape, "news", news)
        await eventually(lambda: not failures or None, 20, "two beats have failed")
        assert (await here.ask("j")).state == "completed"


async def test_an_inbox_entry_that_no_script_wrote_is_buried_and_the_next_order_is_obeyed(
    redis: Redis, valkey: Valkey
) -> None:
    async with standing(redis, valkey.url, "here") as here:
        inbox = here.truth.keys.inbox(here.life.incarnation)
        for attempt in (b"9" * 30, b"abc", b"\xff"):
            await redis.xadd(inbox, {"do": "run", "job": "j", "attempt": attempt})
        await redis.xadd(inbox, {"do": b"\xff"})
        assert (await here.ask("j")).state == "completed"
        assert await redis.xlen(here.truth.keys.dead) == 4


@pytest.mark.parametrize("order", [{"do": "drain"}, {"do": "pull", "model": "m1"}, {"do": "", "job": "j"}])
async def test_an_order_that_a_worker_does_not_know_is_logged_and_ignored(
    redis: Redis, valkey: Valkey, order: dict[str, str]
) -> None:
    """An API of a newer version may write such an order, and the worker takes jobs as before."""
    async with standing(redis, valkey.url, "here") as here:
        with capture_logs() as logged:
            await redis.xadd(here.truth.keys.inbox(here.life.incarnation), dict(order))
            assert (await here.ask("j")).state == "completed"
        [unknown] = [line for line in logged if line["action"] == "order.unknown"]
        assert unknown["do"] == order["do"]
        assert await redis.xlen(here.truth.keys.dead) == 0


async def test_a_worker_stops_while_its_engine_is_slow_to_list_its_models(
    valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = asyncio.Event()

    class SlowStore(SimulatedStore):
        async def models(self) -> list[ModelInfo]:
            listing.set()
            return await asyncio.Future()

    slow = ScriptedEngine()
    slow.store = SlowStore(("m1",))
    monkeypatch.setattr("ollama_worker.worker.build_engine", lambda settings, choice: slow)
    alive, settings = tmp_path / "alive", {"engine": "simulated", "data_dir": tmp_path, "redis_url": valkey.url}
    worker = Worker(WorkerSettings(_env_file=None, alive_file=alive, **settings))
    running = asyncio.create_task(worker.run())
    await asyncio.wait_for(listing.wait(), 30)
    assert alive.exists()
    worker.stop()
    await asyncio.wait_for(running, 30)


async def test_a_life_that_was_stopped_before_it_began_never_registers(redis: Redis, valkey: Valkey) -> None:
    async with standing(redis, valkey.url, "here") as here:
        registry, stop = CountedRegistry(redis, here.truth.keys), asyncio.Event()
        stop.set()
        await Life(here.kit, registry, registry, "life-late").run(stop, 5)
        assert registry.registrations == 0


async def test_a_life_that_is_stopped_while_it_registers_leaves_nothing_behind(redis: Redis, valkey: Valkey) -> None:
    async with standing(redis, valkey.url, "here") as here:
        registry, stop = CountedRegistry(redis, here.truth.keys), asyncio.Event()
        registry.registered = stop.set  # Redis has registered the life, and the answer is still on its way
        await asyncio.wait_for(Life(here.kit, registry, registry, "life-late").run(stop, 5), 10)
        assert registry.registrations == 1
        assert set(await here.truth.workers.beats()) == {here.life.incarnation}


class CountedRegistry(WorkerRegistry):
    """A registry that counts registrations. `registered` is called behind one whose answer never comes."""

    registrations = 0

    def registered(self) -> None: ...

    async def register(self, incarnation: str, slots: int, info: WorkerInfo) -> int:
        self.registrations += 1
        await super().register(incarnation, slots, info)
        self.registered()
        return await asyncio.Future()


async def test_a_worker_touches_its_file_with_every_beat_answered_or_not(
    redis: Redis, valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What watches the file ends a process that hangs, and not a process whose Redis is away."""
    file = tmp_path / "alive"

    async def touched() -> bool | None:
        return file.exists() or None

    async def away(*_: object, **__: object) -> None:
        raise ConnectionError

    async with standing(redis, valkey.url, "here", alive=Alive(file)) as here:
        await eventually(touched, 10, "the worker touches its file")
        monkeypatch.setattr(here.life._registry, "beat", away)
        for _ in range(2):
            file.unlink(missing_ok=True)
            await eventually(touched, 10, "the worker touches its file again")
        monkeypatch.undo()


async def test_an_engine_whose_health_cannot_be_read_is_not_well_and_ends_no_worker(
    redis: Redis, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ollama_worker.life.ENGINE_CHECK_SECONDS", 0.05)
    async with standing(redis, valkey.url, "here") as here:
        unread = asyncio.Event()

        async def broken() -> Health:
            unread.set()
            raise ValueError("invalid literal for int()")

        with monkeypatch.context() as patch:
            patch.setattr(here.engine, "health", broken)
            here.engine.fails("m1", EngineUnavailable("nobody answers"))
            await here.submit("j")
            await asyncio.wait_for(unread.wait(), 10)
            assert (await here.truth.record("j")).state == "queued"
        assert (await here.ended("j")).state == "completed"
