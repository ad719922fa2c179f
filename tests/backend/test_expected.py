"""One look gives the router's wait and the caller's ETA, and both say the same of a job, wherever it stands."""

from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st

from backend.pool.expected import LONGEST_ETA, STARTING_SECONDS, UNMEASURED_SECONDS, eta, expected, next_place
from backend.pool.look import Look, PoolLook
from backend.routing.waits import Waits
from wire.records import JobClass
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRecord


@st.composite
def workers(draw: st.DrawFn) -> WorkerRecord:
    slots = draw(st.integers(0, 8))
    owned = draw(st.integers(0, slots + 1))  # one more: its slots were made fewer
    seconds = draw(st.sampled_from([0.0, 0.1, 2.5, 600.0]))
    return WorkerRecord("w", 1, slots, owned, draw(st.booleans()), 0, 0, WorkerInfo.of({"job_seconds": seconds}))


def look_of(workers: list[WorkerRecord], interactive: int, batch: int) -> PoolLook:
    return PoolLook(workers, waiting={"interactive": interactive, "batch": batch})


def place_in_queue(pool: PoolLook, sent: int, cls: JobClass) -> int:
    """The place that a new job of one tenant has once all free slots are given; 0: it runs."""
    free = sum(max(0, worker.slots - worker.owned) for worker in pool.workers if worker.asking)
    before = ["job"] * (pool.waiting["interactive"] + sent + (pool.waiting["batch"] if cls == "batch" else 0))
    queue = [*before, "the new job"][free:]
    return queue.index("the new job") + 1 if queue else 0


@given(
    st.lists(workers(), max_size=4),
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(0, 5),
    st.sampled_from(["interactive", "batch"]),
)
@example([WorkerRecord("w", 1, 2, 1, True, 0, 0, WorkerInfo.of({"job_seconds": 3.0}))], 0, 0, 1, "interactive")
def test_router_and_caller_expect_the_same_wait_at_every_place(
    workers: list[WorkerRecord], interactive: int, batch: int, sent: int, cls: JobClass
) -> None:
    pool, waits = look_of(workers, interactive, batch), Waits()
    waits.see(Look({"one": pool}))
    for _ in range(sent):
        waits.sent("one")
    routed, place = waits.expect("one", cls), place_in_queue(pool, sent, cls)
    assert routed == expected(pool, next_place(pool, sent, cls))
    if not place:
        assert (routed.wait, routed.live) == (0, True)
    else:
        assert routed == expected(pool, place)
        known = routed.live and routed.seconds and routed.wait <= LONGEST_ETA
        assert eta(pool, place) == (math.ceil(routed.wait) if known else None)


def test_a_wait_that_rests_on_a_guess_is_for_the_router_alone() -> None:
    """The router has to choose; a caller is better off without a number than with a wrong one."""
    unmeasured = look_of([WorkerRecord("w", 1, 1, 1, True, 0, 0, WorkerInfo.of({}))], 0, 0)
    assert (expected(unmeasured, 1).wait, eta(unmeasured, 1)) == (UNMEASURED_SECONDS, None)
    draining = look_of([WorkerRecord("w", 1, 1, 1, False, 0, 0, WorkerInfo.of({"job_seconds": 4.0}))], 0, 0)
    assert (expected(draining, 1).wait, eta(draining, 1)) == (STARTING_SECONDS, None)
    asleep = look_of([], 0, 0)
    assert (expected(asleep, 2).wait, eta(asleep, 2)) == (STARTING_SECONDS + UNMEASURED_SECONDS, None)
    long = look_of([WorkerRecord("w", 1, 1, 1, True, 0, 0, WorkerInfo.of({"job_seconds": 600_000.0}))], 0, 0)
    assert (eta(long, 1), eta(long, 2)) == (600_000, None)
