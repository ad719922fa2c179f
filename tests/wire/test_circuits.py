"""Circuit breakers, one sentence a test: when a circuit opens, which caller may try again, what closes it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import NamedTuple

import pytest
from redis.asyncio import Redis

from wire.circuits import Circuit, Circuits
from wire.keys import Keys
from wire.scripts import load

HALF_A_MINUTE = 30_000
AT = 1_700_000_000_000
NAME = "ollama|org/model:7b"
CLOCK = """
local P = KEYS[1]
local call = redis.call
local function raw() return tonumber(call('GET', P .. ':now')) end
"""


class Bench(NamedTuple):
    """Two processes of a pool whose time stands where a test sets it."""

    redis: Redis
    keys: Keys
    circuits: Circuits
    others: Circuits

    async def at(self, ms: int) -> None:
        await self.redis.set(f"{self.keys.prefix}:now", ms)

    async def trip(self, times: int, reason: str = "stream_cut") -> list[str]:
        return [await self.circuits.trip("ollama", "org/model:7b", reason) for _ in range(times)]

    async def probes(self) -> int:
        """How many of four callers may try, where all call at once."""
        probes = (c.probe("ollama", "org/model:7b") for c in (self.circuits, self.others) * 2)
        return sum(await asyncio.gather(*probes))

    async def only(self) -> Circuit:
        return (await self.circuits.all())[NAME]


@pytest.fixture
async def bench(redis: Redis, pool: str) -> Bench:
    keys, texts = Keys(pool), load(clock=CLOCK)
    bench = Bench(redis, keys, Circuits(redis, keys, texts), Circuits(redis, keys, texts))
    await bench.at(AT)
    return bench


async def test_five_failures_in_a_row_open_a_circuit(bench: Bench) -> None:
    assert await bench.trip(6) == ["closed"] * 4 + ["open"] * 2
    assert await bench.only() == Circuit("ollama", "org/model:7b", "open", 6, AT, 0, "stream_cut")


async def test_a_success_in_between_begins_the_count_anew(bench: Bench) -> None:
    await bench.trip(4)
    assert await bench.others.mend("ollama", "org/model:7b")
    assert await bench.circuits.all() == {}
    assert await bench.trip(4) == ["closed"] * 4


async def test_an_engine_that_never_failed_has_no_circuit_and_nothing_to_mend(bench: Bench) -> None:
    await bench.trip(5)
    assert not await bench.circuits.mend("ollama", "another")
    assert not await bench.circuits.probe("ollama", "another")
    assert list(await bench.circuits.all()) == [NAME]


async def test_failures_at_other_times_do_not_move_the_opening(bench: Bench) -> None:
    await bench.trip(5)
    await bench.at(AT + 20_000)
    await bench.trip(1, "out_of_memory")
    assert (await bench.only()).opened == AT
    assert (await bench.only()).reason == "out_of_memory"


async def test_bad_requests_of_one_tenant_open_a_circuit_only_where_many_fail_in_a_row(bench: Bench) -> None:
    """A job that fails again and again counts once."""
    trip = partial(bench.circuits.trip, "ollama", "org/model:7b", "engine_failed")
    states = [await trip(f"job-{n}") for n in range(10) for _ in "ab"]
    assert states == ["closed"] * 18 + ["open"] * 2


async def test_one_caller_may_try_half_a_minute_after_the_opening(bench: Bench) -> None:
    await bench.trip(5)
    await bench.at(AT + HALF_A_MINUTE - 1)
    assert await bench.probes() == 0
    await bench.at(AT + HALF_A_MINUTE)
    assert await bench.probes() == 1
    assert (await bench.only()).state == "half_open"


async def test_a_closed_circuit_is_not_probed(bench: Bench) -> None:
    await bench.trip(4)
    await bench.at(AT + HALF_A_MINUTE)
    assert await bench.probes() == 0


async def test_a_failed_probe_opens_the_circuit_for_another_half_minute(bench: Bench) -> None:
    await bench.trip(5)
    await bench.at(AT + HALF_A_MINUTE)
    assert await bench.probes() == 1
    await bench.at(AT + HALF_A_MINUTE + 5_000)
    assert await bench.trip(1) == ["open"]
    await bench.at(AT + 2 * HALF_A_MINUTE)
    assert await bench.probes() == 0
    await bench.at(AT + 2 * HALF_A_MINUTE + 5_000)
    assert await bench.probes() == 1


async def test_a_probe_whose_outcome_never_arrives_is_followed_by_another(bench: Bench) -> None:
    await bench.trip(5)
    await bench.at(AT + HALF_A_MINUTE)
    assert await bench.probes() == 1
    await bench.at(AT + 2 * HALF_A_MINUTE - 1)
    assert await bench.probes() == 0
    await bench.at(AT + 2 * HALF_A_MINUTE)
    assert await bench.probes() == 1


async def test_a_circuit_without_a_failure_for_a_day_is_gone(bench: Bench) -> None:
    await bench.trip(5)
    assert 0 < await bench.redis.pttl(bench.keys.circuits) <= 86_400_000
