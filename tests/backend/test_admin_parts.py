"""What the admin pages' numbers are made of: beats, points, cursors, one listener's place."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backend.admin import listener as listeners
from backend.admin.listener import KEEP_ALIVE, Listener
from backend.admin.pages import from_place, newest, read_place
from backend.admin.points import KEEP_MS, Point, Points
from backend.admin.pulse import Pulse
from backend.admin.repository import WaitSums
from backend.admin.snapshot import snapshot
from backend.cursor import read_cursor, read_stream_place, write_cursor
from backend.errors import Invalid
from backend.house import build
from backend.pool.look import Look, PoolLook
from backend.settings import ApiSettings
from tests.support.child import free_port
from wire.client import open_redis
from wire.ledger import Page
from wire.places import Lengths
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRecord


def worker(beat: int = 1, owned: int = 0, asking: bool = True, **info: Any) -> WorkerRecord:
    return WorkerRecord("w", beat, 2, owned, asking, 0, 0, WorkerInfo.of({"engine": "simulated", **info}))


# -- beats -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("record", "state"),
    [
        (worker(), "idle"),
        (worker(owned=1), "busy"),
        (worker(owned=2), "full"),
        (worker(asking=False), "not_asking"),
        (worker(owned=2, asking=False), "not_asking"),
    ],
)
def test_a_worker_that_beats_is_in_the_state_of_its_slots(record: WorkerRecord, state: str) -> None:
    pulse = Pulse()
    pulse.look([record], now=0.0)
    assert pulse.state(record, now=4.0) == state


def test_a_worker_that_missed_two_beats_is_silent_until_it_beats_again() -> None:
    pulse = Pulse()
    for now in (0.0, 2.0, 4.0, 5.5):
        pulse.look([worker(beat=1)], now)
    assert pulse.state(worker(beat=1), now=5.5) == "silent"
    pulse.look([worker(beat=2)], now=6.0)
    assert pulse.state(worker(beat=2), now=6.0) == "idle"


def test_time_in_which_redis_was_away_makes_no_worker_silent() -> None:
    pulse = Pulse()
    pulse.look([worker()], now=0.0)
    pulse.lost_sight()
    pulse.look([worker()], now=60.0)
    assert pulse.state(worker(), now=60.0) == "idle"
    pulse.look([worker()], now=66.0)
    assert pulse.state(worker(), now=66.0) == "silent"


async def test_a_monitor_without_redis_counts_no_worker_as_silent(tmp_path: Path) -> None:
    """A worker is seen, then Redis is away, then it is seen again with the same beat, a minute later."""
    nowhere = open_redis(f"redis://127.0.0.1:{free_port()}", 0.1)
    home = build(ApiSettings(SLUICE_DATA_DIR=str(tmp_path)), nowhere)
    monitor = home.admin.monitor
    monitor._pulse.look([worker()], now=0.0)
    listener = monitor.join()
    watching = asyncio.create_task(monitor.run())
    async with asyncio.timeout(10):
        async for chunk in listener.chunks():
            if b"event: trouble" in chunk:
                break
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    monitor._pulse.look([worker()], now=60.0)
    assert monitor._pulse.state(worker(), now=60.0) == "idle"
    await home.database.close()
    await nowhere.aclose()


def test_tokens_a_second_are_counted_from_beat_to_beat_however_often_one_looks() -> None:
    pulse = Pulse()
    for now, record in [
        (0.0, worker(beat=1, tokens=100)),
        (1.0, worker(beat=1, tokens=100)),
        (2.4, worker(beat=2, tokens=500)),
        (3.4, worker(beat=2, tokens=500)),
    ]:
        pulse.look([record], now)
        assert pulse.rate(record) == (None if record.beat == 1 else 200.0)
    assert pulse.total_rate() == 200.0
    pulse.look([worker(beat=5, tokens=500)], now=9.0)
    assert pulse.rate(worker(beat=5)) == 0.0


def test_a_worker_that_does_not_count_has_no_rate() -> None:
    pulse = Pulse()
    for beat in (1, 2):
        pulse.look([worker(beat=beat)], now=2.0 * beat)
    assert (pulse.rate(worker()), pulse.total_rate()) == (None, 0.0)


def look(classes: dict[str, Lengths] | None = None, workers: list[WorkerRecord] | None = None) -> Look:
    return Look({"default": looked_at(classes or {}, workers or [])}, at=5)


def looked_at(classes: dict[str, Lengths], workers: list[WorkerRecord], depth: int = 0) -> PoolLook:
    waiting = {name: lengths.waiting for name, lengths in classes.items()}
    return PoolLook(workers, classes=classes, waiting=waiting, depth=depth)


def test_pools_are_shown_apart_and_together() -> None:
    one = looked_at({"batch": Lengths(1, (("ann", 2), ("bob", 1)))}, [worker()], depth=5)
    two = looked_at({"batch": Lengths(0, (("bob", 1),))}, [], depth=3)
    view = snapshot(Look({"one": one, "two": two}, at=5), Pulse(), Point(5, 0, 0, 0.0))
    assert (view["queue"]["depth"], view["queue"]["waiting"], view["queue"]["running"]) == (8, 5, 3)
    [batch] = view["queue"]["classes"]
    assert (batch["waiting"], batch["returned"]) == (5, 1)
    assert batch["tenants"] == [{"tenant": "ann", "waiting": 2}, {"tenant": "bob", "waiting": 2}]
    assert view["pools"] == [
        {"pool": "one", "depth": 5, "running": 1, "waiting": 4, "workers": 1},
        {"pool": "two", "depth": 3, "running": 2, "waiting": 1, "workers": 0},
    ]
    assert [w["pool"] for w in view["workers"]] == ["one"]


def test_the_streams_of_several_pools_are_one_list_in_pages_that_leave_nothing_out() -> None:
    """Also where two pools wrote an entry at the same moment, under the same id."""
    books = {"b": ["5-0", "3-0", "2-0"], "a": ["5-0", "4-1", "4-0", "2-0"]}

    def page(pool: str, behind: str, limit: int) -> Page:
        left = [name for name in books[pool] if not behind or _pair(name) < _pair(behind)]
        return Page(
            [(name, {"job": f"{pool}{name}"}) for name in left[:limit]], left[limit - 1] if left[limit:] else ""
        )

    for limit in (1, 2, 3, 7):
        seen: list[str] = []
        cursor: str | None = None
        while True:
            place = read_place(cursor)
            entries, cursor = newest([(pool, page(pool, from_place(place, pool), limit)) for pool in books], limit)
            seen += [entry.fields["job"] for entry in entries]
            if cursor is None:
                break
        assert seen == ["a5-0", "b5-0", "a4-1", "a4-0", "b3-0", "a2-0", "b2-0"]


def _pair(name: str) -> tuple[int, int]:
    ms, _, seq = name.partition("-")
    return int(ms), int(seq)


def test_what_an_older_worker_does_not_say_is_unknown() -> None:
    record = WorkerRecord("old", 1, 1, 0, True, 0, 0, WorkerInfo.of({}))
    view = snapshot(look(workers=[record]), Pulse(), Point(5, 0, 0, 0.0))["workers"][0]
    assert (view["tokens_per_second"], view["gpus"], view["models"]) == (None, [], [])


def test_a_gpu_is_shown_with_every_field_also_unknown_ones() -> None:
    record = worker(gpus=[{"name": "A2", "memory_used_mb": 3, "later": 1}])
    view = snapshot(look(workers=[record]), Pulse(), Point(5, 0, 0, 0.0))["workers"][0]
    nothing = {"memory_total_mb": None, "utilization_percent": None, "temperature_c": None, "power_w": None}
    assert view["gpus"] == [{"name": "A2", "memory_used_mb": 3, **nothing}]


def test_a_class_with_ten_thousand_tenants_shows_those_with_the_most_waiting_jobs() -> None:
    lengths = Lengths(2, tuple((f"t{n}", n) for n in range(10_000)))
    [view] = snapshot(look({"batch": lengths}), Pulse(), Point(5, 0, 0, 0.0))["queue"]["classes"]
    assert view["waiting"] == sum(range(10_000)) + 2
    assert [len(view["tenants"]), view["tenants"][0]] == [50, {"tenant": "t9999", "waiting": 9_999}]


# -- points ------------------------------------------------------------------------------------------------------
def test_points_are_kept_every_other_second_for_a_quarter_of_an_hour() -> None:
    points = Points()
    for second in range(2_000):
        points.add(Point(second * 1_000, 0, 0, 0.0))
    kept = points.view([])["points"]
    assert len(kept) == KEEP_MS // 2_000
    assert kept[-1]["at"] == "1970-01-01T00:33:18.000Z"


def test_a_clock_that_was_set_back_begins_a_new_history() -> None:
    points = Points()
    for at in (100_000, 102_000, 50_000):
        points.add(Point(at, 0, 0, 0.0))
    assert [point["at"] for point in points.view([])["points"]] == ["1970-01-01T00:00:50.000Z"]


def test_means_are_of_jobs_that_ended_just_before_the_point() -> None:
    waits = [
        WaitSums(40, 1, 9_999, 1, 9_999),
        WaitSums(48, 1, 100, 0, 0),
        WaitSums(49, 3, 500, 2, 60),
        WaitSums(51, 1, 9_999, 0, 0),
    ]
    point = Point(100_000, 0, 0, 0.0).with_waits(waits)
    assert (point.wait_ms, point.first_token_ms) == (150.0, 30.0)
    assert Point(300_000, 0, 0, 0.0).with_waits(waits).wait_ms is None


# -- cursors -----------------------------------------------------------------------------------------------------
def test_a_cursor_leads_back_to_where_the_page_ended() -> None:
    assert read_stream_place(write_cursor("1700000000000-3", "gpu")) == ("1700000000000-3", "gpu")
    assert read_cursor(write_cursor(1700000000000, "job-7")) == (1700000000000, "job-7")
    assert (read_stream_place(None), read_stream_place(""), read_cursor(None)) == (("", ""), ("", ""), None)


@pytest.mark.parametrize("cursor", ["x", "!", "ä", "a" * 5_000, write_cursor("+"), write_cursor("(1-1"), "MS0x\n"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    for read in (read_stream_place, read_cursor):
        with pytest.raises(Invalid):
            read(cursor)


# -- a listener --------------------------------------------------------------------------------------------------
async def test_a_slow_listener_gets_the_history_and_then_only_the_newest_snapshot() -> None:
    listener = Listener()
    listener.begin(b"history ")
    for frame in (b"one", b"two", b"three"):
        listener.offer(frame)
    chunks = listener.chunks()
    assert await anext(chunks) == b"history three"
    listener.offer(b"four")
    listener.offer(b"five")
    assert await anext(chunks) == b"five"
    listener.end()
    assert [chunk async for chunk in chunks] == []


async def test_a_stream_with_no_news_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "SILENCE_SECONDS", 0.01)
    listener = Listener()
    async with asyncio.timeout(5):
        assert await anext(listener.chunks()) == KEEP_ALIVE
