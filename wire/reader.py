"""The API's end of a log: a reader gets the log from its cursor on, then live events, no gap and no event twice.

One subscriber connection per process (`FanIn`) is fanned out to its readers. A reader awaits the subscription's
confirmation, reads the log from its cursor, then takes live events and drops those that are not behind the cursor.
After a gap, a reconnect, an overflow or ten seconds of silence it reads the log again. Where Redis has forgotten
events, the reader reports that and never skips them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from wire.events import START, STARTED_PREFIX, TERMINAL, EventId, LogEntry, Restarted, encode, entries_of
from wire.ids import JobId
from wire.keys import Keys
from wire.link import Link, LinkLost, Resp
from wire.records import Target

SILENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.9
BUFFER_BYTES = 256 * 1024  # of one slow client in memory; with more, its reader reads the log instead
PAGE = 256  # log entries a read
PATIENCE_SECONDS = 3.0  # a worker sends again the events that a restarted Redis lost; until then a cursor may be ahead

# The one event of a reader that is in no log.
VOID = LogEntry(None, encode(Restarted(reason="log_lost")))


class JobLost(Exception):
    """Redis has no log of this job: it lost its last seconds, the log has outlived its day, or it was forgotten."""


class CursorUnknown(Exception):
    """The cursor is the id of no entry of this log. `last`: the log's last id."""

    def __init__(self, last: EventId) -> None:
        super().__init__(f"no such event; the log ends at {last}")
        self.last = last


