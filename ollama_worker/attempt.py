"""One attempt at one job: start → generate → finish, or give it back. The main hall of the worker.

Per burst of tokens nothing here awaits: the engine's piece goes into the outbox, which sends it in one script call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, NamedTuple

import orjson
import structlog
from pydantic import ValidationError

from ollama_worker.continuation import Earlier, StopStrings, read_earlier, with_rest_of_budget
from ollama_worker.engines.base import (
    Engine,
    EngineError,
    EngineUnavailable,
    Finished,
    Loading,
    Piece,
    StreamCut,
    Unsupported,
)
from ollama_worker.patience import until_answered
from wire.events import Completed, EventId, Failed, LogEntry, Queued, Restarted, Started, Timings, Usage, encode
from wire.jobs import WRONG_SEQ, JobPipe
from wire.records import JobRequest, Order
from wire.writer import EventWriter, Outbox, Stale

log = structlog.get_logger()


class Backoff(NamedTuple):
    """Waiting times between tries of one engine call, before its first token. Seconds."""

    retries: int
    exponential: bool = True
    first: float = 0.5
    longest: float = 10.0

    def delay(self, tried: int) -> float:
        return min(self.longest, self.first * (2**tried if self.exponential else 1))


class Meter:
    """Counts what this process generates, whatever becomes of it. One addition a burst."""

    def __init__(self) -> None:
        self.tokens = 0


class Tools(NamedTuple):
    """What an attempt works with; born once a process."""

    jobs: JobPipe
    writer: EventWriter
    engine: Engine
    backoff: Backoff
    meter: Meter


class Answer:
    """What one attempt has produced so far, earlier attempts' continued text included."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.tool_calls: list[dict[str, Any]] = []
        self.earlier = Earlier()
        self.tokens = 0
        self.began = time.monotonic()
        self.first_token_ms = 0

    def add(self, piece: Piece) -> None:
        if not self.tokens:
            self.first_token_ms = self.elapsed_ms()
        self.tokens += piece.tokens
        if piece.text:
            self.text.append(piece.text)
        if piece.thinking:
            self.thinking.append(piece.thinking)
        if piece.tool_calls:
            self.tool_calls.extend(piece.tool_calls)

    def elapsed_ms(self) -> int:
        return int((time.monotonic() - self.began) * 1000)

    def result(self) -> bytes:
        body: dict[str, Any] = {"text": self.earlier.text + "".join(self.text)}
        if self.thinking:
            body["thinking"] = "".join(self.thinking)
        if self.tool_calls:
            body["tool_calls"] = self.tool_calls
        return orjson.dumps(body)


