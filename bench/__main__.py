"""`python -m bench`: measure, print, and report whether the targets are reached. `--help` lists the options."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from itertools import groupby
from pathlib import Path

from rich.console import Console

from bench.house import House
from bench.measure import Results, measure
from bench.processes import Crew, NotStarted
from bench.profiling import summary
from bench.report import Head, show, write
from bench.scenarios import FULL, MAIN, QUICK, WARM_UP, Scenario
from bench.targets import faults


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What does the queue cost?")
    parser.add_argument("--quick", action="store_true", help="half a minute, for CI: does it run, is anything lost")
    parser.add_argument("--only", choices=[scenario.name for scenario in FULL], help="one scenario")
    parser.add_argument("--profile", choices=("api", "worker0"), help=f"profile this process, at {MAIN} or --only")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where the raw figures go")
    return parser.parse_args(words)


def chosen(arguments: argparse.Namespace) -> tuple[Scenario, ...]:
    """The scenarios to run. A profile is of one scenario and one route: a mixture of several would show nothing."""
    if arguments.profile:
        only = arguments.only or MAIN
        return tuple(scenario._replace(routes=("sluice",)) for scenario in FULL if scenario.name == only)
    scenarios = QUICK if arguments.quick else FULL
    return tuple(scenario for scenario in scenarios if arguments.only in (None, scenario.name))


def run(scenarios: tuple[Scenario, ...], profile: str | None, console: Console) -> Results:
    """Run every scenario on each of its routes, in a fresh house wherever the number of workers changes."""
    results: Results = {}
    for workers, group in groupby(scenarios, key=lambda scenario: scenario.workers):
        with tempfile.TemporaryDirectory(prefix="sluice-bench-") as name, Crew(Path(name)) as crew:
            folder = Path(name)
            results |= run_in(House(crew, folder, workers, profile), list(group), console)
            if profile:
                # Not SIGTERM: uvicorn ends by that signal in the end, before the profiler has written its file.
                crew.end(profile, signal.SIGINT)
                console.print(summary(folder / f"{profile}.profile"), highlight=False, soft_wrap=True)
    return results


def run_in(house: House, scenarios: list[Scenario], console: Console) -> Results:
    routes = house.open()
    for name in {name for scenario in scenarios for name in scenario.routes}:
        measure(WARM_UP, routes[name])
    results: Results = {}
    for scenario in scenarios:
        for name in scenario.routes:
            console.print(f"{scenario.name}: {name} …", style="dim")
            results[scenario.name, name] = measure(scenario, routes[name])
    return results


def wide_console() -> Console:
    """Tables need 132 columns; a pipe or a narrow terminal gets that width too, because it would cut cells off."""
    console = Console()
    return Console(width=max(console.width, 132))


def main() -> int:
    """Exit code 1 where a stream was lost, short, doubled or mixed up: figures depend on the machine, faults do not."""
    if sys.platform != "linux":
        sys.exit("sluice: the bench reads CPU times from Linux's kernel; run it in a container.")
    arguments = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwind, so that every process is ended in order
    head, scenarios = Head.now(sys.argv[1:]), chosen(arguments)
    try:
        results = run(scenarios, arguments.profile, Console(stderr=True))
    except NotStarted as error:
        sys.exit(f"sluice: {error}")
    if not arguments.profile:
        show(wide_console(), head, scenarios, results)
        write(arguments.json, head, results)
    return 1 if faults(results) else 0


if __name__ == "__main__":
    sys.exit(main())
