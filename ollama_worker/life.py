"""One life of a worker process, from `register` to the last beat: it reads its inbox and obeys its orders.

A life ends when it is drained, or when the answer to a beat is "over": other processes took this one for dead (it was
stopped, or cut off), its jobs run elsewhere by now, and every write of it is refused. A life that gets no answer for
that long stops what it runs by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import structlog

from ollama_worker.alive import Alive
from ollama_worker.attempts import Attempts
from ollama_worker.engines.base import Health
from ollama_worker.kit import Kit
from ollama_worker.lease import Lease, is_down
from ollama_worker.patience import once, unless, until_answered
from wire.decoding import text
from wire.ids import Incarnation, JobId
from wire.orders import Order, decode_order
from wire.outage import AWAY, redis_outage, repeat
from wire.workers import BEAT_SECONDS, WorkerRegistry

BLOCK_MS = 2_000
ENGINE_CHECK_SECONDS = 1.0
ASK_AGAIN_SECONDS = 30.0  # a Redis that lost its last second may have forgotten that we ask, and no beat shows that
LONGEST_WORD = 100  # characters of an inbox entry's field, in a dead letter or in a log line
GIVE_BACK_SECONDS = 5.0  # a Redis that is away does not hold up the end of the process
log = structlog.get_logger()


class LifeOver(Exception):
    """This incarnation was reaped: begin another."""


class Life:
    """One incarnation of the worker: `run` it once. `inbox` is a registry whose client blocks longer than BLOCK_MS."""

    def __init__(
        self,
        kit: Kit,
        registry: WorkerRegistry,
        inbox: WorkerRegistry,
        incarnation: Incarnation,
        alive: Alive | None = None,
    ) -> None:
        self._kit = kit
        self._registry = registry
        self._inbox = inbox
        self._alive = alive or Alive()
        self.incarnation = incarnation
        self._read_to = "0"
        self._beat = 0
        self._sent = 0.0  # when the latest beat was sent, by the loop's clock
        self._lease = Lease()
        self._may_ask = asyncio.Event()
        self._attempts = Attempts(kit, incarnation, self._pause_asking, self._may_ask.set)
        self._unknown: frozenset[JobId] = frozenset()
        self._inbox_read = False  # since the last beat
        self._draining = False
        self._outage = redis_outage()
        self._registering, self._asking, self._reading, self._beating = map(
            self._outage.part, ("registering", "asking", "reading the inbox", "beating")
        )

    # -- the life ----------------------------------------------------------------------------------------------
    async def run(self, stop: asyncio.Event, grace: float) -> None:
        """Returns after a drain, which `stop` begins and which takes at most `grace` seconds. Raises LifeOver when
        reaped."""
        if stop.is_set():
            return
        async with self._alive.waiting():
            beat = await unless(stop, until_answered(self._register, self._registering))
        if beat is None:  # Redis may have registered this life all the same: no job shall wait for it to be reaped
            await self._leave()
            return
        self._beat = beat
        log.info("worker registered", action="worker.registered", slots=self._kit.shape.slots)
        self._may_ask.set()
        try:
            await self._serve(stop, grace)
        except* LifeOver:
            log.warning("reaped while it was away; beginning a new life", action="worker.reaped")
            raise LifeOver from None
        await self._leave()

    async def _serve(self, stop: asyncio.Event, grace: float) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                loops = [tasks.create_task(loop) for loop in self._loops()]
                stopped = tasks.create_task(stop.wait())
                await stopped
                await self._drain(grace)
                for task in loops:
                    task.cancel()
        except BaseException:  # whatever ended this life: no attempt may go on without a life that looks after it
            self._attempts.stop_all(interrupted=False)
            raise

    def _loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        return self._keep_asking(), self._read_inbox(), self._keep_beating(), self._keep_to_the_lease()

    async def _register(self) -> int:
        sent = asyncio.get_running_loop().time()
        shape = self._kit.shape
        beat = await self._registry.register(self.incarnation, shape.slots, shape.info)
        self._lease.renew(sent)
        return beat

    async def _drain(self, grace: float) -> None:
        self._draining = True
        log.info("draining", action="worker.draining", running=len(self._attempts.jobs), grace=grace)
        await once(self._registry.ask(self.incarnation, False))
        if tasks := self._attempts.tasks:
            await asyncio.wait(tasks, timeout=grace)
        if self._attempts.tasks:
            await asyncio.wait(self.hurry(), timeout=GIVE_BACK_SECONDS)

    def hurry(self) -> list[asyncio.Task[None]]:
        """Give back what still runs, now."""
        return self._attempts.stop_all(interrupted=True)

    async def _leave(self) -> None:
        """A worker that leaves reaps itself: orders that it never read go straight back to the queue."""
        beats = await once(self._registry.beats())
        await once(self._registry.reap(self.incarnation, (beats or {}).get(self.incarnation, self._beat)))
        log.info("worker left", action="worker.left")

    # -- asking ------------------------------------------------------------------------------------------------
    async def _keep_asking(self) -> None:
        """Ask again after whatever ended the asking, as soon as the engine is well; and repeat it now and then."""
        await repeat(self._ask_when_able, self._asking, fatal=(LifeOver,))

    async def _ask_when_able(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ASK_AGAIN_SECONDS):  # `wait_for` loses a cancel that comes with the event
                await self._may_ask.wait()
        if self._may_ask.is_set():
            self._may_ask.clear()
            await self._engine_well()
        if not self._draining and not await self._ask(True):
            raise LifeOver

    async def _ask(self, wants: bool) -> bool:
        return await until_answered(lambda: self._registry.ask(self.incarnation, wants), self._asking)

    async def _pause_asking(self) -> None:
        """Ask no more until the engine is well."""
        await self._ask(False)
        self._may_ask.set()

    async def _engine_well(self) -> None:
        """Returns when the engine is well. Each reason why it is not is logged once."""
        reason = ""
        while not (health := await self._health()).ok:
            if health.detail != reason:
                log.warning("engine not ready: taking no jobs", action="engine.unwell", detail=health.detail)
                reason = health.detail
            await asyncio.sleep(ENGINE_CHECK_SECONDS)
        if reason:
            log.info("engine is well again", action="engine.well")

    async def _health(self) -> Health:
        """Whatever an engine answers, this life goes on: an engine whose health cannot be read is not well."""
        try:
            return await self._kit.engine.health()
        except Exception:
            log.exception("the engine's health cannot be read", action="engine.unread")
            return Health(False, "The engine answers in a way that cannot be read: the worker's log says how")

    # -- the inbox ---------------------------------------------------------------------------------------------
    async def _read_inbox(self) -> None:
        await repeat(self._obey_what_is_new, self._reading)

    async def _obey_what_is_new(self) -> None:
        entries = await self._next_entries()
        self._inbox_read = True
        for entry, fields in entries:
            self._read_to = entry
            try:
                self._obey(decode_order(entry, fields))
            except ValueError:
                log.warning("inbox entry does not decode", action="order.undecodable", entry=entry)
                job = text(fields.get(b"job"))[:LONGEST_WORD]
                await once(self._kit.jobs.bury(f"inbox:{self.incarnation}", entry, job))

    async def _next_entries(self) -> list[tuple[str, dict[bytes, bytes]]]:
        return await self._inbox.inbox(self.incarnation, self._read_to, BLOCK_MS)

    def _obey(self, order: Order) -> None:
        if order.do == "run":
            if not self._draining:  # a job that a draining worker does not start is free again, uncharged, as it leaves
                self._attempts.begin(order)
        elif order.do == "cancel":
            self._attempts.cancel(order)
        else:
            log.info("an order of an unknown kind is ignored", action="order.unknown", do=order.do[:LONGEST_WORD])

    # -- beats -------------------------------------------------------------------------------------------------
    async def _keep_beating(self) -> None:
        """Beat every BEAT_SECONDS. A beat that waited longer for its answer is followed by the next at once."""
        self._sent = asyncio.get_running_loop().time()
        await repeat(self._beat_in_time, self._beating, fatal=(LifeOver,))

    async def _beat_in_time(self) -> None:
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(self._sent + BEAT_SECONDS - clock())
        self._alive.touch()
        self._sent = clock()
        try:
            await self._beat_once()
            self._lease.renew(self._sent)
        except AWAY as error:
            if is_down(error):
                self._lease.renew(self._sent)
            raise

    async def _keep_to_the_lease(self) -> None:
        """When the lease is over, other workers may have our jobs: stop generating, and give the jobs back as soon as
        Redis answers."""
        while True:
            await self._lease.lapsed()
            stopped = self._attempts.stop_generating()
            log.warning("no beat of this worker is answered; it stops", action="worker.unheard", stopped=stopped)
            await self._lease.renewed()

    async def _beat_once(self) -> None:
        shape = self._kit.shape
        news, loaded = shape.news(), shape.loaded(self._attempts.models)
        after = _after(self._read_to)
        beat = await self._registry.beat(self.incarnation, after, news, shape.models_are_news, loaded)
        shape.sent(news)
        if not beat.alive:
            raise LifeOver
        self._beat = beat.number
        if self._inbox_read:  # else their orders may lie there: a connection that was cut is noticed only after seconds
            self._inbox_read = False
            await self._return_unknown(beat.owned - self._attempts.jobs)

    async def _return_unknown(self, unknown: frozenset[JobId]) -> None:
        """Give back jobs that are ours by the registry and unknown here for two beats: Redis forgot that they ended, or
        their orders were lost."""
        before, self._unknown = self._unknown, unknown
        for job in unknown & before:
            await self._return(job)

    async def _return(self, job: JobId) -> None:
        record = await self._kit.jobs.record(job)
        if record is not None and record.owner == self.incarnation and job not in self._attempts.jobs:
            log.warning("a job that this worker does not know goes back", action="job.unknown", job_id=job)
            await self._kit.jobs.give_back(job, self.incarnation, record.attempt, "order_lost")
            self._may_ask.set()


def _after(entry: str) -> str:
    """The id right behind `entry`: what the inbox is trimmed to. "" before anything was read."""
    ms, _, seq = entry.partition("-")
    return f"{ms}-{int(seq) + 1}" if seq else ""
