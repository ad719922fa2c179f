"""The services of the admin routes, wired once a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from starlette.requests import Request

from backend.admin.jobs import AllJobs
from backend.admin.monitor import Monitor
from backend.admin.repository import EndedJobs
from backend.pool.look import Looks
from backend.pool.pools import Pools
from backend.store.database import Database


class Admin(NamedTuple):
    monitor: Monitor
    jobs: AllJobs


def build_admin(pools: Pools, looks: Looks, database: Database, leaving: Callable[[], bool]) -> Admin:
    """`leaving`: whether this process is shutting down."""
    ended = EndedJobs(database, pools.names)
    return Admin(Monitor(looks, ended, leaving), AllJobs(pools, ended))


def admin_of(request: Request) -> Admin:
    admin: Admin = request.state.admin
    return admin
