"""One run: the load generator as a process of its own, and its result."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, NamedTuple

from bench.house import Route
from bench.processes import clean_environment
from bench.scenarios import Scenario


class Result(NamedTuple):
    """What the load generator printed (`bench.load.run`). Times in nanoseconds, memory in bytes."""

    seconds: float
    tokens: int
    chats: int
    whole: int
    faults: list[str]
    faulty: int
    age_ns: dict[str, int]
    wait_ns: dict[str, int]
    cpu_ns: dict[str, int]
    idle_bytes: dict[str, int]
    open_bytes: dict[str, int]

    def age_ms(self, at: str) -> float:
        """The age of tokens when they were read, at `p50`, `p99` or `max`."""
        return self.age_ns.get(at, 0) / 1e6

    def wait_ms(self, at: str) -> float:
        """The time from a request to its first token."""
        return self.wait_ns.get(at, 0) / 1e6

    def cpu_us(self, process: str, per: int | None = None) -> float | None:
        """CPU a token (or `per` something else) of all processes of this name; None where none was watched."""
        used = [spent for name, spent in self.cpu_ns.items() if name.startswith(process)]
        return sum(used) / 1e3 / max(self.tokens if per is None else per, 1) if used else None

    def grown_bytes(self, process: str) -> int:
        """Memory that the open streams took."""
        return self.open_bytes[process] - self.idle_bytes[process]


Results = dict[tuple[str, str], Result]  # by scenario and route


def measure(scenario: Scenario, route: Route) -> Result:
    """Put a scenario's load on a route."""
    command = [sys.executable, "-m", "bench.load", route.url, "--dialect", route.dialect]
    for option in ("streams", "rate", "seconds", "ramp", "tokens"):
        command += [f"--{option}", str(getattr(scenario, option))]
    command += ["--watch", *(f"{name}={pid}" for name, pid in route.pids.items())]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=clean_environment())
    fields: dict[str, Any] = json.loads(done.stdout)
    return Result(**fields)