class _Subscriber(Resp):
    """The connection of all subscriptions: a message goes to the readers of its channel, all else is a confirmation or
    a reply."""

    def __init__(self, readers: dict[bytes, list[Reader]], confirmed: dict[bytes, asyncio.Future[None]]) -> None:
        super().__init__()
        self._readers = readers
        self._confirmed = confirmed

    def received(self, reply: Any) -> None:
        kind = reply[0] if type(reply) is list else None
        if kind == b"message":
            for reader in self._readers.get(reply[1], ()):
                reader.feed(reply[2])
        elif kind == b"subscribe":
            self._confirm(reply[1])
        elif kind == b"pong":  # how a connection with subscriptions answers PING
            super().received(b"PONG")
        elif kind != b"unsubscribe":
            super().received(reply)

    def _confirm(self, channel: bytes) -> None:
        waiting = self._confirmed.pop(channel, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


class FanIn:
    """The subscriptions of one process. A channel is subscribed while it has readers, and again after a reconnect."""

    def __init__(self, url: str) -> None:
        self._readers: dict[bytes, list[Reader]] = {}
        self._confirmed: dict[bytes, asyncio.Future[None]] = {}
        self.link: Link[_Subscriber] = Link(url, lambda: _Subscriber(self._readers, self._confirmed), self._again)

    async def run(self) -> None:
        """Keep the connection, and wake readers that got nothing for too long."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.link.run())
            tasks.create_task(self._wake_the_silent())

    @property
    def readers(self) -> list[Reader]:
        return [reader for readers in self._readers.values() for reader in readers]

    async def add(self, channel: bytes, reader: Reader) -> None:
        """Returns once Redis has confirmed the subscription; raises LinkLost while it is away."""
        connection = self.link.connection
        if connection is None:
            raise LinkLost("not connected to Redis")
        readers = self._readers.setdefault(channel, [])
        readers.append(reader)
        if len(readers) == 1:
            self._confirmed[channel] = asyncio.get_running_loop().create_future()
            connection.send("SUBSCRIBE", channel)
        if channel in self._confirmed:
            await asyncio.shield(self._confirmed[channel])

    def remove(self, channel: bytes, reader: Reader) -> None:
        readers = self._readers.get(channel, [])
        if reader in readers:
            readers.remove(reader)
        if not readers and self._readers.pop(channel, None) is not None:
            self._confirmed.pop(channel, None)
            if self.link.connection is not None:
                self.link.connection.send("UNSUBSCRIBE", channel)

    async def settled(self) -> None:
        """Returns once Redis has carried out every subscription change sent so far."""
        if self.link.connection is not None:
            await self.link.connection.call("PING")

    async def _again(self, connection: _Subscriber) -> None:
        """After a (re)connect: subscribe every channel anew, and let every reader look in the log for missed events."""
        channels = list(self._readers)
        for channel in channels:
            self._confirmed.setdefault(channel, asyncio.get_running_loop().create_future())
        if channels:
            connection.send("SUBSCRIBE", *channels)
        await connection.call("PING")  # answered after the confirmations
        if left := [channel for channel in channels if channel not in self._readers]:  # meanwhile
            connection.send("UNSUBSCRIBE", *left)
        for reader in self.readers:
            reader.look_again()

    async def _wake_the_silent(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            latest = loop.time() - SILENCE_SECONDS
            for reader in self.readers:
                if reader.given < latest:
                    reader.look_again()


class Reader:
    """One caller's view of one job's events: call `next_burst` until it returns None."""

    def __init__(self, redis: Redis, keys: Keys, job: JobId, cursor: EventId, fresh: bool = False) -> None:
        self.job = job
        self.cursor = cursor
        self._redis = redis
        self._keys = keys
        self._live: list[LogEntry] = []
        self._held = 0  # bytes in _live
        self._news: LogEntry | None = None  # only the latest counts
        self._behind = not fresh  # the log must be read
        self._last_body = b""  # of the entry at the cursor, to know it again after Redis came back
        self._ahead_since: float | None = None
        self.at_end = False  # the terminal event was given
        self.rerouted: Target | None = None  # the job goes on there, and this log ends without its end
        self._ended = False  # or the caller is gone
        self._sleeper: asyncio.Future[None] | None = None  # an Event would cost as much again as the rest of a wake-up
        self._loop = asyncio.get_running_loop()
        self.given = self._loop.time()  # when the caller last got anything

    # -- fed by the process ------------------------------------------------------------------------------------
    @property
    def quiet(self) -> bool:
        """No event is on its way to the caller, so news may be sent."""
        return not (self._live or self._ended)

    @property
    def waiting(self) -> bool:
        """No token has come yet, or none for a while, and the caller may want to know why."""
        if not self._last_body or self._last_body.startswith(STARTED_PREFIX):
            return True
        return self._loop.time() - self.given > PAUSE_SECONDS

    def feed(self, message: bytes) -> None:
        """A message of this job's channel: `<id> <body>`, or `- <body>` for news."""
        name, _, body = message.partition(b" ")
        if name == b"-":
            self.tell(LogEntry(None, body))
        elif not self._behind:  # otherwise the log is about to be read, and has this entry
            try:
                attempt, seq = name.split(b"-")
                self._live.append(LogEntry(EventId(int(attempt), int(seq)), body))
            except ValueError:  # no script published that; the log has the events
                return self.look_again()
            self._held += len(message)
            if self._held > BUFFER_BYTES:
                self._behind = True
            self._wake()

    def tell(self, news: LogEntry) -> None:
        """Send news, which replaces older news that was not read yet."""
        self._news = news
        self._wake()

    def look_again(self) -> None:
        """Read the log at the next turn, because an event may have been missed."""
        self._behind = True
        self._wake()

    def hang_up(self) -> None:
        """The caller is gone: the next burst is None."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    # -- read by the caller ------------------------------------------------------------------------------------
    async def next_burst(self) -> list[LogEntry] | None:
        """The new events in order; [] after ten silent seconds (time for a keep-alive); None once the end was returned.

        The end is the job's own (`at_end`), or the event with which it left this pool (`rerouted`).

        Raises JobLost when Redis has forgotten the job.
        """
        while not self._ended:
            if not (self._live or self._behind or self._news):
                self._sleeper = self._loop.create_future()
                await self._sleeper
                continue
            news, self._news = self._news, None
            burst = await self._take_logged() if self._behind else self._take_live()
            now = self._loop.time()
            if burst or news or now - self.given >= SILENCE_SECONDS:
                self.given = now
                return [news, *burst] if news else burst
        return None

    def _take_live(self) -> list[LogEntry]:
        entries, self._live, self._held = self._live, [], 0
        burst = []
        for entry in entries:
            if entry.id is None or entry.id <= self.cursor:
                continue
            if not self._follows(entry.id):
                self.look_again()
                break
            self._advance(entry)
            burst.append(entry)
        return burst

    def _follows(self, id: EventId) -> bool:
        attempt, seq = self.cursor
        return (id.attempt == attempt and id.seq == seq + 1) or (id.attempt > attempt and id.seq == 0)

    def _advance(self, entry: LogEntry) -> None:
        self.cursor, self._last_body = entry.id or self.cursor, entry.body
        if not entry.is_token:
            self._end_at(entry.fields())

    def _end_at(self, fields: dict[str, Any]) -> None:
        kind, pool, model = (fields.get(name) for name in ("type", "pool", "model"))
        if isinstance(kind, str) and kind in TERMINAL:
            self.at_end = self._ended = True
        elif kind == "rerouted" and pool != self._keys.pool and isinstance(pool, str) and isinstance(model, str):
            self.rerouted, self._ended = Target(pool=pool, model=model), True

    async def _take_logged(self) -> list[LogEntry]:
        """A page of the log from the cursor on. Live entries are gathered from now on: none falls between."""
        self._live, self._held, self._behind = [], 0, False
        try:
            return await self._read_on(await self._page())
        except (RedisError, OSError):
            await self._breathe()  # away; the fan-in's reconnect wakes every reader as well
            return []

    async def _read_on(self, page: list[LogEntry]) -> list[LogEntry]:
        if self.cursor != START:
            if not page or page[0].id != self.cursor or self._last_body not in (b"", page[0].body):
                return await self._log_is_behind(void=bool(page))
            self._advance(page[0])  # a caller who resumes behind the end has nothing to wait for
            page = page[1:]
        self._ahead_since = None
        for entry in page:
            self._advance(entry)
        if len(page) >= PAGE:
            self._behind = True
        return page or await self._still_there()

    async def _page(self) -> list[LogEntry]:
        rows: Any = await self._redis.xrange(self._keys.events(self.job), min=str(self.cursor), count=PAGE + 1)
        return entries_of(rows)

    async def _still_there(self) -> list[LogEntry]:
        state, forgotten = await self._redis.hmget(self._keys.job(self.job), ["state", "forgotten"])
        if not state or forgotten:
            raise JobLost(self.job)
        return []

    async def _log_is_behind(self, void: bool) -> list[LogEntry]:
        """Redis came back with fewer events than were read. The worker sends them again; if not in time, they are void.

        `void`: the log goes on behind the cursor without the cursor's event. Ids only grow, so that will never come.
        """
        await self._still_there()
        now = self._loop.time()
        self._ahead_since = self._ahead_since or now
        if not void and now - self._ahead_since < PATIENCE_SECONDS:
            await self._breathe()
            return []
        self.cursor, self._last_body, self._ahead_since = START, b"", None
        self._behind = True
        return [VOID]

    async def _breathe(self) -> None:
        self._behind = True
        await asyncio.sleep(0.1)


class EventReader:
    """Opens readers of one pool's jobs."""

    def __init__(self, redis: Redis, keys: Keys, fan_in: FanIn) -> None:
        self._redis = redis
        self._keys = keys
        self._fan_in = fan_in

    @asynccontextmanager
    async def open(self, job: JobId, after: EventId = START, fresh: bool = False) -> AsyncIterator[Reader]:
        """A reader of what follows `after`, subscribed before the log is read. Raises LinkLost without Redis.

        `fresh`: the job does not exist yet, so there is no log to read before the first live event.
        """
        reader = Reader(self._redis, self._keys, job, after, fresh)
        channel = self._keys.live(job).encode()
        try:
            await self._fan_in.add(channel, reader)
            yield reader
        finally:
            self._fan_in.remove(channel, reader)

    async def check_cursor(self, job: JobId, after: EventId) -> None:
        """Raises CursorUnknown where `after` is no id of this log."""
        key = self._keys.events(job)
        if after == START or await self._redis.xrange(key, min=str(after), max=str(after)):
            return
        last: Any = await self._redis.xrevrange(key, count=1)
        entries = entries_of(last)
        raise CursorUnknown(entries[0].id or START if entries else START)

    async def deserted(self, job: JobId) -> bool:
        """True where no reader of this job is attached in any API process."""
        await self._fan_in.settled()
        [(_, count)] = await self._redis.pubsub_numsub(self._keys.live(job))
        return int(count) == 0
