"""Chats as the page keeps them: the archive, a long list, settings, waiting messages, and pictures that add up."""

from __future__ import annotations

import json
import random
import re
import struct
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Request, expect

from tests.browser.chat import Chat, numbered
from tests.browser.chromium import PATIENT
from tests.browser.conftest import Visitor
from tests.support.house import House, MakesHouse
from tests.support.waiting import eventually

BODY = 400_000


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    """A house for all of this file, so a chat is found by the text that was sent in it."""
    return module_house(SLUICE_MAX_BODY_BYTES=str(BODY), SLUICE_SLOTS="4")


@pytest_asyncio.fixture(loop_scope="session")
async def api(home: House) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=home.url, timeout=PATIENT) as client:
        yield client


async def chat_of(visitor: Visitor, home: House, text: str) -> tuple[Chat, str]:
    """A visitor's chat in which this text was sent, and its thread."""
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask(text)
    return chat, await chat.thread_id()


async def test_looking_at_an_archived_chat_leaves_it_in_the_archive(
    home: House, api: httpx.AsyncClient, visitor: Visitor
) -> None:
    chat, thread = await chat_of(visitor, home, "Kept for later")
    (await api.patch(f"/api/threads/{thread}", json={"archived": True})).raise_for_status()
    await chat.page.reload()  # the address
    await expect(chat.questions).to_contain_text("Kept for later")
    await chat.button("New chat").first.click()
    await expect(chat.questions).to_have_count(0)
    await chat.page.go_back()
    await expect(chat.questions).to_contain_text("Kept for later")
    await chat.button("New chat").first.click()
    await expect(chat.questions).to_have_count(0)
    chats = chat.page.get_by_role("navigation", name="Your chats")
    await chats.get_by_role("button", name="Archived chats").click()
    await chats.get_by_role("button", name="Kept for later", exact=True).click()
    await expect(chat.questions).to_contain_text("Kept for later")
    await expect(chats.get_by_role("button", name="Kept for later", exact=True)).to_be_visible()  # still in this list
    assert (await api.get(f"/api/threads/{thread}")).json()["archived"]


async def test_chats_of_a_further_page_stay_in_the_list(home: House, api: httpx.AsyncClient, visitor: Visitor) -> None:
    for number in range(55):
        (await api.post("/api/threads", json={"title": f"Old chat {number}"})).raise_for_status()
    chat = Chat(await (await visitor(home.url)).open())
    oldest = chat.page.get_by_role("button", name="Old chat 0", exact=True)
    await chat.button("Show more").click()
    await expect(oldest).to_be_visible()
    async with chat.page.expect_response(re.compile(r"/api/threads\?archived=false&limit=\d+$")) as read_again:
        await chat.ask("Anything new?")
    assert any(listed["title"] == "Old chat 0" for listed in (await (await read_again.value).json())["threads"])
    await expect(oldest).to_be_visible()


async def test_a_setting_changed_just_before_a_reload_is_kept(
    home: House, api: httpx.AsyncClient, visitor: Visitor
) -> None:
    chat, thread = await chat_of(visitor, home, "With settings")
    await chat.button("Settings of this chat").click()
    await chat.page.get_by_role("textbox", name="System prompt").fill("Be brief")
    await chat.page.reload()

    async def kept() -> bool | None:
        return (await api.get(f"/api/threads/{thread}")).json()["settings"]["system"] == "Be brief" or None

    await eventually(kept, PATIENT, "the setting is stored")


async def test_a_chat_with_many_pictures_goes_on(home: House, visitor: Visitor) -> None:
    chat = Chat(await (await visitor(home.url)).open())
    async with chat.page.expect_response(re.compile("/api/models")):
        await chat.page.reload()
    sent = await turns_of(chat.page)
    for number in range(4):
        picker = chat.page.get_by_test_id("picker")
        await picker.set_input_files({"name": "noise.png", "mimeType": "image/png", "buffer": noise(180)})
        await expect(chat.page.get_by_role("list", name="Attachments").get_by_role("img")).to_be_visible()
        await chat.ask(f"Picture {number}")
        await expect(chat.answer).to_contain_text("Images sent with it: 1")
    assert [pictures_in(body) for body in sent] == [1, 2, 2, 2]
    assert all(len(body) < BODY for body in sent)
    left_out = chat.page.get_by_test_id("left-out")
    await expect(left_out).to_contain_text(["An earlier image was too much", "2 earlier images were too much"])


async def begun(chat: Chat) -> str:
    """The thread of an answer that has begun."""
    await chat.send("!tokens 5")
    thread = await chat.thread_id()
    await expect(chat.stop_button).to_be_visible()
    return thread