class Attempt:
    """Runs one order to its end. Cancel its task to stop it; `interrupted` set before gives the job back."""

    def __init__(self, tools: Tools, incarnation: str, order: Order, on_stale: Callable[[], None]) -> None:
        self._tools = tools
        self._address = (order.job, incarnation, order.attempt)
        self._started = encode(Started(attempt=order.attempt, worker=incarnation, model=order.model))
        self._outbox = Outbox(tools.writer, self._address, self._started, on_stale)
        self._answer = Answer()
        self._queued_ms = 0
        self.interrupted = False
        self.gave_back = False
        self.completed = False

    async def run(self) -> None:
        """Never raises for what an engine or a request does wrong; a stale attempt ends without a trace."""
        try:
            await self._run()
        except Stale:
            log.info("another attempt has this job now", action="attempt.stale")
        except asyncio.CancelledError:
            if self.interrupted:
                await self._give_back("interrupted")
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
        try:
            await self._execute(JobRequest.model_validate_json(begun.request))
        except ValidationError:
            await self._fail("undecodable", "The job's request does not decode.", dead=True)
        except EngineError as error:
            await self._engine_failed(error)
        except (Stale, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("the engine failed in a way nobody foresaw", action="attempt.crashed")
            await self._give_back("internal_error", ("internal_error", "The worker failed; its log says how."))

    async def _execute(self, request: JobRequest) -> None:
        if request.kind != "chat":
            return await self._fail("unsupported", f"This worker cannot do jobs of kind {request.kind!r}.")
        rest, prefill = await self._take_up(request)
        if prefill and rest.options.get("num_predict") == 0:
            return await self._complete(rest, Finished("length"))
        try:
            end = await self._generate(rest, prefill)
        except Unsupported:
            if not prefill or self._answer.tokens:
                raise
            end = await self._begin_anew(request)
        await self._complete(request, end)

    async def _begin_anew(self, request: JobRequest) -> Finished:
        """The engine found, on a closer look, that it cannot go on behind this text."""
        self._answer.earlier = Earlier()
        self._outbox.put_event(Restarted())
        return await self._generate(request, "")

    async def _take_up(self, request: JobRequest) -> tuple[JobRequest, str]:
        """Look at what earlier attempts said: go on behind it where that is sound, else declare it void."""
        if self._address[2] == 1:
            return request, ""
        earlier = read_earlier(await until_answered(self._log))
        if not earlier.anything:
            return request, ""
        if earlier.other or not request.plain or not await self._tools.engine.can_continue(request.model):
            self._outbox.put_event(Restarted())
            return request, ""
        self._answer.earlier = earlier
        log.info("continuing behind the text so far", action="attempt.continued", tokens=earlier.tokens)
        return with_rest_of_budget(request, earlier), earlier.text

    async def _log(self) -> list[LogEntry]:
        jobs = self._tools.jobs
        rows: Any = await jobs.redis.xrange(jobs.keys.events(self._address[0]))
        return [LogEntry(EventId.parse(name), fields.get(b"e", b"")) for name, fields in rows]

    async def _generate(self, request: JobRequest, prefill: str) -> Finished:
        """Call the engine, again with backoff while it fails before its first token."""
        tried = 0
        while True:
            try:
                return await self._stream(request, prefill)
            except EngineError as error:
                if not error.retryable or self._answer.tokens or tried >= self._tools.backoff.retries:
                    raise
                delay = self._tools.backoff.delay(tried)
                log.warning("engine call failed, trying again", action="engine.retry", code=error.code, delay=delay)
                await asyncio.sleep(delay)
                tried += 1

    async def _stream(self, request: JobRequest, prefill: str) -> Finished:
        put, add, meter = self._outbox.put, self._answer.add, self._tools.meter
        stops = StopStrings(request, prefill) if prefill else None
        async with aclosing(self._tools.engine.generate(request, prefill)) as stream:  # type: ignore[type-var]
            async for item in stream:
                if type(item) is Piece:
                    meter.tokens += item.tokens
                    if stops is not None:
                        item = item._replace(text=stops.cut(item.text))
                    add(item)
                    if any(item[:4]):
                        put(*item)
                    if stops is not None and stops.found:
                        return Finished("stop", completion_tokens=self._answer.tokens)
                elif type(item) is Loading:
                    await self._say_loading()
                elif type(item) is Finished:
                    return item
        raise StreamCut("The engine's stream ended without an end mark.")

    async def _say_loading(self) -> None:
        news = encode(Queued(position=0, reason="loading_model"))
        await until_answered(lambda: self._tools.jobs.note(*self._address, "loading_model", news))

    async def _engine_failed(self, error: EngineError) -> None:
        if isinstance(error, EngineUnavailable) and not self._answer.tokens:
            await self._give_back(error.message)
        elif error.retryable:
            await self._give_back(error.message, (error.code, error.message))
        else:
            await self._fail(error.code, error.message)

    async def _complete(self, request: JobRequest, end: Finished) -> None:
        answer = self._answer
        generated = max(end.completion_tokens, answer.tokens)
        total = answer.elapsed_ms()
        seconds = (end.generate_ms or max(1, total - answer.first_token_ms)) / 1000
        event = Completed(
            finish_reason=end.reason,
            # A continued prompt holds the earlier text, which the caller gets as answer: count it there only.
            usage=Usage(
                prompt_tokens=max(0, end.prompt_tokens - answer.earlier.tokens),
                completion_tokens=answer.earlier.tokens + generated,
            ),
            timings=Timings(
                queued_ms=self._queued_ms,
                load_ms=end.load_ms,
                prompt_ms=end.prompt_ms,
                first_token_ms=answer.first_token_ms,
                generate_ms=end.generate_ms,
                total_ms=total,
            ),
            tokens_per_second=round(generated / seconds, 2),
            model=request.model,
        )
        await self._end("completed", encode(event), result=answer.result())
        self.completed = True
        log.info("job completed", action="job.completed", tokens=generated, total_ms=total)

    async def _fail(self, code: str, message: str, dead: bool = False) -> None:
        log.warning("job failed", action="job.failed", code=code)
        await self._end("failed", encode(Failed(code=code, message=message)), why=code, dead=dead)

    async def _end(self, state: Any, body: bytes, why: str = "", result: bytes = b"", dead: bool = False) -> None:
        """Write the terminal event behind everything else; if Redis forgot some of that, send it again first."""
        while True:
            seq = await self._outbox.drained()
            finish = self._tools.jobs.finish
            ended = await until_answered(
                lambda: finish(*self._address, seq, state, body, why=why, result=result, dead=dead)  # noqa: B023
            )
            if ended != WRONG_SEQ:
                return
            await self._outbox.resend()

    async def _give_back(self, why: str, charged: tuple[str, str] | None = None) -> None:
        log.warning("job given back", action="job.given_back", why=why, charged=bool(charged))
        self.gave_back = True
        give_back = self._tools.jobs.give_back
        await until_answered(lambda: give_back(*self._address, why, charged))
