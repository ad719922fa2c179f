"""When a job is expected to begin: the one formula, for the ETA that a waiting caller sees and for the router's choice.

A job has a place in its pool's queue: 1 is given next. A job that is not let in yet would get the place behind all that
go before it; each free slot brings it one place forward, so that 0 or less begins at once. The jobs before it are taken
in rounds of as many as there are slots, and a round lasts as long as a job does on average.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from backend.pool.look import PoolLook
from wire.records import JobClass

UNMEASURED_SECONDS = 10.0  # a job, where no worker has written how long its jobs take
STARTING_SECONDS = 60.0  # until a pool at zero has a worker: a pod is made, a model is loaded
LONGEST_ETA = 604_800  # seconds; a week: no estimate of more means anything


class Expected(NamedTuple):
    """`wait`: seconds until the job begins. `load`: jobs for each slot. `seconds`: mean time of a job, 0 not known.

    `live`: a worker takes jobs; else `wait` counts the start of one.
    """

    wait: float
    load: float
    seconds: float
    live: bool


def eta(pool: PoolLook, place: int) -> int | None:
    """Whole seconds until the waiting job at this place begins, as its caller sees them.

    None: it does not wait (place 0), no worker takes jobs, no job was measured yet, or the wait is longer than any
    estimate is good for.
    """
    if not place:
        return None
    wait, _, seconds, live = expected(pool, place)
    return math.ceil(wait) if live and seconds and wait <= LONGEST_ETA else None


def expected(pool: PoolLook, place: int) -> Expected:
    """`place`: the job's place in this pool's queue, or the place that `next_place` gives it."""
    slots = sum(worker.slots for worker in pool.workers if worker.asking)
    means = [seconds for worker in pool.workers if (seconds := worker.info.job_seconds)]
    seconds = sum(means) / len(means) if means else 0.0
    each, ahead = seconds or UNMEASURED_SECONDS, place - 1
    if not slots:
        return Expected(STARTING_SECONDS + ahead * each, float(ahead), seconds, live=False)
    rounds = max(0, ahead + slots) // slots
    return Expected(rounds * each, (slots + ahead) / slots, seconds, live=True)


def next_place(pool: PoolLook, sent: int, cls: JobClass) -> int:
    """The place of a job that would be let in now. `sent`: jobs that were let in since the look."""
    free = sum(max(0, worker.slots - worker.owned) for worker in pool.workers if worker.asking)
    ahead = sum(jobs for name, jobs in pool.waiting.items() if name == "interactive" or cls == "batch")
    return 1 + sent + ahead - free
