"""Reads from Redis what is to be recorded of ended jobs, in few trips; a job's output only where a book asks for it."""

from __future__ import annotations

from redis.exceptions import ResponseError

from backend.history.ending import Ending, Output, output_of_result
from wire.events import EVENT, Completed, Failed, LogEntry
from wire.ids import JobId
from wire.jobs import JobPipe
from wire.log import ends_of
from wire.records import JobRecord


async def endings_of(pipe: JobPipe, jobs: list[JobId]) -> dict[JobId, Ending | None]:
    """By job, without their outputs. None: there is no record of the job any more. A job that has not ended is left
    out."""
    records = {job: await _record(pipe, job) for job in jobs}
    ended = [record for record in records.values() if record is not None and not record.live]
    ends = await ends_of(pipe.redis, pipe.keys, ended)
    known = {record.id: Ending(record, _event(ends.get(record.id))) for record in ended}
    return {job: known.get(job) for job in jobs if job in known or records[job] is None}


async def _record(pipe: JobPipe, job: JobId) -> JobRecord | None:
    """None also where a key of another type has the record's name: no script of ours wrote that."""
    try:
        return await pipe.record(job)
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


async def output_of(pipe: JobPipe, ending: Ending) -> Output:
    """A job's result; else what its log holds, as far as the job came before it failed or was cancelled."""
    if ending.record.state == "completed" and (output := output_of_result(ending.record.result)) is not None:
        return output
    summary = await pipe.log(ending.record.id).summary()
    return Output("".join(summary.text), "".join(summary.thinking) or None, summary.tool_calls or None)