async def test_a_waiting_message_is_sent_although_no_tab_saw_the_answer_end(
    home: House, api: httpx.AsyncClient, visitor: Visitor
) -> None:
    visit = await visitor(home.url)
    chat = Chat(await visit.open())
    with paused(home):
        thread = await begun(chat)
        await chat.send("!tokens 3")
        await expect(waiting(chat)).to_contain_text("!tokens 3")
        await chat.page.close()

    async def ended() -> bool | None:
        return (await api.get(f"/api/threads/{thread}")).json()["job"] is None or None

    await eventually(ended, PATIENT, "the answer's end")
    chat = Chat(await visit.open(f"/?c={thread}"))
    await expect(chat.answers).to_have_count(2)
    await chat.done()
    assert [await chat.words(0), await chat.words(1)] == [numbered(5), numbered(3)]


async def test_a_waiting_message_is_sent_once_by_two_tabs_that_see_the_answer_end(
    home: House, api: httpx.AsyncClient, visitor: Visitor
) -> None:
    visit = await visitor(home.url)
    chat = Chat(await visit.open())
    with paused(home):
        thread = await begun(chat)
        other = Chat(await visit.open(f"/?c={thread}"))
        await expect(other.stop_button).to_be_visible()
        await chat.send("!tokens 3")
        await expect(waiting(other)).to_contain_text("!tokens 3")
    for tab in (chat, other):
        await expect(tab.answers).to_have_count(2)
        await tab.says("w2")
        await tab.done()
        await expect(waiting(tab)).to_have_count(0)
    assert len((await api.get(f"/api/threads/{thread}/messages")).json()["messages"]) == 4


async def test_text_typed_in_one_tab_stays_there_when_another_tab_sends(home: House, visitor: Visitor) -> None:
    visit = await visitor(home.url)
    chat = Chat(await visit.open())
    await chat.ask("!tokens 2")
    typing = Chat(await visit.open(f"/?c={await chat.thread_id()}"))
    await expect(typing.answers).to_have_count(1)
    await typing.composer.fill("half a thought")
    await chat.ask("!tokens 3")
    await expect(typing.answers).to_have_count(2)
    await typing.done()
    await expect(typing.composer).to_have_value("half a thought")


async def test_two_answers_that_run_at_once_are_both_there_in_the_end(
    home: House, api: httpx.AsyncClient, visitor: Visitor
) -> None:
    thread = (await api.post("/api/threads", json={})).json()["id"]
    with paused(home):
        for number in range(2):
            names = {"thread_id": thread, "parent_id": None, "message_id": f"q{number}", "answer_id": f"a{number}"}
            turn = {"input": {"messages": [["human", f"!tokens {5 + number}"]]}, "config": {"configurable": names}}
            goes_on = {"X-Sluice-On-Disconnect": "continue"}
            async with api.stream("POST", "/api/lc/chat/stream", json=turn, headers=goes_on) as answer:
                assert answer.status_code == 200
        chat = Chat(await (await visitor(home.url)).open(f"/?c={thread}"))
        await expect(chat.stop_button).to_be_visible()
    # The thread is read once more when both have ended: the answer has the server's id then.
    await expect(chat.answer).to_have_attribute("data-message", "a1")
    await chat.done()
    assert await chat.words() == numbered(6)
    await chat.questions.first.hover()
    await chat.button("Previous version").first.click()
    await expect(chat.answer).to_contain_text("w4")
    assert await chat.words() == numbered(5)


async def test_messages_behind_a_first_answer_are_there_after_a_reload_during_a_second(
    home: House, visitor: Visitor
) -> None:
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("!tokens 2")
    await chat.ask("!tokens 3")
    with paused(home):
        await chat.answers.first.hover()
        await chat.button("Answer again").first.click()
        await expect(chat.answers).to_have_count(1)
        await chat.page.reload()
        await expect(chat.stop_button).to_be_visible()
    await chat.done()
    await chat.answer.hover()
    await chat.button("Previous version").click()
    await expect(chat.answers).to_have_count(2)
    assert await chat.words() == numbered(3)


@contextmanager
def paused(home: House) -> Iterator[None]:
    """No job begins meanwhile, so no answer ends."""
    home.worker.pause()
    try:
        yield
    finally:
        home.worker.resume()


def waiting(chat: Chat) -> Locator:
    return chat.page.get_by_role("list", name="Waiting messages")


async def turns_of(page: Page) -> list[str]:
    """Bodies of the turns that the page sends from now on."""
    bodies: list[str] = []

    def heed(request: Request) -> None:
        if request.url.endswith("/chat/stream"):
            bodies.append(request.post_data or "")

    page.on("request", heed)
    return bodies


def pictures_in(body: str) -> int:
    messages: list[dict[str, Any]] = json.loads(body)["input"]["messages"]
    return sum("image_url" in part for message in messages for part in message["content"] if isinstance(part, dict))


def noise(side: int) -> bytes:
    """A picture that no PNG makes small: three bytes a point."""
    dice = random.Random(side)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + dice.randbytes(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
