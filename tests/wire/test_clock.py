"""Pool time, as several processes keep it: which of them is believed where they see different things."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from wire import clock
from wire.clock import SLOW_LOOK_MS, Clock, monotonic_ms
from wire.keys import Keys

HOUR = 3_600_000
MINUTE = 60_000
CLOSE_MS = 10_000


class Process:
    """One process's clock, and how far its own monotonic one is off."""

    def __init__(self, redis: Any, keys: Keys, off: int = 0) -> None:
        self.off = off
        self.slow_look = 0  # which look from now on is a slow one; 0: none
        self.clock = Clock(redis, keys, self._monotonic)
        self._asked = 0

    def slow(self, look: int) -> None:
        """Its so-manieth look from now on takes too long to measure anything."""
        self._asked, self.slow_look = 0, look

    def _monotonic(self) -> int:
        self._asked += 1
        if self._asked == 2 * self.slow_look:  # a look asks before and after
            self.off += SLOW_LOOK_MS + 1
        return monotonic_ms() + self.off


@dataclass
class Room:
    redis: Any
    keys: Keys
    a: Process
    b: Process
    stepped: int = 0  # how far Redis's clock is off the time that passes

    def step(self, ms: int) -> None:
        """Redis's wall clock is set on: time itself, and all clocks of processes, are behind it then."""
        self.stepped += ms
        for one in (self.a, self.b):
            one.off -= ms

    def wrong(self, *processes: Process) -> list[int]:
        """What these are off by, ms, if it is more than the machine explains."""
        since = time.time() * 1000 - self.stepped
        off = [(one.clock.now() or 0) - int(since) for one in processes or (self.a, self.b)]
        return [ms for ms in off if abs(ms) > CLOSE_MS]


@pytest.fixture
async def room(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Two grown processes that agree."""
    keys = Keys(f"test-{secrets.token_hex(4)}")
    a, b = Process(redis, keys), Process(redis, keys)
    assert not await a.clock.tick() and not await b.clock.tick()
    monkeypatch.setattr(clock, "GROWN_MS", -10 * HOUR)
    return Room(redis, keys, a, b)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_a_step_is_put_right_once(room: Room, step: int) -> None:
    room.step(step)
    assert [await room.a.clock.tick(), await room.b.clock.tick(), await room.a.clock.tick()] == [True, False, False]
    assert not room.wrong()


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_a_second_step_behind_another_s_correction_is_seen(room: Room, step: int) -> None:
    room.step(step)
    assert await room.b.clock.tick()
    room.step(-step)  # before the other has looked at all
    assert await room.a.clock.tick()
    assert not await room.b.clock.tick()
    assert not room.wrong()


async def test_a_process_whose_machine_stood_still_is_overruled_and_yields(room: Room) -> None:
    room.a.off -= MINUTE
    assert await room.a.clock.tick()
    assert await room.b.clock.tick()
    assert [await one.clock.tick() for one in (room.a, room.b, room.a, room.b)] == [False] * 4
    assert not room.wrong()


async def test_who_began_behind_a_step_overrules_nobody(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    room.step(HOUR)
    late = Process(room.redis, room.keys, off=-HOUR)
    assert not await late.clock.tick()
    assert await room.a.clock.tick()
    assert [await one.clock.tick() for one in (late, room.b, room.a)] == [False] * 3
    assert not room.wrong(room.a, room.b, late)


async def test_a_correction_that_could_not_be_looked_at_is_not_made_again(room: Room) -> None:
    room.step(HOUR)
    room.a.slow(look=2)
    assert await room.a.clock.tick()
    assert not await room.a.clock.tick()
    assert not await room.b.clock.tick()
    assert not room.wrong()
