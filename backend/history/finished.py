"""The wire's stream of ended jobs, read as a group: an entry is one recorder's until acknowledged, or left behind."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from backend.moments import now_ms
from wire.decoding import NUMBER_MAX, text, whole
from wire.ids import JobId
from wire.keys import Keys

T = TypeVar("T")
GROUP = "recorders"
BATCH = 100  # entries a read: what one transaction writes
BLOCK_MS = 2_000
LEFT_BEHIND_MS = 5_000  # unacknowledged for so long: its reader has died, or waits for SQL as any reader would
DAY_MS = 86_400_000
FORGOTTEN_MS = 3_600_000  # a recorder that read nothing for an hour is dead: all read every two seconds


class Ended(NamedTuple):
    """An entry of the stream: a job, and the state it ended in."""

    entry: str
    job: JobId
    state: str

    @property
    def at(self) -> int:
        """When the job ended, by Redis's own clock, in milliseconds: the entry's id begins with it."""
        return whole(self.entry.partition("-")[0]) or NUMBER_MAX  # an id that no script gave counts as later than all


class Finished:
    """One process's part in the group. `blocking`: a client that may wait longer than BLOCK_MS, for this alone."""

    def __init__(self, redis: Redis, blocking: Redis, keys: Keys, left_behind_ms: int = LEFT_BEHIND_MS) -> None:
        self._redis = redis
        self._blocking = blocking
        self._stream = keys.finished
        self._left_behind_ms = left_behind_ms
        self._name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"

    async def new(self) -> list[Ended]:
        """Entries that were given to no recorder yet; waits up to BLOCK_MS for the first."""
        answer: Any = await self._in_group(
            lambda: self._blocking.xreadgroup(GROUP, self._name, {self._stream: ">"}, count=BATCH, block=BLOCK_MS)
        )
        return [_ended(*entry) for _, entries in answer or () for entry in entries]

    async def left_behind(self) -> list[Ended]:
        """Entries that a recorder was given long ago and never acknowledged; from now on they are this process's."""
        answer: Any = await self._in_group(
            lambda: self._redis.xautoclaim(self._stream, GROUP, self._name, self._left_behind_ms, count=BATCH)
        )
        return [_ended(*entry) for entry in answer[1]]

    async def acknowledge(self, ended: list[Ended]) -> None:
        """Mark these entries as recorded. They stay in the stream for a day, for a group that is made anew."""
        await self._in_group(lambda: self._redis.xack(self._stream, GROUP, *(entry for entry, _, _ in ended)))
        # No script gave an id that lies in the future. From then on all ids do, and no day would ever trim them.
        if strange := [each.entry for each in ended if each.at > now_ms() + DAY_MS]:
            await self._redis.xdel(self._stream, *strange)

    async def forget_the_dead(self) -> None:
        """Take dead recorders that have left nothing behind off the group's list."""
        for consumer in await self._in_group(lambda: self._redis.xinfo_consumers(self._stream, GROUP)):
            if not consumer["pending"] and consumer["idle"] > FORGOTTEN_MS:
                await self._redis.xgroup_delconsumer(self._stream, GROUP, consumer["name"])

    async def _in_group(self, ask: Callable[[], Awaitable[T]]) -> T:
        """A Redis that is new, or lost its data, has no group: the group is made, from the stream's beginning. An entry
        that is read twice is recorded once."""
        try:
            return await ask()
        except ResponseError as error:
            if not str(error).startswith(("NOGROUP", "no such key")):
                raise
        await self._make_group()
        return await ask()

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):  # another process was faster
                raise


def _ended(entry: bytes, fields: dict[bytes, bytes] | None) -> Ended:
    """`fields` None: the entry was deleted before it was read."""
    fields = fields or {}
    return Ended(text(entry), JobId(text(fields.get(b"job"))), text(fields.get(b"state")))
