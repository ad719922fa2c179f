"""What the admin routes work with, wired once a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from backend.admin.jobs import AllJobs
from backend.admin.monitor import Monitor
from backend.admin.repository import EndedJobs
from backend.store.database import Database
from wire.clock import Clock
from wire.jobs import JobPipe
from wire.ledger import Ledger
from wire.workers import WorkerRegistry


class Admin(NamedTuple):
    monitor: Monitor
    jobs: AllJobs


def build_admin(
    jobs: JobPipe, workers: WorkerRegistry, clock: Clock, database: Database, leaving: Callable[[], bool]
) -> Admin:
    """`leaving`: whether this process is shutting down."""
    ended = EndedJobs(database, jobs.keys.pool)
    ledger = Ledger(jobs.redis, jobs.keys)
    return Admin(Monitor(jobs, workers, clock, ended, leaving), AllJobs(jobs, ledger, ended))
