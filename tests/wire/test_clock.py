"""Pool time, as several processes keep it: which process is believed where they see different times."""

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
    """The clock of one process, and how far its own monotonic clock is off."""

    def __init__(self, redis: Any, keys: Keys, off: int = 0) -> None:
        self.off = off
        self.slow_look = 0  # which of the next looks is slow; 0: none
        self.clock = Clock(redis, keys, self._monotonic)
        self._calls = 0

    def slow(self, look: int) -> None:
        """The look of this number from now on takes too long to measure anything."""
        self._calls, self.slow_look = 0, look

    def _monotonic(self) -> int:
        self._calls += 1
        if self._calls == 2 * self.slow_look:  # a look reads the clock before and after
            self.off += SLOW_LOOK_MS + 1
        return monotonic_ms() + self.off


@dataclass
class Room:
    redis: Any
    keys: Keys
    a: Process
    b: Process
    stepped: int = 0  # how far Redis's clock is off

    def step(self, ms: int) -> None:
        """Redis's wall clock is set forward: all clocks of processes are behind it then."""
        self.stepped += ms
        for process in (self.a, self.b):
            process.off -= ms

    def wrong(self, *processes: Process) -> list[int]:
        """How many ms the clocks of these processes are off, where that is more than the machine explains."""
        since = time.time() * 1000 - self.stepped
        off = [(process.clock.now() or 0) - int(since) for process in processes or (self.a, self.b)]
        return [ms for ms in off if abs(ms) > CLOSE_MS]


@pytest.fixture
async def room(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Two processes that have looked for long, and agree."""
    keys = Keys(f"test-{secrets.token_hex(4)}")
    a, b = Process(redis, keys), Process(redis, keys)
    assert not await a.clock.tick() and not await b.clock.tick()
    monkeypatch.setattr(clock, "GROWN_MS", -10 * HOUR)
    return Room(redis, keys, a, b)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_a_step_is_corrected_once(room: Room, step: int) -> None:
    room.step(step)
    assert [await room.a.clock.tick(), await room.b.clock.tick(), await room.a.clock.tick()] == [True, False, False]
    assert not room.wrong()


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_a_second_step_behind_the_correction_of_another_process_is_noticed(room: Room, step: int) -> None:
    room.step(step)
    assert await room.b.clock.tick()
    room.step(-step)  # before the other process has looked
    assert await room.a.clock.tick()
    assert not await room.b.clock.tick()
    assert not room.wrong()


async def test_a_process_whose_machine_stood_still_is_overruled_and_yields(room: Room) -> None:
    room.a.off -= MINUTE
    assert await room.a.clock.tick()
    assert await room.b.clock.tick()
    assert [await process.clock.tick() for process in (room.a, room.b, room.a, room.b)] == [False] * 4
    assert not room.wrong()


async def test_a_process_that_began_behind_a_step_overrules_no_other(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    room.step(HOUR)
    late = Process(room.redis, room.keys, off=-HOUR)
    assert not await late.clock.tick()
    assert await room.a.clock.tick()
    assert [await process.clock.tick() for process in (late, room.b, room.a)] == [False] * 3
    assert not room.wrong(room.a, room.b, late)


async def test_a_correction_whose_second_look_was_too_slow_is_not_made_again(room: Room) -> None:
    room.step(HOUR)
    room.a.slow(look=2)
    assert await room.a.clock.tick()
    assert not await room.a.clock.tick()
    assert not await room.b.clock.tick()
    assert not room.wrong()
