"""Letting a chat in: may they, which model, is there room; then subscribe, accept, and hand over a ticket.

Everything that can refuse a caller happens here, before a response is opened: a refusal is a real status.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Literal, NamedTuple, Protocol

import structlog
from redis.exceptions import RedisError, ResponseError

from backend.chat.disconnect import OnDisconnect
from backend.context import request_id
from backend.errors import ApiError, Invalid, QueueFull, Unavailable, as_api_error
from backend.pool.catalogue import Catalogue
from backend.pool.news import News
from backend.principal import Principal
from backend.relay import Ticket
from backend.threads.turn import Turn
from wire.clock import Clock
from wire.events import START, EventId
from wire.idempotency import Claim, IdempotencyKeys
from wire.jobs import Bounds, JobPipe
from wire.reader import EventReader, Reader
from wire.records import JobClass, JobRecord, JobRequest

ANSWER_SECONDS = 0.9  # Redis away is told within a second
CLOCK_TRIES = 3
PATIENT_TRIES = 40
PATIENT_SECONDS = 3.0
USABLE_KEY = re.compile(r"[\x21-\x7e]{1,200}")
log = structlog.get_logger()


class Submission(NamedTuple):
    """One wish of one caller. `body`: hash of the request as it was sent, which an idempotency key is bound to.

    `turn`: where the question and its answer belong in a thread; None: nobody keeps this chat. `job`: the id that the
    caller has made for it, None: the service makes one. `deadline`: seconds from accept to end, None: the setting's.
    """

    request: JobRequest
    principal: Principal
    on_disconnect: OnDisconnect
    cls: JobClass = "interactive"
    idempotency_key: str | None = None
    body: str = ""
    turn: Turn | None = None
    job: str | None = None
    deadline: float | None = None


class Turns(Protocol):
    """Who keeps the history, as far as letting in needs to know."""

    async def begin(self, turn: Turn, tenant: str, job: str, model: str) -> None:
        """Write the user's words, and that an answer is awaited from `job`. Repeatable. Raises ApiError."""
        ...

    async def refused(self, turn: Turn, job: str, error: ApiError) -> None:
        """The job was not let in."""
        ...


