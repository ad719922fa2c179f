"""Every state of a page in light and in dark, on a desk and on a phone: axe's judgement, and a picture of each."""

from __future__ import annotations

import re
from typing import Any, Literal

from playwright.async_api import Page, expect

from tests.browser.chromium import TWO_FRAMES, keep_screenshot, violations

# A phone is a browser of its own, with a touch screen; light and dark are switched in the open page, as by the system.
SCREENS: dict[str, dict[str, Any]] = {
    "desk": {},
    "phone": {"viewport": {"width": 375, "height": 740}, "has_touch": True, "is_mobile": True},
}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
DARK = re.compile(r"\bdark\b")


class Judge:
    """The judge of one screen. `wrong`: state and scheme → the violations that axe saw there."""

    def __init__(self, screen: str) -> None:
        self.screen = screen
        self.wrong: dict[str, list[str]] = {}

    async def look(self, page: Page, state: str) -> None:
        for scheme in SCHEMES:
            await switch(page, scheme)
            await self.look_once(page, f"{state}-{scheme}")
        await expect_nothing_beyond_the_edge(page)

    async def look_once(self, page: Page, name: str) -> None:
        await keep_screenshot(page, f"state-{name}-{self.screen}")
        if violated := await violations(page):
            self.wrong[name] = violated


async def switch(page: Page, scheme: Scheme) -> None:
    await page.emulate_media(color_scheme=scheme)
    dark = expect(page.locator("html"))
    await (dark.to_have_class(DARK) if scheme == "dark" else dark.not_to_have_class(DARK))
    await page.evaluate(TWO_FRAMES)  # what has changed is drawn


async def expect_nothing_beyond_the_edge(page: Page) -> None:
    """Assert that the page does not scroll sideways."""
    wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0
