"""Every scenario with each of its subjects, one after the other, each in a page of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from bench.page.chat import Answering, Choosing, Loading, spoken
from bench.page.gauges import IN_PAGE, Cost, Gauges
from bench.page.house import PageMessage, PageThread, open_house
from bench.page.scenarios import Opening, PageScenario, Streaming, harness_of
from bench.page.site import build, served

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHARACTERS_A_TOKEN = 8  # at most, on average: more text than is needed, of which the engine sends the first tokens
LONG = "A long thread"


class Run(NamedTuple):
    """One scenario and the subject that it is measured on."""

    kind: str
    subject: str


Results = dict[Run, Cost]
RUNS = (
    *(Run(kind, subject) for subject in ("blocks", "plain") for kind in ("stream", "open")),
    *(Run(kind, "chat") for kind in ("stream", "open", "load")),
)


class Sizes(NamedTuple):
    tokens: int
    rate: int
    """Tokens a second."""
    messages: int
    """Of the thread that is opened."""
    shown: int
    """Of them, as many as the chat draws at first."""


class Texts(NamedTuple):
    """The texts that are drawn, the same on every subject."""

    answer: str
    thread: list[PageMessage]


class PageBroken(Exception):
    """The page failed while it was measured: its figures would be those of an empty page."""


def chosen(only: list[str]) -> tuple[Run, ...]:
    """The runs of the named kinds, or subjects, or both; all of them where nothing is named."""
    kinds = [word for word in only if any(run.kind == word for run in RUNS)] or [run.kind for run in RUNS]
    subjects = [word for word in only if any(run.subject == word for run in RUNS)] or [run.subject for run in RUNS]
    return tuple(run for run in RUNS if run.kind in kinds and run.subject in subjects)


def run_all(runs: tuple[Run, ...], sizes: Sizes, console: Console) -> Results:
    """Raises NotBuilt, NotStarted, PageBroken, FileNotFoundError, Playwright's errors."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-page-") as name:
        folder = Path(name)
        build(folder / "harness")
        with served(folder / "harness") as address, browser() as chromium:
            texts = read_texts(chromium, address, sizes)
            own = {run: on_harness(run, sizes) for run in runs if run.subject != "chat"}
            results = measure_all(chromium, address, own, console)
        chats = {run: in_chat(run, sizes, texts) for run in runs if run.subject == "chat"}
        if not chats:
            return results
        threads = [PageThread("long", LONG, texts.thread)]
        # A browser of its own, opened after the house: Playwright's loop lets no other run in its thread.
        with open_house(folder, sizes.rate, threads) as address, browser() as chromium:
            return results | measure_all(chromium, f"{address}/", chats, console)


def on_harness(run: Run, sizes: Sizes) -> PageScenario:
    renderer = "ours" if run.subject == "blocks" else run.subject
    if run.kind == "stream":
        return Streaming(renderer, sizes.tokens, sizes.rate)
    return Opening(renderer, sizes.messages, sizes.shown)


def in_chat(run: Run, sizes: Sizes, texts: Texts) -> PageScenario:
    if run.kind == "stream":
        return Answering(texts.answer, sizes.tokens, sizes.rate)
    return Choosing(LONG, sizes.messages) if run.kind == "open" else Loading("long", sizes.messages)


def read_texts(chromium: Browser, address: str, sizes: Sizes) -> Texts:
    """What the bench's own page draws, for the chat to draw the same."""
    with page_of(chromium) as page:
        page.goto(address)
        harness_of(page)
        answer = page.evaluate(f"bench.texts.answer({sizes.tokens * CHARACTERS_A_TOKEN // 4})")
        thread = page.evaluate(f"bench.texts.thread({sizes.messages})")
    return Texts(spoken(answer, sizes.tokens), [PageMessage(message["role"], message["text"]) for message in thread])


def measure_all(chromium: Browser, address: str, scenarios: dict[Run, PageScenario], console: Console) -> Results:
    results: Results = {}
    for run, scenario in scenarios.items():
        console.print(f"{scenario.name}: {run.subject} …", style="dim")
        of = measure_twice if run.kind == "stream" else measure
        results[run] = of(chromium, address, scenario)
    return results


def measure_twice(chromium: Browser, address: str, scenario: PageScenario) -> Cost:
    """Runs a scenario once to count frames, once for the main thread's work: counting costs work in every frame."""
    counted = measure(chromium, address, scenario)
    undisturbed = measure(chromium, address, scenario, frames=False)
    return undisturbed._replace(dropped=counted.dropped)


def measure(chromium: Browser, address: str, scenario: PageScenario, frames: bool = True) -> Cost:
    """Runs a scenario in a page of its own, so that nothing is warm from another run. Raises PageBroken."""
    with page_of(chromium, frames) as page:
        errors = list[str]()
        page.on("pageerror", lambda error: errors.append(error.message))
        page.goto(address)
        scenario.prepare(page)
        cost = scenario.run(page, Gauges(page))
    if errors:
        raise PageBroken(f"{scenario.name}: {errors[0]}")
    return cost


def chromium_path() -> str:
    """The system's Chromium. Raises FileNotFoundError with what to install."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        raise FileNotFoundError(f"none of {', '.join(CHROMIUM)} is on PATH; on Debian: apt-get install chromium")
    return path


@contextmanager
def browser() -> Iterator[Browser]:
    """Raises FileNotFoundError with what to install."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # root may not use Chromium's own sandbox
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=sandbox)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def page_of(chromium: Browser, frames: bool = True) -> Iterator[Page]:
    """A page with gauges, in a context without anything cached. `frames`: whether they are counted too."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = context.new_page()
        page.add_init_script(f"globalThis.countsFrames = {str(frames).lower()};{IN_PAGE}")
        yield page
    finally:
        context.close()
