"""Admission: a submission gets its route and its job's id, and then the queue accepts the job or refuses it."""

from __future__ import annotations

import structlog
from redis.exceptions import RedisError

from backend.chat.answers import Answers
from backend.chat.gates.bound import refusal
from backend.chat.naming import Naming, new_job
from backend.chat.submission import Ready, Submission
from backend.entrance.context import request_id
from backend.errors import Unavailable, queue_refuses
from backend.pool.pools import Found, Pools
from backend.routing.affinity import affinity_of
from backend.routing.route import Route, joined
from backend.routing.router import Router
from wire.records import Target

CLOCK_TRIES = 3
log = structlog.get_logger()


class Admission:
    """Routes, names and accepts the jobs of one process."""

    def __init__(self, pools: Pools, router: Router, naming: Naming, answers: Answers) -> None:
        self._pools = pools
        self._router = router
        self._naming = naming
        self._answers = answers

    # -- before it is accepted ---------------------------------------------------------------------------------
    async def prepare(self, submission: Submission) -> Ready:
        """Raises ApiError for what cannot be accepted at all."""
        ask = submission.ask
        route = await self._router.route(ask, submission.cls, overflow=submission.overflow, trimmed=submission.trimmed)
        answer = self._answers.key(submission, route)
        if answer and (kept := await self._answers.find(answer, submission, route.model)):
            return Ready(submission, _joined(kept, "cache"), kept.record.id, kept.pool, False, kept, answer)
        ready = Ready(submission, route, new_job(), self._pools.named(route.pool), fresh=True, answer=answer)
        if submission.named:
            ready = await self._naming.name(ready)
        if ready.joins is not None:
            return ready._replace(route=_joined(ready.joins, "join"))
        route = route.into(ready.pool.name)
        affinity = affinity_of(ask, submission.conversation) if submission.cls == "interactive" else ""
        ask = route.of(ask).model_copy(update={"affinity": affinity})
        return ready._replace(submission=submission._replace(ask=ask), route=route)

    # -- accepted ----------------------------------------------------------------------------------------------
    async def accept(self, ready: Ready) -> None:
        """Accept the job, once for each id: a job that is there already stays as it is. Raises ApiError or a Redis
        error."""
        for _ in range(CLOCK_TRIES):
            answer = await self._ask_queue(ready)
            if answer == "ok":
                return await self._accepted(ready)
            if answer != "stepped":
                raise refusal(answer)
            await ready.pool.clock.tick()
        text = "The queue's clock is being put right; try again in a second."
        raise Unavailable(text, "clock_stepped", {"Retry-After": "1"})

    async def _ask_queue(self, ready: Ready) -> str:
        submission, pool = ready.submission, ready.pool
        try:
            return await pool.jobs.accept(
                ready.job,
                submission.ask,
                submission.bounds,
                tenant=submission.caller.tenant,
                principal=submission.caller.principal,
                cls=submission.cls,
                at=pool.clock.now(),
                request_id=request_id(),
                outline=b"" if submission.keeps_ask else submission.ask.outline,
            )
        except RedisError as error:
            raise queue_refuses(error) or error from None

    async def _accepted(self, ready: Ready) -> None:
        model, pool = ready.submission.ask.model, ready.pool.name
        log.info("job accepted", action="job.accepted", job_id=ready.job, pool=pool, model=model)
        self._router.sent(ready.route)
        if ready.answer:
            await self._answers.keep(ready.answer, ready.job, ready.submission)


def _joined(found: Found, by: str) -> Route:
    """The route of a job that an earlier request has submitted."""
    return joined(Target(pool=found.pool.name, model=found.record.model))._replace(by=by)
