"""How one attempt makes its answer: it calls the engine, and sends what comes to the log.

Per burst of tokens nothing here awaits: the engine's piece goes into the outbox, which sends it in one script call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

import structlog

from ollama_worker.answer import Answer
from ollama_worker.continuation import Earlier, StopStrings, earlier_of, with_rest_of_budget
from ollama_worker.engines.base import (
    EngineError,
    EngineMissing,
    Finished,
    Loading,
    Piece,
    StreamCut,
    Unsupported,
)
from ollama_worker.fallback import as_begun
from ollama_worker.kit import Kit
from ollama_worker.patience import until_answered
from ollama_worker.vectors import bursts
from wire.events import Queued, Restarted, encode
from wire.ids import AttemptId
from wire.records import JobRequest
from wire.writer import Outbox

T = TypeVar("T")
log = structlog.get_logger()


class Execution:
    """The work of one attempt at the engine. `run` may be called again, with an alternative, after an `EngineError`."""

    def __init__(self, kit: Kit, address: AttemptId, outbox: Outbox, model: str) -> None:
        self._kit = kit
        self._address = address
        self._outbox = outbox
        self.answer = Answer()
        self.model = model  # the model that runs: the ask's, or an alternative's
        self.broke: EngineError | None = None  # a failure after a connection was made: such a failure costs a try

    async def run(self, ask: JobRequest) -> tuple[Finished, bytes]:
        """Make the answer; returns the engine's end mark, and the result for the job's record.

        Raises `EngineError`, and any unforeseen error of an engine.
        """
        self.model = ask.model
        if ask.kind == "embed":
            return await self._embed(ask), b""
        if ask.kind == "count":
            tokens = await self._patiently(lambda: self._kit.engine.count(ask))
            return Finished("stop", prompt_tokens=tokens), b""
        return await self._chat(ask), self.answer.result()

    async def _chat(self, ask: JobRequest) -> Finished:
        ask, prefill = await self._take_up(ask)
        rest = with_rest_of_budget(ask, self.answer.earlier) if prefill else ask
        if prefill and rest.options.get("num_predict") == 0:
            return Finished("length")
        try:
            return await self._generate(rest, prefill)
        except Unsupported:
            if not prefill or self.answer.begun:
                raise
            return await self._begin_anew(ask)

    async def _embed(self, ask: JobRequest) -> Finished:
        ask, _ = await self._take_up(ask)  # some of the vectors, which an earlier attempt wrote, are void
        embeddings = await self._patiently(lambda: self._kit.engine.embed(ask))
        for event in bursts(embeddings.vectors):
            await self._outbox.drained()
            self._outbox.put_event(event)
        return Finished("stop", prompt_tokens=embeddings.prompt_tokens, load_ms=embeddings.load_ms)

    # -- behind earlier attempts -------------------------------------------------------------------------------
    async def _take_up(self, ask: JobRequest) -> tuple[JobRequest, str]:
        """Read what earlier attempts wrote: continue behind it where that is sound, else declare it void.

        Returns the ask for the model that runs, and the text to continue behind. The model that began the answer goes
        on with it, or begins it anew: no other model's words follow its own.
        """
        if self._address[2] == 1:
            return ask, ""
        log_of_job = self._kit.jobs.log(self._address[0])
        earlier = earlier_of(await until_answered(log_of_job.summary))
        self.answer.earlier = Earlier(spoken=earlier.spoken)  # at once: a failure from here on is not rerouted
        begun = as_begun(ask, earlier.model, self._kit.pool) if earlier.spoken else ask
        ask = begun or ask
        self.model = ask.model
        if not earlier.anything:
            return ask, ""
        if begun is None or not await self._may_continue(ask, earlier):
            self._declare_void()
            return ask, ""
        self.answer.earlier = earlier
        log.info("continuing behind the text so far", action="attempt.continued", tokens=earlier.tokens)
        return ask, earlier.text

    async def _may_continue(self, ask: JobRequest, earlier: Earlier) -> bool:
        return not earlier.other and ask.plain and await self._kit.engine.can_continue(ask.model)

    async def _begin_anew(self, ask: JobRequest) -> Finished:
        """The engine has found, on a closer look, that it cannot continue behind this text."""
        self._declare_void()
        return await self._generate(ask, "")

    def _declare_void(self) -> None:
        self.answer.earlier = Earlier(spoken=True)
        self._outbox.put_event(Restarted())

    # -- calls of the engine -----------------------------------------------------------------------------------
    async def _generate(self, ask: JobRequest, prefill: str) -> Finished:
        return await self._patiently(lambda: self._stream(ask, prefill))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call the engine, again with backoff while it fails before its first token."""
        tried = 0
        while True:
            try:
                return await call()
            except EngineError as error:
                self.broke = error if error.suspect and not isinstance(error, EngineMissing) else self.broke
                if not error.retryable or self.answer.begun or tried >= self._most_tries(error):
                    raise
                delay = self._kit.backoff.delay(tried)
                log.warning("engine call failed, trying again", action="engine.retry", code=error.code, delay=delay)
                await asyncio.sleep(delay)
                tried += 1

    def _most_tries(self, error: EngineError) -> int:
        retries = self._kit.backoff.retries
        return retries if error.again is None else min(retries, error.again)

    async def _stream(self, ask: JobRequest, prefill: str) -> Finished:
        put, add, meter = self._outbox.put, self.answer.add, self._kit.meter
        stops = StopStrings(ask, prefill) if prefill else None
        async with aclosing(self._kit.engine.generate(ask, prefill)) as stream:  # type: ignore[type-var]
            async for item in stream:
                if type(item) is Piece:
                    meter.tokens += item.tokens
                    if stops is not None:
                        item = item._replace(text=stops.cut(item.text))
                    add(item)
                    if any(item[:4]):
                        put(*item)
                    if stops is not None and stops.found:
                        return Finished("stop", completion_tokens=self.answer.tokens, stop_sequence=stops.found)
                    if self.answer.too_long:
                        log.warning("an answer without an end is cut", action="attempt.cut", tokens=self.answer.tokens)
                        return Finished("length", completion_tokens=self.answer.tokens)
                elif type(item) is Loading:
                    await self._note_loading()
                elif type(item) is Finished:
                    return item
        raise StreamCut("The engine's stream ended without an end mark.")

    async def _note_loading(self) -> None:
        news = encode(Queued(position=0, reason="loading_model"))
        await until_answered(lambda: self._kit.jobs.note(*self._address, "loading_model", news))
