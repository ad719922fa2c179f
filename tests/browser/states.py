"""All states of the chat, on as few pages as possible: a tour yields whenever there is something to see."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from playwright.async_api import Locator, expect

from tests.browser.chat import Chat
from tests.browser.chromium import Visit
from tests.browser.hostile_models import wait_listed, wire_worker
from tests.browser.test_answers import png
from tests.support.house import House
from tests.support.proxy import Proxy

BLIND = "words-only"
FROM_THE_RIGHT = """`git` הוא כלי לניהול **גרסאות**, והנוסחה $x^2 + 1$ קצרה. And a paragraph of ours between.

مرحبا بكم في *المدينة*، هذه فقرة عربية قصيرة.

1. הצעד הראשון
2. הצעד השני:
   ```sh
   ls -l
   ```
   - תת־סעיף
   - English inside

> ציטוט קצר

| שם | גיל |
| --- | --- |
| דן | 42 |

- [x] נעשה
- [ ] לא נעשה
"""
LONG = "!tokens 100000"  # longer than any look at the page


class Sight(NamedTuple):
    """A state, and where it is seen."""

    name: str
    chat: Chat


class Place(NamedTuple):
    """A visitor whose way to the house can be cut."""

    visit: Visit
    home: House
    proxy: Proxy

    async def chat(self, path: str = "/") -> Chat:
        return Chat(await self.visit.open(path))


async def first_page(place: Place) -> AsyncIterator[Sight]:
    chat = await place.chat()
    await expect(chat.page.get_by_test_id("welcome")).to_be_visible()
    await expect(chat.page.get_by_role("region", name="Connect a real model")).to_be_visible()
    yield Sight("welcome", chat)
    await chat.page.get_by_test_id("model").click()
    await expect(chat.page.get_by_role("menu")).to_be_visible()
    yield Sight("models", chat)
    await chat.page.keyboard.press("Escape")
    await chat.button("Settings of this chat").click()
    yield await opened(chat, "settings")
    await closed(chat)
    await chat.page.keyboard.press("Control+k")
    yield await opened(chat, "palette")
    await closed(chat)
    await chat.composer.blur()
    await chat.page.keyboard.press("?")
    yield await opened(chat, "shortcuts")


async def answers(place: Place) -> AsyncIterator[Sight]:
    chat = await place.chat()
    await chat.ask("!demo")
    await expect(chat.answer.locator("[data-diagram=drawn]")).to_be_visible()
    await expect(chat.answer.locator("[data-code=coloured]").first).to_be_attached()
    yield Sight("demonstration", chat)
    await chat.page.get_by_test_id("timing").last.click()
    await expect(chat.page.get_by_role("region", name="Details of this answer")).to_be_visible()
    yield Sight("details", chat)
    await chat.page.keyboard.press("Escape")
    await chat.button("Full screen").click()
    yield await opened(chat, "full-screen")


async def from_the_right(place: Place) -> AsyncIterator[Sight]:
    """Hebrew and Arabic, with all that an answer may have, and words of ours between."""
    chat = await place.chat()
    await chat.page.get_by_test_id("picker").set_input_files(
        {"name": "הערות.py", "mimeType": "", "buffer": b"print(1)\n"}
    )
    await chat.ask(f"!say {FROM_THE_RIGHT}")
    await expect(chat.answer.locator(".katex").first).to_be_attached()
    await chat.composer.fill("שאלה נוספת")
    yield Sight("from-the-right", chat)
    await chat.composer.fill("")
    await chat.button("Show הערות.py").click()
    yield await opened(chat, "file")


async def changes(place: Place) -> AsyncIterator[Sight]:
    chat = await place.chat()
    await chat.ask("!think")
    await chat.answer.get_by_role("button", name=re.compile("^Thought")).click()
    yield Sight("thinking", chat)
    await chat.questions.first.hover()
    await chat.button("Edit message").click()
    await expect(chat.page.get_by_role("textbox", name="Edit your message")).to_be_focused()
    yield Sight("editing", chat)
    await chat.page.keyboard.press("Escape")
    await chat.ask("!fault context_too_long after 2")
    await expect(chat.page.get_by_test_id("error")).to_be_visible()
    yield Sight("failed", chat)


async def pictures(place: Place) -> AsyncIterator[Sight]:
    chat = await place.chat()
    async with wire_worker(place.home.redis_url, [BLIND]):
        await wait_listed(chat.page, place.visit.origin, [BLIND])
        await chat.page.get_by_test_id("model").click()
        await chat.page.get_by_role("menuitemradio", name=re.compile(BLIND)).click()
    picker = chat.page.get_by_test_id("picker")
    await picker.set_input_files({"name": "red.png", "mimeType": "image/png", "buffer": png(300, 200)})
    await expect(chat.page.get_by_test_id("blind")).to_be_visible()
    await expect(chat.page.get_by_role("list", name="Attachments").get_by_role("img")).to_be_visible()
    await picker.set_input_files({"name": "main.py", "mimeType": "", "buffer": b"print(1)\n"})
    await expect(chat.button("Show main.py")).to_be_visible()
    yield Sight("blind", chat)
    await chat.button("Show red.png large").click()
    yield await opened(chat, "picture")
    await closed(chat)
    await picker.set_input_files({"name": "c.bin", "mimeType": "", "buffer": b"\0"})
    await expect(chat.page.get_by_test_id("notice")).to_be_visible()
    await place.visit.context.set_offline(True)
    await expect(chat.page.get_by_test_id("offline")).to_be_visible()
    yield Sight("offline", chat)
    await place.visit.context.set_offline(False)
    await expect(chat.page.get_by_test_id("offline")).to_have_count(0)


async def chats(place: Place) -> AsyncIterator[Sight]:
    chat = await place.chat()
    await chat.ask("!tokens 2")
    listed = await sidebar(chat)
    await expect(listed.locator("[aria-current=page]")).to_be_visible()  # whatever the chat's name
    yield Sight("sidebar", chat)
    search = chat.page.get_by_role("searchbox", name="Search all chats")
    await search.fill("demo")
    await expect(listed.get_by_role("region", name="Search results")).to_contain_text(re.compile(r"\d results?"))
    yield Sight("search", chat)
    await search.fill("")
    actions = listed.get_by_role("button", name="Actions for !demo")
    await actions.click()
    await chat.page.get_by_role("menuitem", name="Delete").click()
    yield await opened(chat, "delete", name="Delete this chat?")
    await chat.button("Keep it").click()
    await actions.click()
    await chat.page.get_by_role("menuitem", name="Archive").click()
    await listed.get_by_role("button", name="Archived chats").click()
    await expect(actions).to_be_visible()
    yield Sight("archived", chat)


async def sidebar(chat: Chat) -> Locator:
    """The list of chats, shown."""
    if await chat.button("Show the sidebar").is_visible():
        await chat.button("Show the sidebar").click()
    return chat.page.get_by_role("navigation", name="Your chats")


async def running(place: Place) -> AsyncIterator[Sight]:
    chat = await place.chat()
    await chat.send(LONG)
    await chat.says("w1")
    yield Sight("streaming", chat)
    await chat.send("!tokens 3")
    await expect(chat.page.get_by_role("list", name="Waiting messages")).to_contain_text("!tokens 3")
    other = await place.chat()
    await other.send("!tokens 4")
    await expect(other.status).to_contain_text("Next in the queue")
    yield Sight("queued", other)
    await other.page.close()
    place.proxy.refuse()
    place.proxy.cut()
    await expect(chat.page.get_by_test_id("reconnecting")).to_be_visible()
    yield Sight("reconnecting-and-pending", chat)
    place.proxy.heal()
    await expect(chat.page.get_by_test_id("reconnecting")).to_have_count(0)
    await chat.button("Remove from the queue").click()
    await chat.stop_button.click()
    await chat.done()


async def unreadable(place: Place) -> AsyncIterator[Sight]:
    """A chat whose messages do not arrive."""
    chat = await place.chat()
    await chat.ask("!tokens 1")
    thread = await chat.thread_id()
    await chat.page.close()
    later = Chat(await place.visit.context.new_page())
    await later.page.route("**/api/threads/*/messages*", lambda route: route.fulfill(status=500, body="{}"))
    await later.page.goto(f"{place.visit.origin}/?c={thread}")
    await expect(later.page.get_by_role("alert").get_by_text("This chat could not be loaded")).to_be_visible()
    yield Sight("unreadable", later)


async def without_workers(place: Place) -> AsyncIterator[Sight]:
    """The last of all: it ends the worker."""
    place.home.worker.stop()
    chat = await place.chat()
    await chat.send("!tokens 3")
    await expect(chat.status).to_contain_text("Starting a GPU worker")
    yield Sight("waiting", chat)


async def opened(chat: Chat, state: str, **about: str) -> Sight:
    await expect(chat.page.get_by_role("dialog", **about)).to_be_visible()
    return Sight(state, chat)


async def closed(chat: Chat) -> None:
    await chat.page.keyboard.press("Escape")
    await expect(chat.page.get_by_role("dialog")).to_have_count(0)


TOURS: tuple[Callable[[Place], AsyncIterator[Sight]], ...] = (
    *(first_page, answers, from_the_right, changes, pictures, chats, running, unreadable),
    without_workers,
)
