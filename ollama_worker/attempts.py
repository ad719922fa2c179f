"""The attempts that one life runs: begun and cancelled by its orders, and stopped when the life has to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, KeysView
from typing import NamedTuple

import structlog

from ollama_worker.attempt import Attempt
from ollama_worker.kit import Kit
from wire.ids import Incarnation, JobId
from wire.orders import Order

log = structlog.get_logger()


class InFlight(NamedTuple):
    """An attempt that runs. `number` is the attempt's, which grows with every give of its job."""

    number: int
    attempt: Attempt
    task: asyncio.Task[None]


class Attempts:
    """The running attempts of one life, by job.

    `pause` ends the worker's asking until its engine is well; `ask_again` is called after a job was given back, since
    that ends the asking too.
    """

    def __init__(
        self, kit: Kit, incarnation: Incarnation, pause: Callable[[], Awaitable[None]], ask_again: Callable[[], None]
    ) -> None:
        self._kit = kit
        self._incarnation = incarnation
        self._pause = pause
        self._ask_again = ask_again
        self._in_flight: dict[JobId, InFlight] = {}

    @property
    def jobs(self) -> KeysView[JobId]:
        return self._in_flight.keys()

    @property
    def models(self) -> list[str]:
        """The models that the running attempts use."""
        return [running.attempt.model for running in self._in_flight.values()]

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return [running.task for running in self._in_flight.values()]

    def begin(self, order: Order) -> None:
        """Run an order, unless this attempt of its job, or a later one, runs already."""
        held = self._in_flight.get(order.job)
        if held is not None and held.number >= order.attempt:
            return
        if held is not None:
            held.task.cancel()
        attempt = Attempt(self._kit, self._incarnation, order, lambda: self._stop_stale(order), self._pause)
        task = asyncio.create_task(self._attend(order, attempt), name=f"attempt {order.job}")
        self._in_flight[order.job] = InFlight(order.attempt, attempt, task)
        task.add_done_callback(lambda _: self._forget(order))  # also where it was cancelled before its first step

    def cancel(self, order: Order) -> None:
        """Stop what runs of a job that has ended."""
        held = self._in_flight.get(order.job)
        if held is not None and held.number <= order.attempt:
            log.info("cancelling", action="job.cancelling", job_id=order.job)
            held.task.cancel()

    def stop_all(self, interrupted: bool) -> list[asyncio.Task[None]]:
        """Stop every attempt; `interrupted`: each gives its job back. Returns the tasks that end by this."""
        for running in self._in_flight.values():
            running.attempt.interrupted = interrupted
            running.task.cancel()
        return self.tasks

    def stop_generating(self) -> int:
        """Stop the attempts that still generate, and give their jobs back; returns how many.

        Attempts that only wait for Redis to take their end cost nothing, and wait on.
        """
        generating = [running for running in self._in_flight.values() if not running.attempt.ending.begun]
        for running in generating:
            running.attempt.interrupted = True
            running.task.cancel()
        return len(generating)

    def _forget(self, order: Order) -> None:
        held = self._in_flight.get(order.job)
        if held is not None and held.number == order.attempt:
            del self._in_flight[order.job]

    def _stop_stale(self, order: Order) -> None:
        """The log has refused a write of this attempt: another worker has its job."""
        held = self._in_flight.get(order.job)
        if held is not None and held.number == order.attempt:
            log.info("this attempt is stale", action="attempt.stale", job_id=order.job, attempt=held.number)
            held.task.cancel()

    async def _attend(self, order: Order, attempt: Attempt) -> None:
        structlog.contextvars.bind_contextvars(job_id=order.job, attempt=order.attempt)
        began = asyncio.get_running_loop().time()
        try:
            await attempt.run()
            if attempt.ending.completed:
                self._kit.shape.took(asyncio.get_running_loop().time() - began)
        except Exception:  # its job is unknown here from now on, and goes back after two beats
            log.exception("an attempt crashed", action="attempt.crashed")
        finally:
            if attempt.engine_failed:
                self._kit.shape.doubt()
            if attempt.ending.gave_back:
                self._ask_again()
