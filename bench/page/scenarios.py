"""What is measured, and where. A scenario gets an open page and returns its cost.

`prepare` opens what the scenario needs, `run` works from `start` to `stop`. `Streaming` and `Opening` use the bench's
page (`window.bench` in `frontend/tests/answer/bench/harness.tsx`), those of `bench.page.chat` the chat of a house.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import NamedTuple, Protocol

from playwright.sync_api import Page

from bench.page.gauges import Cost, Gauges

KEY_EVERY_MS = 200  # a person who types fast
WORDS = "the quick brown fox "
PATIENCE_SECONDS = 180  # several times what the longest answer takes
SETTLE_MS = 2_000  # formulas, colours and diagrams come behind the text, and belong to the answer


class PageScenario(Protocol):
    @property
    def name(self) -> str: ...

    def prepare(self, page: Page) -> None:
        """Brings the page to where the measuring begins."""

    def run(self, page: Page, gauges: Gauges) -> Cost: ...


class Streaming(NamedTuple):
    """An answer comes in while a person types."""

    renderer: str
    tokens: int
    rate: int

    @property
    def name(self) -> str:
        return f"{self.tokens} tokens at {self.rate}/s"

    def prepare(self, page: Page) -> None:
        harness_of(page)
        page.locator("textarea").focus()

    def run(self, page: Page, gauges: Gauges) -> Cost:
        gauges.start()
        stream = f"bench.stream('{self.renderer}', {self.tokens}, {self.rate})"
        page.evaluate(f"void {stream}.then(() => (globalThis.streamed = true))")
        keys = type_until(page, "globalThis.streamed === true")
        return gauges.stop(keys)


class Opening(NamedTuple):
    """A long thread is opened, of which the chat draws the last messages."""

    renderer: str
    messages: int
    shown: int

    @property
    def name(self) -> str:
        return f"open a thread of {self.messages} messages"

    def prepare(self, page: Page) -> None:
        harness_of(page)

    def run(self, page: Page, gauges: Gauges) -> Cost:
        gauges.start()
        page.evaluate(f"bench.open('{self.renderer}', {self.messages}, {self.shown})")
        page.wait_for_timeout(SETTLE_MS)
        return gauges.stop()


def harness_of(page: Page) -> None:
    """Waits until the bench's own page takes orders."""
    page.wait_for_function("globalThis.bench && document.querySelector('textarea')")


class Unfinished(Exception):
    """A scenario that should have ended long ago has not."""


def type_until(page: Page, condition: str, most: int | None = None) -> int:
    """How many keys were typed before the condition (JavaScript) held, or `most`. Raises Unfinished, with a picture."""
    keys, end = 0, time.monotonic() + PATIENCE_SECONDS
    while keys != most and not page.evaluate(condition):
        if time.monotonic() > end:
            picture = Path(tempfile.gettempdir()) / "sluice-bench-page.png"
            page.screenshot(path=picture)
            raise Unfinished(f"after {PATIENCE_SECONDS} s there is no end; the page looks like {picture}")
        page.keyboard.press("Space" if WORDS[keys % len(WORDS)] == " " else WORDS[keys % len(WORDS)])
        keys += 1
        page.wait_for_timeout(KEY_EVERY_MS)
    return keys
