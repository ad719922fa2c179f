"""The queue's door: a job is accepted, or refused with what its caller can do about it."""

from __future__ import annotations

import structlog
from redis.exceptions import RedisError

from backend.chat.submission import Submission
from backend.dialects.responses.request import is_stored
from backend.entrance.context import request_id
from backend.errors import QueueFull, Unavailable, queue_refuses
from backend.pool.pools import Pool
from wire.ids import JobId
from wire.jobs import Bounds

CLOCK_TRIES = 3
log = structlog.get_logger()


class Admission:
    """`bounds`: what every job is held against."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds

    async def accept(self, pool: Pool, job: JobId, wish: Submission) -> None:
        """Once for each id: a job that is there already stays as it is. Raises ApiError or a Redis error."""
        for _ in range(CLOCK_TRIES):
            answer = await self._ask_in(pool, job, wish)
            if answer == "ok":
                log.info("job accepted", action="job.accepted", job_id=job, pool=pool.name, model=wish.request.model)
                return
            if answer != "stepped":
                raise _full(answer)
            await pool.clock.tick()
        raise Unavailable("The queue's clock is being put right; try again in a second.", "clock_stepped", retry(1))

    async def _ask_in(self, pool: Pool, job: JobId, wish: Submission) -> str:
        try:
            return await pool.jobs.accept(
                job,
                wish.request,
                self._bounds_of(wish),
                tenant=wish.principal.tenant,
                principal=wish.principal.id,
                cls=wish.cls,
                at=pool.clock.now(),
                request_id=request_id(),
                outline=b"" if is_stored(wish.request) else wish.request.outline,
            )
        except RedisError as error:
            raise queue_refuses(error) or error from None

    def _bounds_of(self, wish: Submission) -> Bounds:
        return self._bounds if wish.deadline is None else self._bounds._replace(timeout_ms=int(wish.deadline * 1000))


def retry(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}


def _full(answer: str) -> QueueFull:
    if answer == "full tenant":
        told = "Too many of your jobs are waiting; try again when some have started."
        return QueueFull(told, "queue_full_tenant", retry(5))
    if answer == "full bytes":
        message = "The requests that wait are too large together; try again when some have been answered."
        return QueueFull(message, "queue_full_bytes", retry(5))
    return QueueFull("The queue is full; try again when some jobs have ended.", "queue_full_depth", retry(5))
