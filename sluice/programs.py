"""The processes of a house: what they run, and what reaches them through their environment."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from ollama_worker.settings import WorkerSettings
from sluice.settings import UpSettings
from sluice.supervisor import Child

API_GRACE = 10.0  # seconds that open streams get to end
MARGIN = 5.0  # seconds that a process gets past its own grace, to put things away itself before it is killed


@dataclass(frozen=True)
class Programs:
    """The command lines; tests put stand-ins here."""

    api: tuple[str, ...] = (sys.executable, "-m", "backend")
    worker: tuple[str, ...] = (sys.executable, "-m", "ollama_worker")


def environment(settings: UpSettings, redis_url: str) -> dict[str, str]:
    """What every process is told. It wins over `.env`, so that all agree."""
    return {
        "REDIS_URL": redis_url,
        "SLUICE_DATA_DIR": str(settings.data_dir),
        "SLUICE_HOST": settings.host,
        "SLUICE_PORT": str(settings.port),
        "LANGSMITH_TRACING": "false",  # an inherited `true` would send prompts to a tracing service
    }


def api(commands: Programs, env: dict[str, str]) -> Child:
    return Child("api", commands.api, env, grace=API_GRACE + MARGIN)


def workers(commands: Programs, up: UpSettings, worker: WorkerSettings, env: dict[str, str]) -> list[Child]:
    """As many as were asked for; each ends or hands back its jobs within the worker's own grace."""
    return [
        Child(f"worker-{number}", commands.worker, env, grace=worker.grace + MARGIN)
        for number in range(1, up.workers + 1)
    ]
