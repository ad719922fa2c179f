"""The processes of a house: what they run, and what reaches them through their environment."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from sluice.frontend import Frontend
from sluice.further import Further
from sluice.settings import UpSettings
from sluice.supervisor import Child
from sluice.valkey import fair_memory

MARGIN = 3.0  # seconds that a process gets past its own grace, to put things away itself before it is killed


@dataclass(frozen=True)
class Programs:
    """The command lines, and what the page is built of; tests put stand-ins here."""

    api: tuple[str, ...] = (sys.executable, "-m", "backend")
    worker: tuple[str, ...] = (sys.executable, "-m", "ollama_worker")
    frontend: Frontend = field(default_factory=Frontend)


def environment(up: UpSettings, redis_url: str) -> dict[str, str]:
    """The environment of every process. It wins over `.env`, so that all processes agree."""
    return bound_of_the_queue(up) | {
        "REDIS_URL": redis_url,
        "SLUICE_DATA_DIR": str(up.data_dir),
        "DATABASE_URL": up.database_url,
        "SLUICE_HOST": up.host,
        "SLUICE_PORT": str(up.port),
        "LANGSMITH_TRACING": "false",  # an inherited `true` would send prompts to a tracing service
    }


def bound_of_the_queue(up: UpSettings) -> dict[str, str]:
    """Half of our own Valkey's memory is for requests, the rest for logs and records. {} if the setting is set."""
    if up.redis_is_given or "queue_bytes" in up.model_fields_set:
        return {}
    return {"QUEUE_MAX_BYTES": str(min(up.queue_bytes, valkey_memory(up) // 2))}


def valkey_memory(up: UpSettings) -> int:
    """Bytes that our own Valkey may fill."""
    return fair_memory() if up.valkey_mb is None else up.valkey_mb * 1024**2


def api(commands: Programs, up: UpSettings, env: dict[str, str]) -> Child:
    """Open streams end within `SLUICE_GRACE_SECONDS`."""
    return Child("api", commands.api, env, grace=up.grace + MARGIN)


def further(commands: Programs, up: UpSettings, env: dict[str, str], others: Iterable[Further]) -> list[Child]:
    """One worker for each, in a pool of its own."""
    return [_worker(f"worker-{one.pool}", commands, up, env | one.env) for one in others]


def workers(commands: Programs, up: UpSettings, env: dict[str, str]) -> list[Child]:
    """As many workers as the settings want; each ends its jobs within `SLUICE_GRACE_SECONDS`, or hands them back."""
    names = [f"worker-{number}" for number in range(1, up.workers + 1)]
    return [_worker(name, commands, up, env) for name in names]


def _worker(name: str, commands: Programs, up: UpSettings, env: dict[str, str]) -> Child:
    alive = up.data_dir / "alive" / name
    return Child(name, commands.worker, env | {"SLUICE_ALIVE_FILE": str(alive)}, grace=up.grace + MARGIN, alive=alive)
