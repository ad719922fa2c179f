"""Every page and state in light, dark and on a phone: axe finds nothing wrong, and a picture of each is kept."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.browser.chat import Chat
from tests.browser.chromium import keep_screenshot, violations
from tests.browser.conftest import Visitor
from tests.support.house import House, Houses

LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 375, "height": 740}, "has_touch": True, "is_mobile": True},
    "dark-phone": {"color_scheme": "dark", "viewport": {"width": 375, "height": 740}, "has_touch": True},
}
Step = Callable[[Chat, House], Awaitable[None]]


async def welcome(chat: Chat, home: House) -> None:
    await expect(chat.page.get_by_test_id("welcome")).to_be_visible()
    await expect(chat.page.get_by_role("region", name="Connect a real model")).to_be_visible()


async def demonstration(chat: Chat, home: House) -> None:
    await chat.ask("!demo")
    await expect(chat.answer.locator("[data-diagram=drawn]")).to_be_visible()
    await expect(chat.answer.locator("pre code span[style]").first).to_be_attached()


async def failed(chat: Chat, home: House) -> None:
    await chat.ask("!fault context_too_long after 2")
    await expect(chat.page.get_by_test_id("error")).to_be_visible()


async def thinking(chat: Chat, home: House) -> None:
    await chat.ask("!think")
    await chat.answer.get_by_role("button", name=re.compile("^Thought")).click()


async def waiting(chat: Chat, home: House) -> None:
    home.worker.stop()
    await chat.send("!tokens 3")
    await expect(chat.status).to_contain_text("Starting a GPU worker")


async def editing(chat: Chat, home: House) -> None:
    await chat.ask("!tokens 2")
    await chat.questions.first.hover()
    await chat.button("Edit message").click()
    await expect(chat.page.get_by_role("textbox", name="Edit your message")).to_be_focused()


async def settings(chat: Chat, home: House) -> None:
    await chat.button("Settings of this chat").click()
    await expect(chat.page.get_by_role("dialog")).to_be_visible()


async def palette(chat: Chat, home: House) -> None:
    await chat.page.keyboard.press("Control+k")
    await expect(chat.page.get_by_role("dialog")).to_be_visible()


async def shortcuts(chat: Chat, home: House) -> None:
    if await chat.page.evaluate("matchMedia('(pointer: fine)').matches"):
        await expect(chat.composer).to_be_focused()  # which the page does once it is there
    await chat.composer.blur()
    await chat.page.keyboard.press("?")
    await expect(chat.page.get_by_role("dialog")).to_be_visible()


async def models(chat: Chat, home: House) -> None:
    await chat.page.get_by_test_id("model").click()
    await expect(chat.page.get_by_role("menu")).to_be_visible()


async def sidebar(chat: Chat, home: House) -> None:
    await chat.ask("!tokens 2")
    if await chat.button("Show the sidebar").is_visible():
        await chat.button("Show the sidebar").click()
    await expect(chat.page.get_by_role("navigation", name="Your chats")).to_contain_text("!tokens 2")


STATES: dict[str, Step] = {
    step.__name__: step
    for step in (
        *(welcome, demonstration, failed, thinking, waiting, editing),
        *(settings, palette, shortcuts, models, sidebar),
    )
}


@pytest.mark.parametrize("look", LOOKS)
async def test_no_state_of_the_chat_has_an_accessibility_violation(house: Houses, visitor: Visitor, look: str) -> None:
    home = await house(QUEUE_MAX_ATTEMPTS="1")
    visit = await visitor(home.url, **LOOKS[look])
    wrong: dict[str, list[str]] = {}
    for name, step in sorted(STATES.items(), key=lambda item: item[0] == "waiting"):  # which ends the worker
        chat = Chat(await visit.open())
        await step(chat, home)
        await keep_screenshot(chat.page, f"state-{name}-{look}")
        if found := await violations(chat.page):
            wrong[name] = found
        await expect_nothing_beyond_the_edge(chat.page)
        await chat.page.close()
    assert not wrong, wrong


async def expect_nothing_beyond_the_edge(page: Page) -> None:
    """No page scrolls sideways."""
    wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0


async def test_a_page_that_is_not_there_says_so(house: Houses, visitor: Visitor) -> None:
    home = await house(workers=0)
    visit = await visitor(home.url)
    visit.expected.append("404")
    page = await visit.open("/nowhere")
    await expect(page.get_by_role("link").first).to_be_visible()
    assert await violations(page) == []


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