class ChatService:
    def __init__(
        self,
        jobs: JobPipe,
        reader: EventReader,
        keys: IdempotencyKeys,
        clock: Clock,
        catalogue: Catalogue,
        news: News,
        bounds: Bounds,
        turns: Turns,
    ) -> None:
        self._jobs = jobs
        self._reader = reader
        self._keys = keys
        self._clock = clock
        self._news = news
        self._bounds = bounds
        self._turns = turns
        self._later: set[asyncio.Task[None]] = set()
        self.catalogue = catalogue
        self.draining = False

    # -- letting in --------------------------------------------------------------------------------------------
    async def submit(self, wish: Submission) -> Ticket:
        """Accept a job, or join the one that the idempotency key names. Raises ApiError or a Redis error."""
        self._check_open()
        until = _soon_enough()
        async with asyncio.timeout_at(until):
            model = await self.catalogue.resolve(wish.request.model)
            wish = wish._replace(request=wish.request.model_copy(update={"model": model}))
            job, joined = await self._name_job(wish)
        if wish.turn is None:
            return await self._let_in(job, joined, wish, until)
        await self._turns.begin(wish.turn, wish.principal.tenant, job, model)
        try:
            return await self._let_in(job, joined, wish, _soon_enough())
        except Exception as error:
            if not await self._may_be_there(job, joined, error):
                await self._turns.refused(wish.turn, job, as_api_error(error))
            raise

    async def _let_in(self, job: str, joined: bool, wish: Submission, until: float) -> Ticket:
        """Subscribe, then accept. `until`: the loop's time by which its caller is answered."""
        async with asyncio.timeout_at(until):
            ticket = await self._attach(job, wish.request.model, wish.on_disconnect, fresh=not joined)
            try:
                await self._accept(job, wish)
            except BaseException as error:
                await ticket.leave(gone=False)
                if not (joined or isinstance(error, ApiError)):
                    # Its caller is told to try again: what may have got in must not run for nobody.
                    self._soon(self._patiently(lambda: self._jobs.cancel(job, "client_gone")))
                raise
        self._news.soon(ticket.reader)
        return ticket

    async def _may_be_there(self, job: str, joined: bool, error: Exception) -> bool:
        """Whether another request for the same answer got the job in, though this one is refused."""
        if not isinstance(error, ApiError):
            return joined
        with suppress(RedisError, OSError):
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._jobs.record(job) is not None
        return False

    async def enqueue(self, job: str, wish: Submission) -> None:
        """Accept, under an id that its caller made, a job that nobody follows. Raises ApiError or a Redis error."""
        self._check_open()
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._accept(job, wish)

    def _check_open(self) -> None:
        if self.draining:
            raise Unavailable("This server is shutting down; send the request again.", "draining", _retry(1))

    async def _name_job(self, wish: Submission) -> tuple[str, bool]:
        """The job's id, and whether it is one that an earlier request made."""
        mine = Claim(self._jobs.keys.pool, wish.job or str(uuid.uuid4()), wish.body)
        if wish.idempotency_key is None:
            return mine.job, False
        if not USABLE_KEY.fullmatch(wish.idempotency_key):
            raise Invalid("Idempotency-Key must be 1 to 200 printable ASCII characters.", "invalid_idempotency_key")
        claim = await self._keys.claim(wish.principal.id, wish.idempotency_key, mine)
        if claim.body != wish.body:
            raise Invalid("This Idempotency-Key was used with another body; use a new key.", "idempotency_key_reused")
        record = await self._jobs.record(claim.job)
        if record is not None and record.state in ("failed", "cancelled"):
            claim = await self._keys.replace(wish.principal.id, wish.idempotency_key, claim, mine)
        return claim.job, claim != mine

    async def _accept(self, job: str, wish: Submission) -> None:
        for _ in range(CLOCK_TRIES):
            answer = await self._ask_in(job, wish)
            if answer == "ok":
                log.info("job accepted", action="job.accepted", job_id=job, model=wish.request.model)
                return
            if answer != "stepped":
                raise _full(answer)
            await self._clock.tick()
        raise Unavailable("The queue's clock is being put right; try again in a second.", "clock_stepped", _retry(1))

    async def _ask_in(self, job: str, wish: Submission) -> str:
        try:
            return await self._jobs.accept(
                job,
                wish.request,
                self._bounds_of(wish),
                tenant=wish.principal.tenant,
                cls=wish.cls,
                at=self._clock.now(),
                request_id=request_id(),
            )
        except ResponseError as error:
            if "OOM" not in str(error):
                raise
            raise Unavailable(
                "The queue's memory is full; try again later.", "queue_out_of_memory", _retry(5)
            ) from None

    def _bounds_of(self, wish: Submission) -> Bounds:
        return self._bounds if wish.deadline is None else self._bounds._replace(timeout_ms=int(wish.deadline * 1000))

    # -- following ---------------------------------------------------------------------------------------------
    async def follow(self, record: JobRecord, after: EventId, on_disconnect: OnDisconnect) -> Ticket:
        """Attach to a job that is there, and the caller's. Raises CursorUnknown."""
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._reader.check_cursor(record.id, after)
            ticket = await self._attach(record.id, record.model, on_disconnect, after)
        self._news.soon(ticket.reader)
        return ticket

    async def _attach(
        self, job: str, model: str, on_disconnect: OnDisconnect, after: EventId = START, fresh: bool = False
    ) -> Ticket:
        """A ticket for a job's events from `after` on; the subscription stands before this returns."""
        stack = AsyncExitStack()
        reader: Reader = await stack.enter_async_context(self._reader.open(job, after, fresh))

        async def leave(gone: bool) -> None:
            await stack.aclose()
            if gone:
                self._left(job, on_disconnect)

        return Ticket(job, model, reader, leave)

    # -- leaving -----------------------------------------------------------------------------------------------
    def _left(self, job: str, on_disconnect: OnDisconnect) -> None:
        """A caller went away before the end."""
        if on_disconnect.seconds is not None and not self.draining:
            self._soon(self._cancel_later(job, on_disconnect.seconds))

    def _soon(self, work: Coroutine[None, None, None]) -> None:
        """In the background of this process, until it leaves."""
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _cancel_later(self, job: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._patiently(lambda: self._cancel_deserted(job))

    async def _patiently(self, act: Callable[[], Awaitable[object]]) -> None:
        """Do it as soon as Redis answers. A pause is long enough for other API processes to be subscribed again."""
        for _ in range(PATIENT_TRIES):
            with suppress(RedisError, OSError):
                await act()
                return
            await asyncio.sleep(PATIENT_SECONDS)

    async def _cancel_deserted(self, job: str) -> None:
        """Only if nobody else follows it, in any API process; and never because this process is leaving."""
        if not self.draining and await self._reader.deserted(job):
            state = await self._jobs.cancel(job, "client_gone")
            log.info("the caller is gone", action="job.deserted", job_id=job, state=state)

    def drain(self) -> None:
        """This process was told to leave: it lets nothing in any more, and no disconnect cancels a job."""
        self.draining = True

    def close(self) -> None:
        """This process is leaving: jobs whose callers are in their grace run on."""
        for task in self._later:
            task.cancel()


def _soon_enough() -> float:
    """The loop's time by which a caller is told that Redis is away."""
    return asyncio.get_running_loop().time() + ANSWER_SECONDS


def _retry(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}


def _full(answer: str) -> QueueFull:
    whose: Literal["depth", "tenant"] = "tenant" if answer == "full tenant" else "depth"
    told = {
        "depth": "The queue is full; try again when some jobs have ended.",
        "tenant": "Too many of your jobs are waiting; try again when some have started.",
    }
    return QueueFull(told[whose], f"queue_full_{whose}", _retry(5))
