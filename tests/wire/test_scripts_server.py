"""The scripts on a server that is full, restarted, in the middle of a rollout, or deep in work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from tests.support.valkey import PATIENT, Valkey, client_of
from tests.wire.sync_wire import SyncWire
from tests.wire.test_scripts_jobs import BOUNDS, COMPLETED, INFO, INTERRUPTED, STARTED, Pool
from wire.client import open_redis
from wire.jobs import FINISHED, JobPipe
from wire.keys import Keys
from wire.records import JobRequest
from wire.scripts import READ_ONLY, REFUSABLE, load, scripts

WAITING = 20_000
MANY = 200


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server whose settings a test may change."""
    server = Valkey(tmp_path / "own")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis(own_valkey: Valkey) -> AsyncIterator[Redis]:
    async with client_of(own_valkey.url) as redis:
        yield redis


async def test_only_accept_is_refused_when_redis_is_full(redis: Redis) -> None:
    """Jobs that were accepted must be able to end, because their end makes room again."""
    house = Pool(redis, "full")
    await house.worker("w", slots=2)
    for job in ("a", "b", "c", "d"):
        await house.accept(job)
    await house.jobs.places(["a"])
    await redis.config_set("maxmemory", 1)
    with pytest.raises(OutOfMemoryError):
        await house.accept("e")
    assert await house.jobs.record("e") is None

    assert await house.jobs.start("a", "w", 1, STARTED)
    assert await house.emit("a", "w", 1, 1) == 1
    assert await house.jobs.finish("a", "w", 1, 2, "completed", COMPLETED) == FINISHED
    assert await house.jobs.give_back("b", "w", 1, INTERRUPTED)
    assert await house.jobs.cancel("d") == "cancelled"
    assert await house.jobs.expire(None) == 0
    await house.jobs.bury("demand", "1-1")
    await house.jobs.places(["b"])
    assert await house.workers.register("w2", 1, INFO) == 1
    assert await house.workers.ask("w2", True)
    assert (await house.workers.beat("w2")).alive
    await house.die("w")
    note = redis.register_script(scripts()["note"])
    assert await note(keys=[house.keys.job("b"), house.keys.live("b")], args=["w2", 2, "loading_model", "{}"]) == 1
    assert [await redis.register_script(scripts()["step"])(keys=[house.keys.prefix], args=[0, 0])] == [1]


def test_every_script_declares_whether_redis_may_refuse_it() -> None:
    flags = {name: text.splitlines()[0] for name, text in scripts().items()}
    assert {name for name, line in flags.items() if line == "#!lua"} == REFUSABLE == {"accept", "admit"}
    assert {name for name, line in flags.items() if "no-writes" in line} == READ_ONLY
    assert all("allow-oom" in line for name, line in flags.items() if name not in REFUSABLE | READ_ONLY)


async def test_two_versions_of_a_script_live_side_by_side(redis: Redis) -> None:
    """In a rollout old and new processes call their own texts by hash, and neither ever runs the other's."""
    newer = load()
    newer["accept"] = newer["accept"].replace("'v', ARGV[12]", "'v', '2'")
    assert newer["accept"] != scripts()["accept"]
    old, new = JobPipe(redis, Keys("rollout")), JobPipe(redis, Keys("rollout"), newer)
    for n in range(3):
        await old.accept(f"old-{n}", JobRequest(model="tiny"), BOUNDS, tenant="ann")
        await new.accept(f"new-{n}", JobRequest(model="tiny"), BOUNDS, tenant="ann")
    versions = [await redis.hget(old.keys.job(f"{who}-{n}"), "v") for n in range(3) for who in ("old", "new")]
    assert versions == [b"1", b"2"] * 3
    assert await new.cancel("old-0") == await old.cancel("new-0") == "cancelled"


async def test_a_killed_redis_comes_back_with_every_acknowledged_job_and_unknown_scripts(fresh_valkey: Valkey) -> None:
    redis = open_redis(fresh_valkey.url, PATIENT)
    house = Pool(redis, "kept")
    await house.worker("w")
    for n in range(50):
        await house.accept(f"j{n}", f"tenant-{n % 10}")
    await house.jobs.start("j0", "w", 1, STARTED)
    fresh_valkey.written()
    fresh_valkey.restart()

    assert await house.jobs.depth() == 50
    assert await house.jobs.finish("j0", "w", 1, 1, "completed", COMPLETED) == FINISHED
    assert await house.jobs.depth() == 49
    (later,) = (await house.workers.beat("w")).owned
    attempt = (await house.record(later)).attempt
    assert attempt > 1000, "the server may have forgotten gives: their numbers are not used again"
    await redis.aclose()


def test_accept_costs_the_same_however_many_jobs_wait(own_valkey: Valkey) -> None:
    """The server's own time for `accept`, with no job waiting and with twenty thousand jobs of two hundred tenants.

    Taken in turns: a load that comes or goes meets both.
    """
    empty, deep = (SyncWire(own_valkey.port, scripts(), database=number) for number in range(2))
    _accept_many(deep, "fill", WAITING)
    took: dict[SyncWire, list[float]] = {empty: [], deep: []}
    for batch in range(10):
        empty.forget()
        for wire, times in took.items():
            times.append(_accept_us(wire, f"batch-{batch}"))
    least, most = (min(times) for times in took.values())
    empty.close()
    deep.close()
    assert most < 3 * least, f"{least:.0f} µs with an empty queue, {most:.0f} µs with {WAITING} jobs"


def _accept_us(wire: SyncWire, name: str) -> float:
    """Mean microseconds of script time of MANY accepts."""
    wire.connection.ask("CONFIG", "RESETSTAT")
    _accept_many(wire, name, MANY)
    stats = wire.connection.ask("INFO", "commandstats")
    line = next(line for line in stats.splitlines() if line.startswith("cmdstat_evalsha:"))
    return float(dict(part.split("=") for part in line.partition(":")[2].split(","))["usec_per_call"])


def _accept_many(wire: SyncWire, name: str, count: int) -> None:
    for n in range(count):
        words = (
            f"{name}-{n}",
            f"tenant-{n % 200}",
            "batch",
            60_000,
            3,
            10**6,
            10**6,
            "",
            "m",
            "",
            "{}",
            1,
            60_000,
            0,
            "",
        )
        wire.queue("accept", *words)
    wire.connection.ask("PING")
