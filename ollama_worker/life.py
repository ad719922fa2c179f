"""One life of a worker process, from `register` to the last beat: it reads its inbox and runs what it is told.

A life ends when it is drained, or when a beat is answered "over": the process was taken for dead (it was stopped, or
cut off), its jobs run elsewhere by now, and everything it still produces is refused. One that is not heard for so long
stops what it runs before it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import structlog

from ollama_worker.alive import Alive
from ollama_worker.attempt import Attempt
from ollama_worker.engines.base import Health
from ollama_worker.lease import Lease, is_down
from ollama_worker.patience import once, unless, until_answered
from ollama_worker.shape import Shape
from ollama_worker.tools import Tools
from wire.decoding import text
from wire.ids import Incarnation, JobId
from wire.outage import AWAY, redis_outage, repeat
from wire.records import Order
from wire.workers import BEAT_SECONDS, WorkerRegistry, decode_order

BLOCK_MS = 2_000
ENGINE_CHECK_SECONDS = 1.0
ASK_AGAIN_SECONDS = 30.0  # a Redis that lost its last second may have forgotten what was asked, and beats do not tell
LONGEST_WORD = 100  # characters of an inbox entry's field, in a dead letter or in a log line
GIVE_BACK_SECONDS = 5.0  # a Redis that is away does not hold up the end of the process
log = structlog.get_logger()


class LifeOver(Exception):
    """This incarnation was reaped: begin another."""


class Life:
    """`run` until drained or over. `inbox` is a registry whose client may block longer than BLOCK_MS."""

    def __init__(
        self,
        tools: Tools,
        registry: WorkerRegistry,
        inbox: WorkerRegistry,
        shape: Shape,
        incarnation: Incarnation,
        alive: Alive | None = None,
    ) -> None:
        self._tools = tools
        self._registry = registry
        self._inbox = inbox
        self._shape = shape
        self._alive = alive or Alive()
        self.incarnation = incarnation
        self._read_to = "0"
        self._beat = 0
        self._sent = 0.0  # when the latest beat was, by the loop's clock
        self._lease = Lease()
        self._running: dict[JobId, tuple[int, Attempt, asyncio.Task[None]]] = {}
        self._unknown: frozenset[JobId] = frozenset()
        self._inbox_read = False  # since the last beat
        self._may_ask = asyncio.Event()
        self._draining = False
        self._outage = redis_outage()
        self._registering, self._asking, self._reading, self._beating = map(
            self._outage.part, ("registering", "asking", "reading the inbox", "beating")
        )

    # -- the life ----------------------------------------------------------------------------------------------
    async def run(self, told_to_stop: asyncio.Event, grace: float) -> None:
        """Raises LifeOver when reaped. `told_to_stop` begins the drain, which takes at most `grace` seconds."""
        if told_to_stop.is_set():
            return
        async with self._alive.waiting():
            beat = await unless(told_to_stop, until_answered(self._register, self._registering))
        if beat is None:  # Redis may have read the call all the same: no job shall wait for this life to be reaped
            await self._leave()
            return
        self._beat = beat
        log.info("worker registered", action="worker.registered", slots=self._shape.slots)
        self._may_ask.set()
        try:
            await self._serve(told_to_stop, grace)
        except* LifeOver:
            log.warning("taken for dead while away; beginning a new life", action="worker.reaped")
            raise LifeOver from None
        await self._leave()

    async def _serve(self, told_to_stop: asyncio.Event, grace: float) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                loops = [tasks.create_task(loop) for loop in self._loops()]
                stop = tasks.create_task(told_to_stop.wait())
                await stop
                await self._drain(grace)
                for task in loops:
                    task.cancel()
        except BaseException:  # whatever ended this life: what it ran would go on without anybody to look after it
            self._stop_all(interrupted=False)
            raise

    def _loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        return self._keep_asking(), self._read_inbox(), self._keep_beating(), self._keep_to_the_lease()

    async def _register(self) -> int:
        sent = asyncio.get_running_loop().time()
        beat = await self._registry.register(self.incarnation, self._shape.slots, self._shape.info)
        self._lease.renew(sent)
        return beat

    async def _drain(self, grace: float) -> None:
        self._draining = True
        log.info("draining", action="worker.draining", running=len(self._running), grace=grace)
        await once(self._registry.ask(self.incarnation, False))
        if self._running:
            await asyncio.wait([task for _, _, task in self._running.values()], timeout=grace)
        if self._running:
            await asyncio.wait(self.hurry(), timeout=GIVE_BACK_SECONDS)

    def hurry(self) -> list[asyncio.Task[None]]:
        """Give back what still runs, now."""
        return self._stop_all(interrupted=True)

    async def _leave(self) -> None:
        """A worker that leaves reaps itself: orders it never read go straight back to the queue."""
        beats = await once(self._registry.beats())
        await once(self._registry.reap(self.incarnation, (beats or {}).get(self.incarnation, self._beat)))
        log.info("worker left", action="worker.left")

    def _stop_all(self, interrupted: bool) -> list[asyncio.Task[None]]:
        for _, attempt, task in self._running.values():
            attempt.interrupted = interrupted
            task.cancel()
        return [task for _, _, task in self._running.values()]

    # -- asking ------------------------------------------------------------------------------------------------
    async def _keep_asking(self) -> None:
        """Ask whenever something ended the asking, as soon as the engine is well; now and then the same again."""
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
        said = ""
        while not (health := await self._health()).ok:
            if health.detail != said:
                log.warning("engine not ready: taking no jobs", action="engine.unwell", detail=health.detail)
                said = health.detail
            await asyncio.sleep(ENGINE_CHECK_SECONDS)
        if said:
            log.info("engine is well again", action="engine.well")

    async def _health(self) -> Health:
        """Whatever an engine answers, this life goes on: one that cannot be read is not well."""
        try:
            return await self._tools.engine.health()
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
                await once(self._tools.jobs.bury(f"inbox:{self.incarnation}", entry, job))

    async def _next_entries(self) -> list[tuple[str, dict[bytes, bytes]]]:
        return await self._inbox.inbox(self.incarnation, self._read_to, BLOCK_MS)

    def _obey(self, order: Order) -> None:
        if order.do == "run":
            self._begin(order)
        elif order.do == "cancel":
            self._cancel(order)
        else:
            log.info("an order of an unknown kind is ignored", action="order.unknown", do=order.do[:LONGEST_WORD])

    def _begin(self, order: Order) -> None:
        held = self._running.get(order.job)
        if self._draining or (held is not None and held[0] >= order.attempt):
            return  # what a draining worker does not start is free again, uncharged, as it leaves
        if held is not None:
            held[2].cancel()
        attempt = Attempt(self._tools, self.incarnation, order, lambda: self._forget_stale(order), self._pause_asking)
        task = asyncio.create_task(self._attend(order, attempt), name=f"attempt {order.job}")
        self._running[order.job] = (order.attempt, attempt, task)
        task.add_done_callback(lambda _: self._ended(order))  # also where it was cancelled before its first step

    def _ended(self, order: Order) -> None:
        if self._running.get(order.job, (0,))[0] == order.attempt:
            del self._running[order.job]

    def _cancel(self, order: Order) -> None:
        held = self._running.get(order.job)
        if held is not None and held[0] <= order.attempt:
            log.info("cancelling", action="job.cancelling", job_id=order.job)
            held[2].cancel()

    def _forget_stale(self, order: Order) -> None:
        held = self._running.get(order.job)
        if held is not None and held[0] == order.attempt:
            log.info("this attempt is not ours any more", action="attempt.stale", job_id=order.job, attempt=held[0])
            held[2].cancel()

    async def _attend(self, order: Order, attempt: Attempt) -> None:
        structlog.contextvars.bind_contextvars(job_id=order.job, attempt=order.attempt)
        began = asyncio.get_running_loop().time()
        try:
            await attempt.run()
            if attempt.ending.completed:
                self._shape.took(asyncio.get_running_loop().time() - began)
        except Exception:  # its job is unknown here from now on, and goes back after two beats
            log.exception("an attempt crashed", action="attempt.crashed")
        finally:
            if attempt.engine_failed:
                self._shape.doubt()
            if attempt.ending.gave_back:
                self._may_ask.set()  # giving back ended the asking

    # -- beats -------------------------------------------------------------------------------------------------
    async def _keep_beating(self) -> None:
        """One every BEAT_SECONDS; one that waited longer for its answer is followed by the next at once."""
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
        """Stop, and give back as soon as anybody hears it, what somebody else may have by now. Answers that only wait
        to be told cost nothing: they wait on."""
        while True:
            await self._lease.lapsed()
            speaking = [(attempt, task) for _, attempt, task in self._running.values() if not attempt.ending.begun]
            log.warning("nobody hears this worker; it stops", action="worker.unheard", stopped=len(speaking))
            for attempt, task in speaking:
                attempt.interrupted = True
                task.cancel()
            await self._lease.renewed()

    async def _beat_once(self) -> None:
        news, loaded = self._shape.news(), self._shape.loaded(a.model for _, a, _ in self._running.values())
        beat = await self._registry.beat(
            self.incarnation, _after(self._read_to), news, self._shape.models_are_news, loaded
        )
        self._shape.told(news)
        if not beat.alive:
            raise LifeOver
        self._beat = beat.number
        if self._inbox_read:  # else their orders may lie there: a connection that was cut takes seconds to be missed
            self._inbox_read = False
            await self._return_unknown(beat.owned - self._running.keys())

    async def _return_unknown(self, unknown: frozenset[JobId]) -> None:
        """Ours by the registry, unknown here for two beats: Redis forgot that they ended, or their orders were lost."""
        before, self._unknown = self._unknown, unknown
        for job in unknown & before:
            await self._return(job)

    async def _return(self, job: JobId) -> None:
        record = await self._tools.jobs.record(job)
        if record is not None and record.owner == self.incarnation and job not in self._running:
            log.warning("a job this worker knows nothing of goes back", action="job.unknown", job_id=job)
            await self._tools.jobs.give_back(job, self.incarnation, record.attempt, "order_lost")
            self._may_ask.set()


def _after(entry: str) -> str:
    """The id right behind `entry`: what the inbox is trimmed to. '' before anything was read."""
    ms, _, seq = entry.partition("-")
    return f"{ms}-{int(seq) + 1}" if seq else ""
