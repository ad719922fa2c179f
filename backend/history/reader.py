"""Reads from Redis what is to be recorded of ended jobs, in few trips and without a look at any token that is not asked
for."""

from __future__ import annotations

from redis.exceptions import ResponseError

from backend.history.ending import Ending, Said, said_of_result
from wire.events import EVENT, Completed, Failed, LogEntry
from wire.ids import JobId
from wire.jobs import JobPipe
from wire.log import ends_of
from wire.records import JobRecord


async def endings(jobs: JobPipe, names: list[JobId]) -> dict[JobId, Ending | None]:
    """By job; None: there is no record of it any more. A job that has not ended is left out."""
    found = {name: await _record(jobs, name) for name in names}
    ended = [record for record in found.values() if record is not None and not record.live]
    ends = await ends_of(jobs.redis, jobs.keys, ended)
    known = {record.id: Ending(record, _event(ends.get(record.id))) for record in ended}
    return {name: known.get(name) for name in names if name in known or found[name] is None}


async def _record(jobs: JobPipe, name: JobId) -> JobRecord | None:
    """None also where a key of another type has its name: that is none of ours."""
    try:
        return await jobs.record(name)
    except ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        return None


def _event(entry: LogEntry | None) -> Completed | Failed | None:
    try:
        event = EVENT.validate_json(entry.body) if entry is not None else None
    except ValueError:
        return None
    return event if isinstance(event, Completed | Failed) else None


async def said(jobs: JobPipe, ending: Ending) -> Said:
    """What a job said: its result; else what its log holds, as far as it came before it failed or was cancelled."""
    if ending.record.state == "completed" and (result := said_of_result(ending.record.result)) is not None:
        return result
    summary = await jobs.log(ending.record.id).summary()
    return Said("".join(summary.text), "".join(summary.thinking) or None, summary.tool_calls or None)
