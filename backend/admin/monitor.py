"""The monitor of an API process: a point every other second for the charts, and a snapshot each second for listeners.
One loop serves all listeners, and each snapshot is encoded once; without a listener only the points are taken.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson
import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from backend.admin.listener import Listener
from backend.admin.points import LATELY_MS, SAMPLE_MS, Point, Points
from backend.admin.pulse import Pulse
from backend.admin.repository import EndedJobs, WaitSums
from backend.admin.snapshot import snapshot
from backend.dialects.native.events import error_body
from backend.errors import as_api_error
from backend.pool.look import Looks
from backend.store.database import DatabaseAway

SNAPSHOT_SECONDS = 1.0
SAMPLE_SECONDS = SAMPLE_MS / 1000
LOOK_SECONDS = 2.0  # a Redis or SQL that is slower than this is reported as trouble
LEAVE_SECONDS = 0.2  # a signal can only set a flag: how often it is looked at while anyone listens
log = structlog.get_logger()


class Monitor:
    """`leaving`: returns whether this process is shutting down. Streams end then, and are not waited for."""

    def __init__(self, looks: Looks, ended: EndedJobs, leaving: Callable[[], bool]) -> None:
        self._looks = looks
        self._ended = ended
        self._leaving = leaving
        self._points = Points()
        self._pulse = Pulse()
        self._listeners: set[Listener] = set()
        self._new: set[Listener] = set()  # nothing was sent to these yet: the history comes first
        self._wake = asyncio.Event()
        self._sql_away = False
        self._broken = ""  # the kind of the latest unforeseen error, which was logged

    # -- listeners ---------------------------------------------------------------------------------------------
    def join(self) -> Listener:
        """A listener that gets the history and a snapshot at once, then a snapshot each second."""
        listener = Listener()
        self._new.add(listener)
        self._wake.set()
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        self._new.discard(listener)

    def _send(self, kind: bytes, body: bytes) -> None:
        frame = _frame(kind, body)
        for listener in self._listeners:
            listener.offer(frame)

    # -- the loop ----------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Look until cancelled. Every error is sent to the listeners; serving chats does not depend on the monitor."""
        while True:
            began = time.monotonic()
            self._wake.clear()
            try:
                await self._greet()
                await self._look_once()
                self._broken = ""
            except (RedisError, OSError) as error:  # TimeoutError is an OSError
                self._trouble(error)
            except Exception as error:
                if (kind := type(error).__name__) != self._broken:  # else the same error would be logged every second
                    log.exception("the pool was not looked at", action="monitor.broken")
                self._broken = kind
                self._trouble(error)
            await self._rest(began)

    async def _rest(self, began: float) -> None:
        """Wait until it is time for the next look, which is at once when a listener joins."""
        while not self._wake.is_set() and (left := began + self._every() - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(min(left, LEAVE_SECONDS) if self._listeners else left):
                    await self._wake.wait()
            except TimeoutError:
                self._end_if_leaving()

    def _every(self) -> float:
        return SNAPSHOT_SECONDS if self._listeners else SAMPLE_SECONDS

    def _end_if_leaving(self) -> None:
        for listener in self._listeners if self._leaving() else ():
            listener.end()

    def _trouble(self, error: Exception) -> None:
        self._pulse.lost_sight()
        self._send(b"trouble", error_body(as_api_error(error)))

    # -- one look ----------------------------------------------------------------------------------------------
    async def _greet(self) -> None:
        """Send the history to the new listeners: one query to SQL for all of them."""
        if not self._new:
            return
        frame = _frame(b"history", _json(self._points.view(await self._waits(self._points.since()))))
        for listener in self._new:
            listener.begin(frame)
        self._listeners |= self._new
        self._new.clear()

    async def _look_once(self) -> None:
        async with asyncio.timeout(LOOK_SECONDS):
            look = await self._looks.newest(anew=True)
        self._pulse.look(look.workers, look.now)
        point = Point(look.at, look.depth, look.running, self._pulse.total_rate())
        if self._listeners:
            point = point.with_waits(await self._waits(look.at - LATELY_MS))
            self._send(b"snapshot", _json(snapshot(look, self._pulse, point)))
        self._points.add(point)

    async def _waits(self, since: int) -> list[WaitSums]:
        """How long jobs waited; empty where SQL does not answer, since all else can be shown without."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                waits = await self._ended.waits(since, SAMPLE_MS)
        except (DatabaseAway, SQLAlchemyError, OSError) as error:
            if not self._sql_away:
                log.warning("waiting times are not known", action="monitor.no_waits", error=type(error).__name__)
            self._sql_away = True
            return []
        self._sql_away = False
        return waits


def _json(body: dict[str, Any]) -> bytes:
    return orjson.dumps(body)


def _frame(kind: bytes, body: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind, body)
