"""`python -m bench.page`: the page's cost to the browser. Exit code 1 with `--check` where a target is missed."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from playwright.sync_api import Error as BrowserError
from rich.console import Console
from rich.table import Table

from bench.page.runs import RUNS, PageBroken, Results, Run, Sizes, chosen, run_all
from bench.page.scenarios import Unfinished
from bench.page.site import NotBuilt
from bench.page.targets import TARGETS, PageTarget
from bench.processes import NotStarted
from bench.report import Head

FULL = Sizes(tokens=3_000, rate=100, messages=200, shown=40)
QUICK = Sizes(tokens=600, rate=100, messages=60, shown=40)
PROMISING = "chat"
WORDS = tuple(dict.fromkeys(word for run in RUNS for word in run))
NOTE = """\
chat: the whole page in a running house; blocks: our drawing of answers alone, on a page of its own; plain: the same
with react-markdown and an update a token. Engine, queue and browser share this machine. The targets are promises of the
whole page, and --check asks it alone."""


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.page", description="What does the page cost the browser?")
    parser.add_argument("--check", action="store_true", help="end with 1 where a target is missed")
    parser.add_argument("--quick", action="store_true", help="a minute, with shorter texts: does it run?")
    parser.add_argument("--only", nargs="+", choices=WORDS, default=[], help="these scenarios, or on these subjects")
    arguments = parser.parse_args(words)
    if arguments.check and not any(run.subject == PROMISING for run in chosen(arguments.only)):
        parser.error(f"--check asks what the {PROMISING} costs, which --only leaves out")
    return arguments


def titles(sizes: Sizes) -> dict[str, str]:
    """A scenario's name, by its kind."""
    return {
        "stream": f"{sizes.tokens} tokens at {sizes.rate}/s",
        "open": f"open a thread of {sizes.messages} messages",
        "load": "the same by its address, page and all",
    }


def table(sizes: Sizes, results: Results) -> Table:
    made = Table("scenario", "figure", "target", "chat", "", "blocks", "", "plain")
    names = titles(sizes)
    for target in TARGETS:
        if any(run.kind == target.kind for run in results):
            cells = [cell for subject in ("chat", "blocks") for cell in judged(target, results, subject)]
            plain = results.get(Run(target.kind, "plain"))
            beside = target.shown(target.of(plain)) if plain else "-"
            made.add_row(names[target.kind], target.figure, target.shown(target.most), *cells, beside)
    return made


def judged(target: PageTarget, results: Results, subject: str) -> tuple[str, str]:
    """The figure, and whether it is what was promised; `-` for what was not measured."""
    cost = results.get(Run(target.kind, subject))
    if cost is None:
        return "-", ""
    if target.most is None:
        return target.shown(target.of(cost)), ""
    return target.shown(target.of(cost)), "[green]reached[/]" if target.reached(cost) else "[red]missed[/]"


def missed(results: Results) -> list[tuple[PageTarget, Run]]:
    """Only the whole page has promises: neither its parts alone nor react-markdown has any."""
    own = [(run, cost) for run, cost in results.items() if run.subject == PROMISING]
    return [
        (target, run) for run, cost in own for target in TARGETS if target.kind == run.kind and not target.reached(cost)
    ]


def main() -> int:
    if sys.platform != "linux":
        sys.exit("sluice: the bench starts its house with Linux's /proc; run it in a container.")
    arguments = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwind, so that every process is ended in order
    head, sizes = Head.now(sys.argv[1:], "bench.page"), QUICK if arguments.quick else FULL
    try:
        results = run_all(chosen(arguments.only), sizes, Console(stderr=True))
    except (NotBuilt, NotStarted, PageBroken, Unfinished, FileNotFoundError, AssertionError, BrowserError) as error:
        sys.exit(f"sluice: {error}")
    console = Console(width=max(Console().width, 132))
    busy = f"load {os.getloadavg()[0]:.1f} at the end"
    console.print(
        f"\n[bold]Sluice bench, the page[/bold], {head.date}\n{head.machine}, {busy}\n$ {head.command}\n{NOTE}\n"
    )
    console.print(table(sizes, results))
    return 1 if arguments.check and missed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
