"""The whole chat in a running house: sidebar, composer, runtime and stream, besides the answer that is drawn.

The page's CSP forbids `eval`, and with it Playwright's `wait_for_function`: all waiting is by locators or `evaluate`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from playwright.sync_api import Locator, Page, expect

from bench.page.gauges import Cost, Gauges
from bench.page.scenarios import SETTLE_MS, type_until
from ollama_worker.engines.simulated_script import tokens_of

LAST = "The end of the answer."
ENDED = "document.querySelector('article[data-role=assistant]')?.ariaBusy === 'false'"
# A reader follows the answer's end from here on: dearer than to stay at its top, as the page does by itself.
FOLLOW_AFTER = 50  # keys, of five a second
FIRST_PAINT_MS = 30_000
OPENED = 5  # answers on the screen: a page of messages, and not the first of it


class Answering(NamedTuple):
    """A person sends a question, types on while the answer comes in, and follows the answer's end after ten seconds."""

    text: str
    """Of the answer, as `spoken` makes it."""
    tokens: int
    rate: int

    @property
    def name(self) -> str:
        return f"{self.tokens} tokens at {self.rate}/s"

    def prepare(self, page: Page) -> None:
        composer = composer_of(page)
        composer.fill(f"!say {self.text}")
        composer.focus()
        page.wait_for_timeout(SETTLE_MS)

    def run(self, page: Page, gauges: Gauges) -> Cost:
        gauges.start()
        page.keyboard.press("Enter")
        keys = 1 + type_until(page, ENDED, FOLLOW_AFTER)
        follow(page)
        keys += type_until(page, ENDED)
        cost = gauges.stop(keys)
        expect(page.locator("article[data-role=assistant]")).to_contain_text(LAST)
        return cost


class Loading(NamedTuple):
    """A long thread, opened by its address: a reload, a bookmark."""

    thread: str
    messages: int

    @property
    def name(self) -> str:
        return f"load a thread of {self.messages} messages"

    def prepare(self, page: Page) -> None:
        page.wait_for_timeout(SETTLE_MS)

    def run(self, page: Page, gauges: Gauges) -> Cost:
        gauges.start()
        page.goto(f"{page.url.partition('?')[0]}?c={self.thread}")
        return shown(page, gauges)


class Choosing(NamedTuple):
    """A long thread, opened from the list of chats."""

    title: str
    messages: int

    @property
    def name(self) -> str:
        return f"open a thread of {self.messages} messages"

    def prepare(self, page: Page) -> None:
        expect(self._entry(page)).to_be_visible()
        page.wait_for_timeout(SETTLE_MS)

    def run(self, page: Page, gauges: Gauges) -> Cost:
        gauges.start()
        self._entry(page).click()
        return shown(page, gauges)

    def _entry(self, page: Page) -> Locator:
        return page.get_by_role("navigation", name="Your chats").get_by_text(self.title, exact=True)


def composer_of(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


def follow(page: Page) -> None:
    """Moves to the answer's end, and back to typing."""
    jump = page.get_by_role("button", name="Jump to newest")
    if jump.is_visible():
        jump.click()
    composer_of(page).focus()


def shown(page: Page, gauges: Gauges) -> Cost:
    """The cost until all is drawn, formulas, colours and diagrams included."""
    expect(page.locator("article[data-role=assistant]").nth(OPENED)).to_be_visible(timeout=FIRST_PAINT_MS)
    page.wait_for_timeout(SETTLE_MS)
    return gauges.stop()


def spoken(text: str, tokens: int) -> str:
    """The first tokens of a text, as the simulated engine counts them; the last few announce the end."""
    words = tokens_of(text)[:tokens]
    for end in (f"\n\n{LAST}", f"\n```\n\n{LAST}", f"\n\nEnough. {LAST}"):
        whole = "".join([*words[: tokens - len(tokens_of(end))], end])
        if not open_fence(whole):
            return whole
    raise ValueError(f"the text has no good end near its token {tokens}")


def open_fence(text: str) -> bool:
    """Whether the text stops inside a code block."""
    return len(re.findall(r"^```", text, re.MULTILINE)) % 2 == 1
