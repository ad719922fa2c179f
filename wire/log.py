"""The log of a job: its events as they lie in Redis, and the sum of them.

Logs are read here by everything but the live path (`reader.py`, `writer.py`): by the API's pages, relay and recorder,
and by a worker that takes up what an earlier attempt has written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from wire.events import START, TERMINAL, EventId, LogEntry, counted, entries_of
from wire.ids import JobId
from wire.keys import Keys
from wire.records import JobRecord

LISTS = ("tool_calls", "logprobs", "embeddings")  # of a token
PAGE = 1_000  # entries a read: between two reads the process serves its streams


class EventLog:
    """The event log of one job in one pool. Each method raises Redis's error where Redis is away."""

    def __init__(self, redis: Redis, keys: Keys, job: JobId) -> None:
        self._redis = redis
        self._key = keys.events(job)

    async def page(self, after: EventId = START, limit: int = PAGE) -> list[LogEntry]:
        """Up to `limit` entries behind `after`, in order; [] at the end of the log."""
        return entries_of(await self._redis.xrange(self._key, min=f"({after}", count=limit))

    async def first(self, count: int) -> list[LogEntry]:
        """The first `count` entries, or as many as there are."""
        return await self.page(START, count)

    async def end(self, id: str) -> LogEntry | None:
        """The entry of this id, which is `end` of a job's record; None for "" and where the log is gone."""
        entries = entries_of(await self._redis.xrange(self._key, id, id)) if id else []
        return entries[0] if entries else None

    async def last_id(self) -> EventId:
        """The id of the last entry; START for a log without any."""
        entries = entries_of(await self._redis.xrevrange(self._key, count=1))
        return (entries[0].id if entries else None) or START

    async def summary(self, page_size: int = PAGE) -> Summary:
        """The sum of all entries, read page by page."""
        summary, last = Summary(), START
        while entries := await self.page(last, page_size):
            summary.fold(entries)
            last = entries[-1].id or last
        return summary


async def ends_of(redis: Redis, keys: Keys, records: Sequence[JobRecord]) -> dict[JobId, LogEntry]:
    """The terminal events of those jobs that have ended, for as long as their logs are kept. One round trip for all."""
    ended = [record for record in records if record.end]
    trip = redis.pipeline(transaction=False)
    for record in ended:
        trip.xrange(keys.events(record.id), record.end, record.end)
    answers: list[Any] = await trip.execute(raise_on_error=False) if ended else []
    logs = [[] if isinstance(answer, ResponseError) else entries_of(answer) for answer in answers]
    return {record.id: log[0] for record, log in zip(ended, logs, strict=True) if log}


class Summary:
    """What a job has produced so far: the sum of its log's entries, folded in their order.

    Output is a list of parts for each kind of it, to be joined; what attempts before the last `restarted` wrote is void
    and left out. A value that no worker of ours writes (a text that is none) is left out as well, and noted.
    """

    def __init__(self) -> None:
        self.end: dict[str, Any] = {}  # the fields of the terminal event
        self.restarts = 0
        self.spoken = False  # a token was logged, even if it is void by now
        self.model = ""  # the model of this pool that the job was rerouted to; "" the request's own
        self._void()

    def _void(self) -> None:
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.tool_calls: list[dict[str, Any]] = []
        self.logprobs: list[dict[str, Any]] = []
        self.embeddings: list[str] = []
        self.tokens = 0  # of the model
        self.strange = False  # an entry does not decode, or holds a value of a wrong type

    def fold(self, entries: Iterable[LogEntry]) -> None:
        """Add these entries, which follow those that were added before."""
        for entry in entries:
            self._fold(entry.fields())

    def _fold(self, fields: dict[str, Any]) -> None:
        kind = fields.get("type")
        if kind == "token":  # the only one that comes often
            self._add_token(fields)
        elif kind == "restarted":
            self.restarts += 1
            self._void()
        elif kind == "rerouted":
            self.model = self._typed(fields.get("model"), str)
        elif kind == "started" and not self.spoken:  # each attempt begins with the request's own model
            self.model = ""
        elif isinstance(kind, str) and kind in TERMINAL:
            self.end = fields
        elif not fields:
            self.strange = True

    def _add_token(self, fields: dict[str, Any]) -> None:
        self.spoken = True
        self.tokens += counted(fields["n"]) if "n" in fields else 1
        if "text" in fields:
            self.text.append(self._typed(fields["text"], str))
        if "thinking" in fields:
            self.thinking.append(self._typed(fields["thinking"], str))
        for name in LISTS:
            if name in fields:
                getattr(self, name).extend(self._typed(fields[name], list))

    def _typed(self, value: Any, kind: type) -> Any:
        """The value, or an empty one of that type."""
        if isinstance(value, kind):
            return value
        self.strange = self.strange or value is not None
        return kind()
