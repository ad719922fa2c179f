"""The processes of a house: what they run, and what reaches them through their environment."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from sluice.frontend import Frontend
from sluice.further import Further
from sluice.settings import UpSettings
from sluice.supervisor import Child

MARGIN = 3.0  # seconds that a process gets past its own grace, to put things away itself before it is killed


@dataclass(frozen=True)
class Programs:
    """The command lines, and what the page is built of; tests put stand-ins here."""

    api: tuple[str, ...] = (sys.executable, "-m", "backend")
    worker: tuple[str, ...] = (sys.executable, "-m", "ollama_worker")
    frontend: Frontend = field(default_factory=Frontend)


def environment(up: UpSettings, redis_url: str) -> dict[str, str]:
    """What every process is told. It wins over `.env`, so that all agree."""
    return {
        "REDIS_URL": redis_url,
        "SLUICE_DATA_DIR": str(up.data_dir),
        "DATABASE_URL": up.database_url,
        "SLUICE_HOST": up.host,
        "SLUICE_PORT": str(up.port),
        "LANGSMITH_TRACING": "false",  # an inherited `true` would send prompts to a tracing service
    }


def api(commands: Programs, up: UpSettings, env: dict[str, str]) -> Child:
    """Open streams end within `SLUICE_GRACE_SECONDS`."""
    return Child("api", commands.api, env, grace=up.grace + MARGIN)


def further(commands: Programs, up: UpSettings, env: dict[str, str], others: Iterable[Further]) -> list[Child]:
    """One worker for each, in a pool of its own."""
    return [_worker(f"worker-{one.pool}", commands, up, env | one.env) for one in others]


def workers(commands: Programs, up: UpSettings, env: dict[str, str]) -> list[Child]:
    """As many as were asked for; each ends its jobs within `SLUICE_GRACE_SECONDS`, or hands them back."""
    names = [f"worker-{number}" for number in range(1, up.workers + 1)]
    return [_worker(name, commands, up, env) for name in names]


def _worker(name: str, commands: Programs, up: UpSettings, env: dict[str, str]) -> Child:
    alive = up.data_dir / "alive" / name
    return Child(name, commands.worker, env | {"SLUICE_ALIVE_FILE": str(alive)}, grace=up.grace + MARGIN, alive=alive)
