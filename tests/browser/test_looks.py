"""Every page and state in light and dark, on a desk and on a phone: axe sees no violation, and a picture is kept."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.chromium import CUT
from tests.browser.conftest import Visitor
from tests.browser.looks import SCHEMES, SCREENS, Judge
from tests.browser.states import TOURS, Place
from tests.support.house import Houses
from tests.support.proxy import Proxy

UNREADABLE = "local thread history load failed"


@pytest.mark.timeout(300)  # some thirty states, each in two schemes
@pytest.mark.parametrize("screen", SCREENS)
async def test_no_state_of_the_chat_has_an_accessibility_violation(
    house: Houses, visitor: Visitor, screen: str
) -> None:
    home = await house(QUEUE_MAX_ATTEMPTS="1")
    judge = Judge(screen)
    async with Proxy(home.api.port) as proxy:
        visit = await visitor(f"http://127.0.0.1:{proxy.port}", **SCREENS[screen])
        visit.expected += [*CUT, UNREADABLE]
        for tour in TOURS:
            async for state, chat in tour(Place(visit, home, proxy)):
                await judge.look(chat.page, state)
            for page in visit.context.pages:
                await page.close()
        await visit.context.close()
    assert not judge.wrong, judge.wrong


@pytest.mark.parametrize("screen", SCREENS)
async def test_an_address_without_a_page_shows_that(house: Houses, visitor: Visitor, screen: str) -> None:
    home = await house(workers=0)
    visit = await visitor(home.url, **SCREENS[screen])
    visit.expected.append("404")
    judge, page = Judge(screen), await visit.open("/nowhere")
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        await page.reload()  # that page has no script that would notice the switch
        await expect(page.get_by_role("link").first).to_be_visible()
        await judge.look_once(page, f"not-found-{scheme}")
    assert not judge.wrong, judge.wrong


async def test_dark_mode_follows_the_system_and_the_choice(house: Houses, visitor: Visitor) -> None:
    home = await house(workers=0)
    visit = await visitor(home.url, color_scheme="dark")
    page = await visit.open()
    await expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    await page.get_by_role("button", name="Appearance").click()
    await page.get_by_role("menuitemradio", name="Light").or_(page.get_by_role("menuitem", name="Light")).click()
    await expect(page.locator("html")).not_to_have_class(re.compile(r"\bdark\b"))
    await page.reload()
    await expect(page.locator("html")).not_to_have_class(re.compile(r"\bdark\b"))
