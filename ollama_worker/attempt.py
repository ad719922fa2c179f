"""One attempt at one job: start → execute → finish, or give it back. The main hall of the worker.

Per burst of tokens nothing here awaits: the engine's piece goes into the outbox, which sends it in one script call.
Where an engine fails before the first token the job goes on as its next alternative (`fallback.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

import structlog
from pydantic import ValidationError

from ollama_worker.answer import Answer
from ollama_worker.continuation import Earlier, StopStrings, earlier_of, with_rest_of_budget
from ollama_worker.ending import Ending
from ollama_worker.engines.base import (
    EngineBusy,
    EngineError,
    EngineMissing,
    EngineUnavailable,
    Finished,
    Loading,
    Piece,
    StreamCut,
    Unsupported,
)
from ollama_worker.fallback import FAULTS, as_other_model, as_spoken, next_place
from ollama_worker.patience import once, until_answered
from ollama_worker.tools import Tools
from ollama_worker.vectors import bursts
from wire.events import Queued, Rerouted, Restarted, Started, encode
from wire.ids import Incarnation
from wire.records import ANY_MODEL, JobRequest, Order, Target
from wire.writer import Outbox, Stale

T = TypeVar("T")
BUSY_GIVES = 10  # some minutes of an engine that rests in between: longer than a provider's limit by the minute lasts
log = structlog.get_logger()


class Attempt:
    """Runs one order to its end. Cancel its task to stop it; `interrupted` set before gives the job back.

    `on_stale` is called once when the log refuses a write; `pause` ends the worker's asking until its engine is well.
    """

    def __init__(
        self,
        tools: Tools,
        incarnation: Incarnation,
        order: Order,
        on_stale: Callable[[], None],
        pause: Callable[[], Awaitable[None]],
    ) -> None:
        self._tools = tools
        self._pool = tools.jobs.keys.pool
        self._pause = pause
        self._address = (order.job, incarnation, order.attempt)
        self._started = encode(Started(attempt=order.attempt, worker=incarnation, model=order.model))
        self._outbox = Outbox(tools.writer, self._address, self._started, on_stale)
        self._answer = Answer()
        self.ending = Ending(tools.jobs, self._address, self._outbox)
        self._queued_ms = 0
        self._broke: EngineError | None = None  # how it failed once a connection was made: that costs a try
        self._in_trouble = False  # an engine of this pool has failed lately: a success may mend a circuit
        self.model = order.model  # what runs; an alternative's, where the job goes on as one
        self.interrupted = False
        self.engine_failed = False

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
        begun = await until_answered(lambda: self._tools.jobs.start(*self._address, self._started))
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
            await self._execute_somehow(ask)
        except (Stale, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("the engine failed in a way nobody foresaw", action="attempt.crashed")
            await self.ending.give_back("internal_error", ("internal_error", "The worker failed; its log says how."))

    async def _execute_somehow(self, ask: JobRequest) -> None:
        """Execute it; as its next alternative, for as long as the engine fails and nothing has been said."""
        while True:
            self.model = ask.model
            try:
                return await self._execute(ask)
            except EngineError as error:
                await self._trip(error)
                place = None if self._answer.spoken else next_place(ask, error, self._pool)
                if place is None:
                    return await self._engine_failed(error)
                if place.pool != self._pool:
                    return await self._leave(error, place)
                model = place.model if place.model != ANY_MODEL else await self._any_model()
                if not model:
                    return await self._engine_failed(error)
                await self._stay(error, model)
                ask = as_other_model(ask, model)

    async def _execute(self, ask: JobRequest) -> None:
        if ask.kind == "embed":
            await self._embed(ask)
        elif ask.kind == "count":
            await self._count(ask)
        else:
            await self._say(ask)

    async def _say(self, ask: JobRequest) -> None:
        ask, prefill = await self._take_up(ask)
        rest = with_rest_of_budget(ask, self._answer.earlier) if prefill else ask
        if prefill and rest.options.get("num_predict") == 0:
            return await self._complete(Finished("length"), self._answer.result())
        try:
            end = await self._generate(rest, prefill)
        except Unsupported:
            if not prefill or self._answer.begun:
                raise
            end = await self._begin_anew(ask)
        await self._complete(end, self._answer.result())

    async def _embed(self, ask: JobRequest) -> None:
        ask, _ = await self._take_up(ask)  # a half of them that an earlier attempt wrote is void
        found = await self._patiently(lambda: self._tools.engine.embed(ask))
        for event in bursts(found.vectors):
            await self._outbox.drained()
            self._outbox.put_event(event)
        await self._complete(Finished("stop", prompt_tokens=found.prompt_tokens, load_ms=found.load_ms))

    async def _count(self, ask: JobRequest) -> None:
        tokens = await self._patiently(lambda: self._tools.engine.count(ask))
        await self._complete(Finished("stop", prompt_tokens=tokens))

    async def _begin_anew(self, ask: JobRequest) -> Finished:
        """The engine found, on a closer look, that it cannot go on behind this text."""
        self._answer.earlier = Earlier(spoken=True)
        self._outbox.put_event(Restarted())
        return await self._generate(ask, "")

    async def _take_up(self, ask: JobRequest) -> tuple[JobRequest, str]:
        """Look at what earlier attempts said: go on behind it where that is sound, else declare it void.

        What the model that spoke had begun, it goes on with or begins anew: no other model's words follow its own.
        """
        if self._address[2] == 1:
            return ask, ""
        log_of_job = self._tools.jobs.log(self._address[0])
        earlier = earlier_of(await until_answered(log_of_job.summary))
        self._answer.earlier = Earlier(spoken=earlier.spoken)  # at once: what fails from here on is not rerouted
        same = as_spoken(ask, earlier.model, self._pool) if earlier.spoken else ask
        ask = same or ask
        self.model = ask.model
        if not earlier.anything:
            return ask, ""
        if same is None or not await self._may_continue(ask, earlier):
            self._answer.earlier = Earlier(spoken=True)
            self._outbox.put_event(Restarted())
            return ask, ""
        self._answer.earlier = earlier
        log.info("continuing behind the text so far", action="attempt.continued", tokens=earlier.tokens)
        return ask, earlier.text

    async def _may_continue(self, ask: JobRequest, earlier: Earlier) -> bool:
        return not earlier.other and ask.plain and await self._tools.engine.can_continue(ask.model)

    async def _generate(self, ask: JobRequest, prefill: str) -> Finished:
        return await self._patiently(lambda: self._stream(ask, prefill))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call the engine, again with backoff while it fails before its first token."""
        tried = 0
        while True:
            try:
                return await call()
            except EngineError as error:
                self._broke = error if error.suspect and not isinstance(error, EngineMissing) else self._broke
                if not error.retryable or self._answer.begun or tried >= self._most_tries(error):
                    raise
                delay = self._tools.backoff.delay(tried)
                log.warning("engine call failed, trying again", action="engine.retry", code=error.code, delay=delay)
                await asyncio.sleep(delay)
                tried += 1

    def _most_tries(self, error: EngineError) -> int:
        retries = self._tools.backoff.retries
        return retries if error.again is None else min(retries, error.again)

    async def _stream(self, ask: JobRequest, prefill: str) -> Finished:
        put, add, meter = self._outbox.put, self._answer.add, self._tools.meter
        stops = StopStrings(ask, prefill) if prefill else None
        async with aclosing(self._tools.engine.generate(ask, prefill)) as stream:  # type: ignore[type-var]
            async for item in stream:
                if type(item) is Piece:
                    meter.tokens += item.tokens
                    if stops is not None:
                        item = item._replace(text=stops.cut(item.text))
                    add(item)
                    if any(item[:4]):
                        put(*item)
                    if stops is not None and stops.found:
                        return Finished("stop", completion_tokens=self._answer.tokens, stop_sequence=stops.found)
                    if self._answer.too_long:
                        log.warning("an answer without an end is cut", action="attempt.cut", tokens=self._answer.tokens)
                        return Finished("length", completion_tokens=self._answer.tokens)
                elif type(item) is Loading:
                    await self._say_loading()
                elif type(item) is Finished:
                    return item
        raise StreamCut("The engine's stream ended without an end mark.")

    async def _say_loading(self) -> None:
        news = encode(Queued(position=0, reason="loading_model"))
        await until_answered(lambda: self._tools.jobs.note(*self._address, "loading_model", news))

    async def _trip(self, error: EngineError) -> None:
        """Tell everybody of what speaks against the engine; not of what speaks against this request. What may be the
        one or the other counts once a job."""
        if error.code in FAULTS:
            self.engine_failed = self._in_trouble = True
            blamed = self._address[0] if error.suspect else None
            await once(self._tools.circuits.trip(self._tools.engine.name, self.model, error.code, blamed))

    async def _any_model(self) -> str:
        """The first model of this engine that chats, "" where it has none or does not answer."""
        try:
            models = await self._tools.engine.store.models()
        except EngineError:
            return ""
        return next((model.name for model in models if "completion" in (model.capabilities or ("completion",))), "")

    async def _stay(self, error: EngineError, model: str) -> None:
        log.warning("going on with another model", action="job.rerouted", model=model, code=error.code)
        await self._outbox.drained()
        self._outbox.put_event(Rerouted(pool=self._pool, model=model, reason=error.code))

    async def _leave(self, error: EngineError, place: Target) -> None:
        if isinstance(error, EngineUnavailable):
            await self._pause()  # before the slot is free: the next job would only follow this one
        await self.ending.leave_for(place, error.code)

    async def _engine_failed(self, error: EngineError) -> None:
        """An engine that is away has nothing else to tell, and those who wait read it. Of one that answered, the queue
        and the logs get the code alone: its message may hold what the model said, and goes into the end's event."""
        if isinstance(error, EngineUnavailable) and not self._answer.begun:
            if not await self._costs_a_try(error):
                return await self.ending.give_back(error.message, behind=isinstance(error, EngineBusy))
            error = self._broke or error
        if error.retryable:
            await self.ending.give_back(error.code, (error.code, error.message))
        else:
            await self.ending.fail(error.code, error.message)

    async def _costs_a_try(self, error: EngineUnavailable) -> bool:
        """Nothing is charged for an engine that is away. It was not where a connection broke before nobody accepted
        another, nor where it is well as soon as it is asked, nor where it has been too busy for this job all along."""
        if self._broke or not isinstance(error, EngineBusy | EngineMissing):
            return bool(self._broke)
        return self._address[2] > BUSY_GIVES or (await self._tools.engine.health()).ok

    async def _complete(self, end: Finished, result: bytes = b"") -> None:
        await self.ending.complete(self._answer.completed(self.model, end, self._queued_ms), result)
        if self._in_trouble:
            await once(self._tools.circuits.mend(self._tools.engine.name, self.model))
