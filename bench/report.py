"""The result for people (tables) and for machines (figure JSON file)."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from bench.measure import Result, Results
from bench.scenarios import CROWD, Scenario
from bench.targets import faults, verdicts

PROCESSES = ("api", "worker", "redis", "floor", "engine", "load")
PERCENTILES = ("p50", "p99")
LATENCIES = ("first p50", "p99", "token p50", "p99")
NOTE = """\
token: its age in ms when the client reads it; first: request to first token, ms; +: beside the direct call, at the
same percentile. CPU: user and system, all threads, µs a token."""


class Head(NamedTuple):
    """Where and how a run was made."""

    date: str
    machine: str
    command: str

    @classmethod
    def now(cls, words: list[str], module: str = "bench") -> Head:
        machine = f"{cpu_model()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
        date = datetime.now(UTC).isoformat(timespec="seconds")
        python = f"Python {platform.python_version()}"
        # The load of other programs counts, whose use of CPU the figures show as ours.
        busy = f"load {os.getloadavg()[0]:.1f} at the start"
        return cls(date, f"{machine}, {python}, {busy}", " ".join([f"python -m {module}", *words]))


def cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def show(console: Console, head: Head, scenarios: tuple[Scenario, ...], results: Results) -> None:
    console.print(f"\n[bold]Sluice bench[/bold], {head.date}\n{head.machine}\n$ {head.command}\n{NOTE}\n")
    for scenario in scenarios:
        console.print(chats_table(scenario, results) if scenario.per_chat else tokens_table(scenario, results))
    if (CROWD, "sluice") in results:
        console.print(memory_line(results[CROWD, "sluice"], scenarios))
    if verdicts(results):
        console.print(verdict_table(results))
    for run, result in faults(results).items():
        console.print(f"[red]{run}: {result.faulty} streams at fault, e.g. {result.faults[0]}[/red]", soft_wrap=True)


def tokens_table(scenario: Scenario, results: Results) -> Table:
    """A row for each route: latency in ms, CPU in µs a token."""
    load = f"{scenario.streams} answers of {scenario.tokens} tokens at once, again and again"
    table = new_table(f"{scenario.name}: {load if scenario.tokens else 'streams x tokens a second'}")
    for heading in ("", "tokens/s", *LATENCIES, *PROCESSES, "faults"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for route in scenario.routes:
        result = results[scenario.name, route]
        rate = f"{result.tokens / result.seconds:,.0f}"
        table.add_row(route, rate, *latencies(scenario.name, route, results), *costs(result), str(result.faulty))
    return table


def new_table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title_style="bold")


def latencies(scenario: str, route: str, results: Results) -> list[str]:
    """First token and token age, in the order of LATENCIES, and what they add to the direct call's."""
    result, direct = results[scenario, route], results.get((scenario, "direct"))
    if not result.whole:
        return [""] * len(LATENCIES)
    figures = [*(result.wait_ms(at) for at in PERCENTILES), *(result.age_ms(at) for at in PERCENTILES)]
    if route == "floor":  # the floor's frames are made in advance and carry no time
        return [short(figures[0]), short(figures[1]), "", ""]
    if route == "direct" or direct is None:
        return [short(figure) for figure in figures]
    beside = [*(direct.wait_ms(at) for at in PERCENTILES), *(direct.age_ms(at) for at in PERCENTILES)]
    return [f"{short(figure)} {short(figure - other, '+')}" for figure, other in zip(figures, beside, strict=True)]


def short(value: float, sign: str = "") -> str:
    """Three digits or so: 0.45, 12.3, 345."""
    places = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:{sign},.{places}f}"


def costs(result: Result, per: int | None = None) -> list[str]:
    """CPU of each process in µs, blank for those that have no part in the route."""
    spent = (result.cpu_us(process, per) if result.tokens else None for process in PROCESSES)
    return ["" if figure is None else short(figure) for figure in spent]


def chats_table(scenario: Scenario, results: Results) -> Table:
    """The closed loop: how many whole chats a second, and CPU in µs a chat."""
    title = f"{scenario.name}: {scenario.streams} x whole answers of {scenario.tokens} tokens; CPU in µs a chat"
    table = new_table(title)
    for heading in ("", "chats/s", *LATENCIES[:2], *PROCESSES, "faults"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for route in scenario.routes:
        result = results[scenario.name, route]
        waits = latencies(scenario.name, route, results)[:2]
        rate = f"{result.chats / result.seconds:,.0f}"
        table.add_row(route, rate, *waits, *costs(result, result.chats), str(result.faulty))
    return table


def memory_line(result: Result, scenarios: tuple[Scenario, ...]) -> str:
    """The memory that an open stream holds in the API."""
    streams = next(scenario.streams for scenario in scenarios if scenario.name == CROWD)
    each = result.grown_bytes("api") / streams / 1024
    total = result.open_bytes["api"] / 1024 / 1024
    return f"Memory: {each:.1f} KiB of the API for each of {streams:,} open streams ({total:.0f} MiB in all)\n"


def verdict_table(results: Results) -> Table:
    table = new_table("Targets")
    for heading in ("", "limit", "measured", ""):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for verdict in verdicts(results):
        what, limit, unit, _ = verdict.target
        mark = "[green]reached[/green]" if verdict.reached else "[red]missed[/red]"
        table.add_row(what, f"{limit:g} {unit}", f"{verdict.value:.2f}", mark)
    return table


def write(file: Path, head: Head, results: Results) -> None:
    """Everything measured, raw."""
    file.parent.mkdir(parents=True, exist_ok=True)
    runs: list[dict[str, Any]] = [
        {"scenario": scenario, "route": route, **result._asdict()} for (scenario, route), result in results.items()
    ]
    targets = [
        {"what": result.target.what, "limit": result.target.limit, "unit": result.target.unit, "measured": result.value}
        for result in verdicts(results)
    ]
    file.write_text(json.dumps({**head._asdict(), "targets": targets, "runs": runs}, indent=1, ensure_ascii=False))
