"""The worker's end of a log: tokens go to the log and to its readers in one fenced script call a burst.

One emit of an attempt is in flight. Tokens that come meanwhile travel together in the next, so the first token is never
delayed and a burst costs one call. After a lost connection the log's last id is read: the missing events are sent again
byte for byte under their own numbers, and the log refuses an event that it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha1
from typing import Any

from redis.exceptions import RedisError

from wire import events
from wire.events import EventId
from wire.ids import AttemptId, Incarnation, JobId
from wire.keys import Keys
from wire.link import Link, LinkLost, Resp
from wire.scripts import scripts


class Stale(Exception):
    """Another attempt has this job now: the log refuses whatever this attempt still produces."""


class EventWriter:
    """The emit connection of one worker process, shared by its attempts (their calls travel in one pipeline)."""

    def __init__(self, url: str, keys: Keys) -> None:
        self.keys = keys
        self._text = scripts()["emit"]
        self._sha = sha1(self._text.encode(), usedforsecurity=False).hexdigest()
        self.link: Link[Resp] = Link(url, Resp, self.load)

    async def load(self, connection: Resp) -> None:
        """A restarted Redis has forgotten its scripts."""
        await connection.call("SCRIPT", "LOAD", self._text)

    def emit(self, job: JobId, incarnation: Incarnation, attempt: int, seq: int, body: bytes) -> asyncio.Future[int]:
        """The future of 1 (the event is logged) or 0 (not yours). It raises LinkLost or Redis's error."""
        connection = self.link.connection
        if connection is None:
            lost: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            lost.set_exception(LinkLost("not connected"))
            return lost
        keys = self.keys
        return connection.call(
            "EVALSHA", self._sha, 3, keys.job(job), keys.events(job), keys.live(job), incarnation, attempt, seq, body
        )

    async def connected(self) -> Resp:
        """The connection, with the script loaded, as soon as there is one."""
        while (connection := self.link.connection) is None:
            await self.link.up.wait()
        await self.load(connection)
        return connection

    async def last_id(self, connection: Resp, job: JobId) -> EventId:
        """Id of the log's last entry; `0-0` where there is none."""
        entries = await connection.call("XREVRANGE", self.keys.events(job), "+", "-", "COUNT", 1)
        try:
            return EventId.parse(entries[0][0]) if entries else events.START
        except ValueError:  # no script gave that id; all events are sent again
            return events.START


class Outbox:
    """The events of one attempt on their way to the log. `put` is called once a burst and never waits.

    `on_stale` is called once, from the event loop, when the log refuses a write.
    """

    def __init__(self, writer: EventWriter, address: AttemptId, started: bytes, on_stale: Callable[[], None]) -> None:
        self._writer = writer
        self._address = address  # job, incarnation, attempt
        self._sent = [started]  # bodies by seq, kept to be sent again
        self._on_stale = on_stale
        self._flying = False
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._tool_calls: list[Any] = []
        self._logprobs: list[Any] = []
        self._tokens = 0
        self._mending: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self.stale = False

    @property
    def seq(self) -> int:
        """The last number used."""
        return len(self._sent) - 1

    def put(
        self, text: str = "", thinking: str = "", tool_calls: Any = None, logprobs: Any = None, tokens: int = 1
    ) -> None:
        """Add a burst: sent at once when nothing is in flight, else with the next."""
        if not self._flying:
            self._send(events.token(text, thinking, tool_calls, logprobs, tokens))
            return
        if text:
            self._text.append(text)
        if thinking:
            self._thinking.append(thinking)
        if tool_calls:
            self._tool_calls.extend(tool_calls)
        if logprobs:
            self._logprobs.extend(logprobs)
        self._tokens += tokens

    def put_event(self, event: events.Restarted | events.Rerouted | events.Token) -> None:
        """Log this event as it is. Only before the first token, because no burst may wait to be merged."""
        self._send(events.encode(event))

    async def drained(self) -> int:
        """Wait until everything is in the log; returns the next seq. Raises Stale."""
        await self._idle.wait()
        if self.stale:
            raise Stale
        return self.seq + 1

    async def resend(self) -> None:
        """Send again the events that the log lacks, after Redis came back with fewer."""
        await self.drained()
        await self._mend()

    def close(self) -> None:
        if self._mending is not None:
            self._mending.cancel()

    def _send(self, body: bytes) -> None:
        self._sent.append(body)
        self._flying = True
        self._idle.clear()
        self._writer.emit(*self._address, self.seq, body).add_done_callback(self._replied)

    def _replied(self, reply: asyncio.Future[int]) -> None:
        if reply.cancelled() or reply.exception() is not None:
            self._mending = asyncio.get_running_loop().create_task(self._mend_and_go_on())
        elif reply.result():
            self._next()
        else:
            self._refused()

    def _next(self) -> None:
        self._flying = False
        if self._tokens or self._text or self._thinking or self._tool_calls or self._logprobs:  # some cost no token
            self._send(self._gathered())
        else:
            self._idle.set()

    def _gathered(self) -> bytes:
        """The tokens that came while the last emit was in flight, as one event."""
        body = events.token(
            "".join(self._text), "".join(self._thinking), self._tool_calls or None, self._logprobs or None, self._tokens
        )
        self._text, self._thinking, self._tool_calls, self._logprobs, self._tokens = [], [], [], [], 0
        return body

    def _refused(self) -> None:
        if not self.stale:
            self.stale = True
            self._on_stale()
        self._idle.set()

    async def _mend_and_go_on(self) -> None:
        try:
            await self._mend()
        except Stale:
            self._refused()
        else:
            self._next()

    async def _mend(self) -> None:
        """Send again the events that the log lacks, as soon as Redis answers."""
        while True:
            try:
                return await self._resend_missing()
            except (LinkLost, RedisError):
                await asyncio.sleep(0.05)  # loading its file, or gone again: the link reconnects by itself

    async def _resend_missing(self) -> None:
        connection = await self._writer.connected()
        job, _, attempt = self._address
        last = await self._writer.last_id(connection, job)
        first = last.seq + 1 if last.attempt == attempt else 0
        for seq in range(min(first, self.seq), self.seq + 1):
            if not await self._writer.emit(*self._address, seq, self._sent[seq]):
                raise Stale
