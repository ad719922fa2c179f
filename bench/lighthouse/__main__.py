"""`python -m bench.lighthouse`: the page's scores. Exit code 1 where a score is below its least."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.lighthouse.budget import CATEGORIES, LOOKS, PAGES, Assessment, Look, Results, missed, read
from bench.page.house import PageMessage, PageThread, open_house
from bench.page.runs import chromium_path
from bench.page.site import NotBuilt
from bench.processes import NotStarted
from bench.report import Head

LIGHTHOUSE = Path(__file__).parent / "node_modules" / ".bin" / "lighthouse"
LIMIT = 300  # seconds for one page, which takes half a minute
RATE = 100
TOLD = [
    PageThread(
        "demo",
        "Three planets",
        [PageMessage("user", "Name three planets."), PageMessage("assistant", "Earth, Mars, Jupiter.")],
    )
]


class NoReport(Exception):
    """Lighthouse gave no report; the message has the reason."""


def look_at(address: str, look: Look, folder: Path) -> Assessment:
    """Runs Lighthouse on the page and returns its scores and faults. Raises NoReport."""
    report = folder / f"{look.page}-{look.form}.json"
    sandbox = " --no-sandbox" if os.geteuid() == 0 else ""  # root may not use Chromium's own sandbox
    command = [
        *(str(LIGHTHOUSE), address + PAGES[look.page], "--quiet", "--output=json", f"--output-path={report}"),
        *(f"--only-categories={','.join(CATEGORIES)}", f"--chrome-flags=--headless=new{sandbox}"),
        *(["--preset=desktop"] if look.form == "desktop" else []),
    ]
    env = {**os.environ, "CHROME_PATH": chromium_path(), "TMPDIR": str(folder)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT)
    if not report.exists():
        raise NoReport(f"lighthouse ended with {done.returncode}:\n{done.stderr[-2000:]}")
    try:
        return read(look, json.loads(report.read_text()))
    except ValueError as error:
        raise NoReport(str(error)) from None


def run(console: Console) -> Results:
    results: Results = {}
    with tempfile.TemporaryDirectory(prefix="sluice-lighthouse-") as name:
        folder = Path(name)
        with open_house(folder, RATE, TOLD) as address:
            for look in LOOKS:
                console.print(f"{look.page}, {look.form} …", style="dim")
                results[look] = look_at(address, look, folder)
    return results


def table(results: Results) -> Table:
    made = Table("page", "device", *CATEGORIES)
    for look, assessment in results.items():
        made.add_row(look.page, look.form, *(_cell(look, name, assessment.scores[name]) for name in CATEGORIES))
    return made


def _cell(look: Look, category: str, score: int) -> str:
    least = look.least(category)
    return f"[green]{score}[/] (≥ {least})" if score >= least else f"[red]{score}[/] (≥ {least}) missed"


def main() -> int:
    if not LIGHTHOUSE.exists() or shutil.which("node") is None:
        sys.exit("sluice: Lighthouse is not installed: run `make lighthouse`")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwind, so that every process is ended in order
    head = Head.now([], "bench.lighthouse")
    try:
        results = run(Console(stderr=True))
    except (NotBuilt, NotStarted, NoReport, FileNotFoundError, subprocess.TimeoutExpired) as error:
        sys.exit(f"sluice: {error}")
    console = Console(width=max(Console().width, 100))
    console.print(f"\n[bold]Sluice, Lighthouse[/bold], {head.date}\n{head.machine}\n")
    console.print(table(results))
    for look, assessment in results.items():
        for fault in assessment.faults:
            console.print(f"{look.page}, {look.form}: {fault}", highlight=False)
    return 1 if missed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
