"""What a release must reach. Limits hold on two cores that the load and the engine share."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.measure import Result, Results
from bench.scenarios import CROWD, MAIN, SPOKEN

FLOORS = 4  # an API may cost this many times what a bare StreamingResponse costs


class Target(NamedTuple):
    what: str
    limit: float
    unit: str
    value: Callable[[Results], float]


class Verdict(NamedTuple):
    target: Target
    value: float

    @property
    def reached(self) -> bool:
        return self.value <= self.target.limit


def added_ms(results: Results, scenario: str, at: str, route: str = "sluice") -> float:
    """How much older a token is behind Sluice than straight from the engine, at the same percentile."""
    return results[scenario, route].age_ms(at) - results[scenario, "direct"].age_ms(at)


def cpu_us(results: Results, process: str) -> float:
    return results[MAIN, "sluice"].cpu_us(process) or 0.0


def floors(results: Results) -> float:
    """The API's cost as a multiple of the floor's."""
    floor = results[MAIN, "floor"].cpu_us("floor")
    return cpu_us(results, "api") / floor if floor else 0.0


def openai_times(results: Results) -> float:
    """An OpenAI token's cost to the API as a multiple of a native event's."""
    native, spoken = (results[MAIN, route].cpu_us("api") or 0.0 for route in SPOKEN)
    return spoken / native if native else 0.0


TARGETS = (
    Target(f"{MAIN}: added latency a token, p50", 0.5, "ms", lambda result: added_ms(result, MAIN, "p50")),
    Target(f"{MAIN}: added latency a token, p99", 2.0, "ms", lambda result: added_ms(result, MAIN, "p99")),
    Target(f"{MAIN}: API", 35, "µs a token", lambda result: cpu_us(result, "api")),
    Target(f"{MAIN}: worker", 80, "µs a token", lambda result: cpu_us(result, "worker")),
    Target(f"{MAIN}: Redis", 30, "µs a token", lambda result: cpu_us(result, "redis")),
    Target(f"{MAIN}: API beside the floor", FLOORS, "times", floors),
    Target(f"{MAIN}: API, an OpenAI streamed token beside a native one", 1.2, "times", openai_times),
    Target(f"{CROWD}: streams lost or short", 0, "streams", lambda result: result[CROWD, "sluice"].faulty),
)


def verdicts(results: Results) -> list[Verdict]:
    """The targets whose scenario was run."""
    run = {scenario for scenario, _ in results}
    wanted = (target for target in TARGETS if target.what.partition(":")[0] in run)
    return [Verdict(target, target.value(results)) for target in wanted]


def faults(results: Results) -> dict[str, Result]:
    """Runs with streams that were lost, short, doubled or out of order: these are never acceptable."""
    return {f"{scenario}, {route}": result for (scenario, route), result in results.items() if result.faulty}
