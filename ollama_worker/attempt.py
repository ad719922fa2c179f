"""One attempt at one job: start → execute → finish, or give it back. The main hall of the worker.

Where an engine fails before the first token, the job goes on as its next alternative (`fallback.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from pydantic import ValidationError

from ollama_worker.ending import Ending
from ollama_worker.engines.base import EngineBusy, EngineError, EngineMissing, EngineUnavailable, Finished
from ollama_worker.execution import Execution
from ollama_worker.fallback import FAULTS, as_other_model, next_place
from ollama_worker.kit import Kit
from ollama_worker.patience import once, until_answered
from wire.events import Rerouted, Started, encode
from wire.ids import Incarnation
from wire.orders import Order
from wire.records import ANY_MODEL, JobRequest, Target
from wire.writer import Outbox, Stale

BUSY_GIVES = 10  # some minutes of an engine that rests in between: longer than a provider's limit by the minute lasts
log = structlog.get_logger()


class Attempt:
    """One order, run to its end. Cancel its task to stop it; set `interrupted` before, and it gives the job back.

    `on_stale` is called once when the log refuses a write; `pause` ends the worker's asking until its engine is well.
    """

    def __init__(
        self,
        kit: Kit,
        incarnation: Incarnation,
        order: Order,
        on_stale: Callable[[], None],
        pause: Callable[[], Awaitable[None]],
    ) -> None:
        self._kit = kit
        self._pause = pause
        self._job = order.job
        self._number = order.attempt
        self._address = (order.job, incarnation, order.attempt)
        self._started = encode(Started(attempt=order.attempt, worker=incarnation, model=order.model))
        self._outbox = Outbox(kit.writer, self._address, self._started, on_stale)
        self._execution = Execution(kit, self._address, self._outbox, order.model)
        self.ending = Ending(kit.jobs, self._address, self._outbox)
        self._queued_ms = 0
        self._in_trouble = False  # an engine of this pool has failed lately: a success may mend a circuit
        self.interrupted = False
        self.engine_failed = False

    @property
    def model(self) -> str:
        """The model that runs: an alternative's, where the job goes on as one."""
        return self._execution.model

    async def run(self) -> None:
        """Never raises for what an engine or a request does wrong; a stale attempt ends without a trace."""
        try:
            await self._run()
        except Stale:
            log.info("another attempt has this job now", action="attempt.stale")
        except asyncio.CancelledError:
            if self.interrupted:
                await self.ending.give_back("interrupted")
            raise
        finally:
            self._outbox.close()

    async def _run(self) -> None:
        begun = await until_answered(lambda: self._kit.jobs.start(*self._address, self._started))
        if begun is None:
            raise Stale
        structlog.contextvars.bind_contextvars(request_id=begun.request_id)
        log.info("attempt started", action="attempt.started", tries=begun.tries)
        self._queued_ms = max(0, begun.now - begun.accepted)
        self._in_trouble = bool(begun.circuits)
        try:
            ask = JobRequest.model_validate_json(begun.request)
        except ValidationError:
            return await self.ending.fail("undecodable", "The job's request does not decode.", dead=True)
        try:
            await self._execute(ask)
        except (Stale, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("the engine failed in an unforeseen way", action="attempt.crashed")
            await self.ending.give_back("internal_error", ("internal_error", "The worker failed; its log says how."))

    async def _execute(self, ask: JobRequest) -> None:
        """Execute the ask; then as its next alternative, while the engine fails and no token has gone out."""
        while True:
            try:
                return await self._complete(*await self._execution.run(ask))
            except EngineError as error:
                await self._trip(error)
                place = None if self._execution.answer.spoken else next_place(ask, error, self._kit.pool)
                if place is None:
                    return await self._engine_failed(error)
                if place.pool != self._kit.pool:
                    return await self._leave(error, place)
                model = place.model if place.model != ANY_MODEL else await self._any_model()
                if not model:
                    return await self._engine_failed(error)
                await self._stay(error, model)
                ask = as_other_model(ask, model)

    async def _complete(self, end: Finished, result: bytes) -> None:
        await self.ending.complete(self._execution.answer.completed(self.model, end, self._queued_ms), result)
        if self._in_trouble:
            await once(self._kit.circuits.mend(self._kit.engine.name, self.model))

    # -- when the engine fails ---------------------------------------------------------------------------------
    async def _trip(self, error: EngineError) -> None:
        """Report a failure that speaks against the engine, not one that speaks against this request. A failure that may
        be the fault of either counts once for each job."""
        if error.code in FAULTS:
            self.engine_failed = self._in_trouble = True
            blamed = self._job if error.suspect else None
            await once(self._kit.circuits.trip(self._kit.engine.name, self.model, error.code, blamed))

    async def _any_model(self) -> str:
        """The first model of this engine that chats; "" where it has none or does not answer."""
        try:
            models = await self._kit.engine.store.models()
        except EngineError:
            return ""
        return next((model.name for model in models if "completion" in (model.capabilities or ("completion",))), "")

    async def _stay(self, error: EngineError, model: str) -> None:
        log.warning("going on with another model", action="job.rerouted", model=model, code=error.code)
        await self._outbox.drained()
        self._outbox.put_event(Rerouted(pool=self._kit.pool, model=model, reason=error.code))

    async def _leave(self, error: EngineError, place: Target) -> None:
        if isinstance(error, EngineUnavailable):
            await self._pause()  # before the slot is free: the next job would only follow this one
        await self.ending.leave_for(place, error.code)

    async def _engine_failed(self, error: EngineError) -> None:
        """End the attempt, or give its job back.

        The message of an engine that is away goes into the note that waiting callers read: it holds nothing else. The
        message of one that answered may hold the model's text: the note and the logs get the code alone, and only the
        terminal event gets the message.
        """
        if isinstance(error, EngineUnavailable) and not self._execution.answer.begun:
            if not await self._costs_a_try(error):
                return await self.ending.give_back(error.message, behind=isinstance(error, EngineBusy))
            error = self._execution.broke or error
        if error.retryable:
            await self.ending.give_back(error.code, (error.code, error.message))
        else:
            await self.ending.fail(error.code, error.message)

    async def _costs_a_try(self, error: EngineUnavailable) -> bool:
        """An engine that is away costs no try. It was not away where a connection broke before another was refused, nor
        where its health is good as soon as it is read, nor where it was too busy for this job all along."""
        broke = self._execution.broke
        if broke or not isinstance(error, EngineBusy | EngineMissing):
            return bool(broke)
        return self._number > BUSY_GIVES or (await self._kit.engine.health()).ok
