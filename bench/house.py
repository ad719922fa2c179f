"""What is measured: Sluice as `sluice up` runs it, before a fake engine, and beside it the floor.

load ──► API ◄──► Valkey ◄──► worker ──► fake engine      "sluice", "events", "openai", "langserve"
load ──────────────────────────────────► fake engine      "direct"
load ──► bare StreamingResponse                           "floor"
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import NamedTuple

from bench.fake_ollama import MODEL
from bench.processes import Crew, free_port
from bench.profiling import profiled
from sluice.address import wait_until_healthy
from sluice.valkey import embedded_valkey, fair_memory, wait_until_loaded

SLOTS = 256  # the most that one worker may run at once
START = 60.0  # seconds within which the whole house must answer


class Route(NamedTuple):
    """One way from the load generator to tokens, and the processes whose CPU it costs."""

    url: str
    dialect: str
    pids: dict[str, int]


class House:
    """The processes of one measurement. `profile` names the process that runs under the profiler, if any."""

    def __init__(self, crew: Crew, folder: Path, workers: int, profile: str | None) -> None:
        self._crew = crew
        self._folder = folder
        self._workers = workers
        self._profile = profile

    def open(self) -> dict[str, Route]:
        """Starts every process, waits until all answer, and returns the routes by name."""
        engine_url, engine = self._start_server("engine", "bench.fake_ollama")
        floor_url, floor = self._start_server("floor", "bench.floor")
        url, house = self._start_sluice(engine_url)
        pids = {**house, "engine": engine}
        return {
            "direct": Route(engine_url, "ndjson", {"engine": engine}),
            "floor": Route(floor_url, "ndjson", {"floor": floor}),
            "sluice": Route(url, "ndjson", pids),
            "events": Route(url, "events", pids),
            "openai": Route(url, "openai", pids),
            "langserve": Route(url, "langserve", pids),
        }

    def _start_server(self, name: str, module: str) -> tuple[str, int]:
        port = free_port()
        pid = self._crew.start(name, [sys.executable, "-m", module, "--port", str(port)])
        self._crew.wait_for_port(name, port)
        return f"http://127.0.0.1:{port}", pid

    def _start_sluice(self, engine_url: str) -> tuple[str, dict[str, int]]:
        """Starts Valkey, workers and API; returns the API's URL and the pid of each process."""
        redis_url, redis = self._start_valkey()
        port = free_port()
        env = {
            "REDIS_URL": redis_url,
            "SLUICE_ENGINE": "ollama",
            "OLLAMA_BASE_URL": engine_url,
            "MODEL_NAME": MODEL,
            "SLUICE_SLOTS": str(SLOTS),
            "SLUICE_PORT": str(port),
        }
        workers = {f"worker{i}": self._start_python(f"worker{i}", "ollama_worker", env) for i in range(self._workers)}
        api = self._start_python("api", "backend", env)
        url = f"http://127.0.0.1:{port}"
        asyncio.run(asyncio.wait_for(wait_until_healthy(url), START))
        return url, {"api": api, "redis": redis, **workers}

    def _start_valkey(self) -> tuple[str, int]:
        """The server and its settings are `sluice up`'s own: a UNIX socket, an append-only file."""
        child, url = embedded_valkey(self._folder, self._crew.log("redis"), fair_memory())
        pid = self._crew.start("redis", child.command)
        asyncio.run(asyncio.wait_for(wait_until_loaded(url), START))
        return url, pid

    def _start_python(self, name: str, module: str, env: dict[str, str]) -> int:
        command = [sys.executable, "-m", module]
        if name == self._profile:
            command = profiled(module, self._folder / f"{name}.profile")
        return self._crew.start(name, command, env)
