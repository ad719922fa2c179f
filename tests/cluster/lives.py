"""A worker process and what the queue knows of it."""

from __future__ import annotations

import socket

from tests.support.processes import START, Worker
from tests.support.truth import Truth
from tests.support.waiting import eventually
from wire.workers import WorkerRecord


async def life_of(truth: Truth, worker: Worker) -> WorkerRecord | None:
    """The worker's life; None: it is not in the pool yet, or has left it."""
    names = f"{socket.gethostname()}-{worker.pid}-"
    return next((life for life in await truth.workers.all() if life.incarnation.startswith(names)), None)


async def owned_by(truth: Truth, worker: Worker) -> int:
    """How many jobs the worker runs."""
    life = await life_of(truth, worker)
    return life.owned if life else 0


async def is_asking(truth: Truth, worker: Worker, within: float = 3 * START) -> None:
    """Waits until the worker takes jobs. `within` seconds: others may start beside it."""

    async def look() -> bool | None:
        worker.expect_alive()
        life = await life_of(truth, worker)
        return True if life and life.asking else None

    await eventually(look, within, f"{worker.name} asks for jobs")
