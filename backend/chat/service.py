"""Letting a chat in: through the gates, by which route; then subscribe, accept, and hand over a ticket.

Everything that can refuse a caller happens here, before a response is opened: a refusal is a real status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

from redis.exceptions import RedisError
from starlette.requests import Request

from backend.chat.admission import Admission
from backend.chat.deserted import Deserted
from backend.chat.disconnect import OnDisconnect
from backend.chat.gates import Gates
from backend.chat.party import Party, Ticket
from backend.chat.standing import headers_of
from backend.chat.submission import Ready, Submission, Turns
from backend.errors import ApiError, as_api_error
from backend.pool.news import News
from backend.pool.pools import Pool, Pools
from backend.pool.trail import Trails, pool_of
from wire.events import START, EventId
from wire.ids import JobId
from wire.reader import JobLost
from wire.records import JobRecord

AT_ONCE = 16  # jobs of one request that are submitted side by side: each has less than a second, also on a busy machine
LEFT = (("cancelled", "client_gone"), ("cancelled", "refused"))  # how a job ends that its last caller has left


class LeftBehind(JobLost):
    """A job that was to be joined is cancelled, since its last caller has left. Another job is made, once."""


class ChatService:
    """Submits jobs and follows them. `answer_seconds`: how long a caller waits for the answer that Redis is away."""

    def __init__(
        self,
        pools: Pools,
        trails: Trails,
        news: News,
        gates: Gates,
        admission: Admission,
        turns: Turns,
        answer_seconds: float,
    ) -> None:
        self._pools = pools
        self._trails = trails
        self._news = news
        self._gates = gates
        self._admission = admission
        self._turns = turns
        self.answer_seconds = answer_seconds
        self._deserted = Deserted(pools)

    # -- submitting --------------------------------------------------------------------------------------------
    async def submit(self, submission: Submission) -> Ticket:
        """Accept a job, or join the job that the submission names. Raises ApiError or a Redis error."""
        until = self._soon_enough()
        async with asyncio.timeout_at(until):
            submission = await self._gates.admit(submission)
            ready = await self._admission.prepare(submission)
        if submission.turn is None:
            try:
                return await self._let_in(ready, until)
            except LeftBehind:
                async with asyncio.timeout_at(until):
                    ready = await self._admission.prepare(submission)
                return await self._let_in(ready, until)
        await self._turns.begin(submission.turn, submission.caller.tenant, ready.job, ready.route.model)
        try:
            return await self._let_in(ready, self._soon_enough())
        except Exception as error:
            if not await self._may_be_there(ready, error):
                await self._turns.refused(submission.turn, ready.job, as_api_error(error))
            raise

    async def submit_all(self, submissions: Sequence[Submission]) -> Party:
        """The jobs of one request, each with a ticket, in order; or none, and the first refusal raised: then the jobs
        that this request made are cancelled, unless another request has joined them."""
        if len(submissions) == 1:
            return Party([await self.submit(submissions[0])])
        room = asyncio.Semaphore(AT_ONCE)

        async def submit(number: int, submission: Submission) -> Ticket:
            async with room:
                return await self.submit(submission._replace(part=f"#{number}"))

        trips = [submit(number, submission) for number, submission in enumerate(submissions)]
        answers = await asyncio.gather(*trips, return_exceptions=True)
        party = Party([answer for answer in answers if isinstance(answer, Ticket)])
        for answer in answers:
            if isinstance(answer, BaseException):
                await self._withdraw(party)
                raise answer
        return party

    async def _withdraw(self, party: Party) -> None:
        """Leave all jobs of a request that is refused. The jobs that it made are cancelled as soon as Redis answers; a
        job of an earlier request loses a caller, as by a disconnect."""
        for ticket in party.tickets:
            await ticket.leave(gone=ticket.joins)
            if not ticket.joins:
                self._deserted.refused(ticket.job)

    async def enqueue(self, job: JobId, submission: Submission) -> None:
        """Accept, under an id that its caller made, a job that no caller follows. Raises ApiError or a Redis error."""
        async with asyncio.timeout(self.answer_seconds):
            submission = await self._gates.admit(submission._replace(job=job, idempotency_key=None))
            await self._accept(await self._admission.prepare(submission))

    def _soon_enough(self) -> float:
        """The loop's time by which a caller gets the answer that Redis is away."""
        return asyncio.get_running_loop().time() + self.answer_seconds

    async def _let_in(self, ready: Ready, until: float) -> Ticket:
        """Subscribe, then accept. `until`: the loop's time by which the caller is answered."""
        async with asyncio.timeout_at(until):
            on_disconnect = ready.submission.on_disconnect
            ticket = await self._attach(ready.pool, ready.job, ready.route.model, on_disconnect, fresh=ready.fresh)
            try:
                await self._accept(ready)
                await self._check_alive(ready)
            except BaseException as error:
                await ticket.leave(gone=False)
                if ready.fresh and not isinstance(error, ApiError):
                    self._give_up(ready)
                raise
        ticket.joins = ready.joins is not None
        self._news.soon(ticket.reader)
        with suppress(RedisError, OSError):  # the caller gets a job that is accepted, with or without its way
            ticket.headers |= await headers_of(self._pools.named(ready.route.pool), ready.job, ready.route)
        if ready.answer:
            ticket.headers["X-Sluice-Cache"] = "miss" if ready.joins is None else "hit"
        return ticket

    def _give_up(self, ready: Ready) -> None:
        """The caller has to try again, although the job may have been accepted.

        With an idempotency key the next try finds the job, and a caller who wants jobs to run on without a caller wants
        that of this job too. Without a key no caller ever learns of the job.
        """
        if ready.submission.idempotency_key is None:
            self._deserted.withdraw(ready.job)
        else:
            self._deserted.left(ready.job, ready.submission.on_disconnect)

    async def _accept(self, ready: Ready) -> None:
        """A job that another request submitted is there already."""
        if ready.joins is None:
            await self._admission.accept(ready)

    async def _check_alive(self, ready: Ready) -> None:
        """Raises LeftBehind for a job that ended because its last caller left, just before this caller came to it."""
        if ready.joins is None or not ready.joins.record.live or ready.submission.turn is not None:
            return
        with suppress(RedisError, OSError):
            now = await self._pools.find(ready.job)
            if now is not None and (now.record.state, now.record.why) in LEFT:
                raise LeftBehind(ready.job)

    async def _may_be_there(self, ready: Ready, error: Exception) -> bool:
        """Whether another request for the same answer has submitted the job, although this request is refused."""
        if not isinstance(error, ApiError):
            return not ready.fresh
        with suppress(RedisError, OSError):
            async with asyncio.timeout(self.answer_seconds):
                return await self._pools.find(ready.job) is not None
        return False

    # -- following ---------------------------------------------------------------------------------------------
    async def follow(self, record: JobRecord, after: EventId, on_disconnect: OnDisconnect) -> Ticket:
        """Attach to a job that is there, and the caller's. Raises CursorUnknown, and JobLost where it is gone again."""
        async with asyncio.timeout(self.answer_seconds):
            path = await self._pools.path(record.id)
            if not path:
                raise JobLost(record.id)
            ticket = await self._attach(await pool_of(path, after), record.id, record.model, on_disconnect, after)
        self._news.soon(ticket.reader)
        return ticket

    async def _attach(
        self,
        pool: Pool,
        job: JobId,
        model: str,
        on_disconnect: OnDisconnect,
        after: EventId = START,
        fresh: bool = False,
    ) -> Ticket:
        """A ticket for a job's events from `after` on; the subscription stands before this returns."""
        stack = AsyncExitStack()
        reader = await stack.enter_async_context(self._trails.follow(pool, job, after, fresh))

        async def leave(gone: bool) -> None:
            await stack.aclose()
            if gone:
                self._deserted.left(job, on_disconnect)

        return Ticket(job, model, reader, leave)

    # -- leaving -----------------------------------------------------------------------------------------------
    @property
    def draining(self) -> bool:
        return self._gates.drain.closed

    def drain(self) -> None:
        """This process is to leave: it lets nothing in any more, and no disconnect cancels a job."""
        self._gates.drain.close()
        self._deserted.stop()

    def close(self) -> None:
        """This process is leaving: jobs whose callers are in their grace run on."""
        self._deserted.close()


def chat_of(request: Request) -> ChatService:
    chat: ChatService = request.state.chat
    return chat
