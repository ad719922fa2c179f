"""How a job goes on in another pool: it ends here as `rerouted`, then it is accepted there under the same id.

The two pools share no script, so there are two steps. The worker that ended the job takes the second one at once; where
it died between the two, whoever reads `finished` does. Both call `carry_on`, which makes everything of the record that
the first step left, and `accept` lets a job in once, however often it is asked.

A job is in a pool once: `accept` would take its second coming for a lost reply. So what is left of its fallbacks names
no pool that it has left.
"""

from __future__ import annotations

from typing import cast

from wire.events import EVENT, Rerouted
from wire.ids import JobId
from wire.jobs import Bounds, JobPipe
from wire.keys import Keys
from wire.records import JobClass, JobRecord, JobRequest, Target

UNBOUNDED = 1 << 40  # it was let in once, and is not refused now


async def carry_on(jobs: JobPipe, job: JobId) -> Target | None:
    """Let a job that left this pool as `rerouted` into the pool that it was sent to, once; that pool and model.

    None: it did not leave this pool like that, or nobody knows any more where it went or what it asks. Raises Redis's
    error where that is away or full: ask again.
    """
    record = await jobs.record(job)
    target = await destination(jobs, record) if record is not None and record.why == "rerouted" else None
    if record is None or target is None:
        return None
    try:
        request = onward(JobRequest.model_validate_json(record.request), jobs.keys.pool, target)
    except ValueError:
        return None
    there = JobPipe(jobs.redis, Keys(target.pool))
    left_ms = max(0, record.due - await jobs.now())
    await there.accept(
        job,
        request,
        Bounds(UNBOUNDED, UNBOUNDED, record.max_attempts, left_ms),
        tenant=record.tenant,
        principal=record.principal,
        cls=cast(JobClass, record.cls),
        request_id=record.request_id,
        keep_ms=record.keep_ms,
        base=record.attempt,
        outline=record.outline,
    )
    return target


async def destination(jobs: JobPipe, record: JobRecord) -> Target | None:
    """Where a rerouted job went, as the last event of its log here tells; None where that is gone."""
    end = await jobs.log(record.id).end(record.end)
    if record.forgotten or end is None:
        return None
    try:
        event = EVENT.validate_json(end.body)
    except ValueError:
        return None
    return Target(pool=event.pool, model=event.model) if isinstance(event, Rerouted) else None


def onward(request: JobRequest, pool: str, target: Target) -> JobRequest:
    """The request as `target` gets it from `pool`: its model, and those fallbacks that are behind it and not here."""
    places = list(request.fallback)
    behind = places[places.index(target) + 1 :] if target in places else []
    left = tuple(place for place in behind if place.pool != pool)
    return request.model_copy(update={"model": target.model, "fallback": left})
