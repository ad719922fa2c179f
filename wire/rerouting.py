"""How a job goes on in another pool: it ends here as `rerouted`, then it is accepted there under the same id.

The two pools share no script, so there are two steps. The worker that ended the job takes the second step at once;
where the worker died between the two, a reader of `finished` takes it. Both call `carry_on`, which needs only the
record that the first step left, and `accept` accepts a job once, however often it is called.

A job is in a pool once, because `accept` would take its second arrival for a repeated call. So the remaining fallbacks
of a job contain no pool that it has left.
"""

from __future__ import annotations

from typing import cast

from wire.events import EVENT, Rerouted
from wire.ids import JobId
from wire.jobs import Bounds, JobPipe
from wire.keys import Keys
from wire.records import JobClass, JobRecord, JobRequest, Target

UNBOUNDED = 1 << 40  # the job was accepted once, and is not refused now


async def carry_on(jobs: JobPipe, job: JobId) -> Target | None:
    """Accept a job that left this pool as `rerouted` in the pool to which it was sent, once; returns pool and model.

    None: the job did not leave this pool, or its target or its request is gone. Raises Redis's error where Redis is
    away or full: call again.
    """
    record = await jobs.record(job)
    target = await destination(jobs, record) if record is not None and record.why == "rerouted" else None
    if record is None or target is None:
        return None
    try:
        ask = onward(JobRequest.model_validate_json(record.request), jobs.keys.pool, target)
    except ValueError:
        return None
    there = JobPipe(jobs.redis, Keys(target.pool))
    left_ms = max(0, record.due - await jobs.now())
    await there.accept(
        job,
        ask,
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
    """The target of a rerouted job, from the last event of its log here; None where that event is gone."""
    end = await jobs.log(record.id).end(record.end)
    if record.forgotten or end is None:
        return None
    try:
        event = EVENT.validate_json(end.body)
    except ValueError:
        return None
    return Target(pool=event.pool, model=event.model) if isinstance(event, Rerouted) else None


def onward(ask: JobRequest, pool: str, target: Target) -> JobRequest:
    """The request that goes from `pool` to `target`: the target's model, and the fallbacks after it in other pools."""
    places = list(ask.fallback)
    behind = places[places.index(target) + 1 :] if target in places else []
    left = tuple(place for place in behind if place.pool != pool)
    return ask.model_copy(update={"model": target.model, "fallback": left})
