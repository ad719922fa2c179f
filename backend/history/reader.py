"""Reads from Redis what is to be recorded of ended jobs, in few trips and without a look at any token that is not asked
for."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from backend.history.ending import Ending, Said, said_of_result
from wire.decoding import json_object
from wire.events import EVENT, Completed, Failed
from wire.ids import JobId
from wire.jobs import JobPipe
from wire.records import JobRecord

PAGE = 1_000  # log entries a read: between two reads the process serves its streams


async def endings(jobs: JobPipe, names: list[JobId]) -> dict[JobId, Ending | None]:
    """By job; None: there is no record of it any more. A job that has not ended is left out."""
    found = {name: await _record(jobs, name) for name in names}
    ended = [record for record in found.values() if record is not None and not record.live]
    events = await _terminal_events(jobs, ended)
    known = {record.id: Ending(record, event) for record, event in zip(ended, events, strict=True)}
    return {name: known.get(name) for name in names if name in known or found[name] is None}


async def _record(jobs: JobPipe, name: JobId) -> JobRecord | None:
    """None also where a key of another type has its name: that is none of ours."""
    try:
        return await jobs.record(name)
    except ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        return None


async def _terminal_events(jobs: JobPipe, records: list[JobRecord]) -> list[Completed | Failed | None]:
    async with jobs.redis.pipeline(transaction=False) as trip:
        for record in records:
            trip.xrange(jobs.keys.events(record.id), record.end or "0-1", record.end or "0-1")
        found: list[Any] = await trip.execute(raise_on_error=False) if records else []
    return [_event(entries) for entries in found]


def _event(entries: list[Any] | Exception) -> Completed | Failed | None:
    if isinstance(entries, Exception) and not isinstance(entries, ResponseError):
        raise entries
    if isinstance(entries, Exception) or not entries:
        return None
    try:
        event = EVENT.validate_json(entries[0][1][b"e"])
    except (ValueError, KeyError):
        return None
    return event if isinstance(event, Completed | Failed) else None


async def said(jobs: JobPipe, ending: Ending) -> Said:
    """What a job said: its result; else what its log holds, as far as it came before it failed or was cancelled."""
    if ending.record.state == "completed" and (result := said_of_result(ending.record.result)) is not None:
        return result
    return await said_of_log(jobs.redis, jobs.keys.events(ending.record.id))


async def said_of_log(redis: Redis, key: str) -> Said:
    """The tokens of a log joined, from the last `restarted` on."""
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Any] = []
    after = "-"
    while entries := await _page(redis, key, after):
        for _, fields in entries:
            event = json_object(fields.get(b"e"))
            if event.get("type") == "restarted":
                texts, thoughts, calls = [], [], []
            elif event.get("type") == "token":
                texts.append(_word(event.get("text")))
                thoughts.append(_word(event.get("thinking")))
                calls += _list(event.get("tool_calls"))
        after = f"({entries[-1][0].decode()}"
    return Said("".join(texts), "".join(thoughts) or None, calls or None)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


async def _page(redis: Redis, key: str, after: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    page: Any = await redis.xrange(key, min=after, count=PAGE)
    return list(page)
