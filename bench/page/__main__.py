"""`python -m bench.page`: what do answers cost the browser? Exit code 1 with `--check` where a target is missed."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from bench.page.gauges import IN_PAGE, Cost, Gauges
from bench.page.scenarios import RENDERERS, Opening, Scenario, Streaming
from bench.page.site import NotBuilt, build, served
from bench.page.targets import TARGETS

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

Results = dict[tuple[str, str], Cost]
"""By kind of scenario (`stream`, `open`) and renderer."""


class Broken(Exception):
    """The page failed while it was measured: its figures would be those of an empty page."""


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.page", description="What do answers cost the browser?")
    parser.add_argument("--check", action="store_true", help="end with 1 where a target is missed")
    parser.add_argument("--tokens", type=int, default=3_000)
    parser.add_argument("--rate", type=int, default=100, help="tokens a second")
    parser.add_argument("--messages", type=int, default=200, help="of the thread that is opened")
    parser.add_argument("--shown", type=int, default=40, help="of them, as many as the chat draws at first")
    return parser.parse_args(words)


def scenarios(arguments: argparse.Namespace, renderer: str) -> dict[str, Scenario]:
    return {
        "stream": Streaming(renderer, arguments.tokens, arguments.rate),
        "open": Opening(renderer, arguments.messages, arguments.shown),
    }


@contextmanager
def browser() -> Iterator[Browser]:
    """The system's Chromium. Raises FileNotFoundError with what to install."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        raise FileNotFoundError(f"none of {', '.join(CHROMIUM)} is on PATH; on Debian: apt-get install chromium")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # root may not use Chromium's own
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=sandbox)
        try:
            yield chromium
        finally:
            chromium.close()


def measure(chromium: Browser, address: str, scenario: Scenario) -> Cost:
    """In a page of its own, so that nothing is warm from another."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    try:
        page, errors = context.new_page(), list[str]()
        page.on("pageerror", lambda error: errors.append(error.message))
        page.add_init_script(IN_PAGE)
        page.goto(address)
        page.wait_for_function("globalThis.bench && document.querySelector('textarea')")
        scenario.prepare(page)
        cost = scenario.run(page, Gauges(page))
        if errors:
            raise Broken(f"{scenario.name}: {errors[0]}")
        return cost
    finally:
        context.close()


def run(arguments: argparse.Namespace, console: Console) -> Results:
    results: Results = {}
    with tempfile.TemporaryDirectory(prefix="sluice-bench-page-") as name:
        build(Path(name))
        with served(Path(name)) as address, browser() as chromium:
            for renderer in RENDERERS:
                for kind, scenario in scenarios(arguments, renderer).items():
                    console.print(f"{scenario.name}: {renderer} …", style="dim")
                    results[kind, renderer] = measure(chromium, address, scenario)
    return results


def table(arguments: argparse.Namespace, results: Results) -> Table:
    made = Table("scenario", "figure", "target", "ours", "", "react-markdown", "ratio")
    names = {kind: scenario.name for kind, scenario in scenarios(arguments, "ours").items()}
    for target in TARGETS:
        ours, plain = results[target.scenario, "ours"], results[target.scenario, "plain"]
        found, beside = target.of(ours), target.of(plain)
        verdict = "[green]reached[/]" if target.reached(ours) else "[red]missed[/]"
        ratio = f"{beside / found:.1f} x" if found and beside else "-"
        row = (target.shown(target.most), target.shown(found), verdict, target.shown(beside), ratio)
        made.add_row(names[target.scenario], target.figure, *row)
    return made


def main() -> int:
    arguments = parse(sys.argv[1:])
    try:
        results = run(arguments, Console(stderr=True))
    except (NotBuilt, Broken, FileNotFoundError) as error:
        sys.exit(f"sluice: {error}")
    Console(width=max(Console().width, 120)).print(table(arguments, results))
    missed = [target for target in TARGETS if not target.reached(results[target.scenario, "ours"])]
    return 1 if arguments.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
