"""The chat page as a person uses it: by the words on it and by what a screen reader reads."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect

from tests.browser.chromium import PATIENT
from tests.support.waiting import eventually

WORD = re.compile(r"\bw\d+\b")


class Chat:
    """One tab with the chat. Its locators wait by themselves; `expect` waits until an assertion becomes true."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def answers(self) -> Locator:
        return self.page.get_by_role("article", name="Answer")

    @property
    def questions(self) -> Locator:
        return self.page.get_by_role("article", name="You", exact=True)

    @property
    def answer(self) -> Locator:
        """The newest answer."""
        return self.answers.last

    @property
    def status(self) -> Locator:
        return self.page.get_by_test_id("status")

    @property
    def stop_button(self) -> Locator:
        return self.page.get_by_role("button", name="Stop", exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def send(self, text: str) -> None:
        """Type the text and press Enter, or the button on a touch screen, where Enter makes a new line."""
        await self.composer.fill(text)
        if await self.page.evaluate("matchMedia('(pointer: coarse)').matches"):
            await self.page.get_by_role("button", name=re.compile("^(Send|Queue this message)$")).click()
        else:
            await self.composer.press("Enter")

    async def ask(self, text: str) -> None:
        """Send, and wait until the answer is whole."""
        before = await self.answers.count()
        await self.send(text)
        await expect(self.answers).to_have_count(before + 1)
        await self.done()

    async def edit_first(self, text: str) -> None:
        """Send another text in place of the first question."""
        await self.questions.first.hover()
        await self.button("Edit message").click()
        field = self.page.get_by_role("textbox", name="Edit your message")
        await field.fill(text)
        await field.press("Enter")

    async def done(self) -> None:
        """Wait until the newest answer has ended."""
        await expect(self.answer).to_have_attribute("aria-busy", "false")

    async def says(self, word: str) -> None:
        """Wait until the newest answer has come as far as this word."""
        await expect(self.answer).to_contain_text(re.compile(rf"\b{word}(?!\d)"))

    async def words(self, number: int = -1) -> list[str]:
        """The numbered words of an answer, in order: a word that is lost or doubled is noticed."""
        shown = self.answers.nth(number)
        return WORD.findall(await shown.inner_text())

    async def becomes_true(self, expression: str) -> None:
        """Wait until the JavaScript is true. Playwright's own wait needs `eval`, which the page's CSP forbids."""

        async def look() -> bool | None:
            return bool(await self.page.evaluate(expression)) or None

        await eventually(look, PATIENT, expression)

    async def thread_id(self) -> str:
        """The id in the page's address, once it is there."""
        await self.page.wait_for_url(re.compile(r"[?&]c=[\w-]+"))
        match = re.search(r"[?&]c=([\w-]+)", self.page.url)
        assert match is not None
        return match[1]


def numbered(count: int) -> list[str]:
    """The answer of the simulated engine to `!tokens <count>`."""
    return [f"w{n}" for n in range(count)]
