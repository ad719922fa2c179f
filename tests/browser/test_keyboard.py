"""The whole of a chat without a mouse."""

from __future__ import annotations

import re

import httpx
from playwright.async_api import expect

from tests.browser.chat import Chat, numbered
from tests.browser.conftest import Visitor
from tests.support.house import Houses


async def test_a_chat_from_the_first_word_to_a_second_thread_by_keys_alone(house: Houses, visitor: Visitor) -> None:
    home = await house(SLUICE_SIMULATED_RATE="40")
    chat = Chat(await (await visitor(home.url)).open())
    keys = chat.page.keyboard
    await expect(chat.composer).to_be_focused()
    await keys.type("!tokens 4")
    await keys.press("Shift+Enter")
    await expect(chat.composer).to_have_value("!tokens 4\n")
    await keys.press("Backspace")
    await keys.press("Enter")
    await chat.says("w3")
    await chat.done()
    await expect(chat.composer).to_be_focused()

    await keys.press("ArrowUp")
    editor = chat.page.get_by_role("textbox", name="Edit your message")
    await expect(editor).to_be_focused()
    await keys.press("Control+A")
    await keys.type("!tokens 6")
    await keys.press("Enter")
    await chat.says("w5")
    await chat.done()
    assert await chat.words() == numbered(6)

    await keys.type("!tokens 4000")
    await keys.press("Enter")
    await expect(chat.answers).to_have_count(2)
    await chat.says("w2")
    await keys.press("Escape")
    await chat.done()

    await keys.press("Control+Shift+O")
    await expect(chat.answers).to_have_count(0)
    await expect(chat.composer).to_be_focused()
    await keys.press("Control+k")
    palette = chat.page.get_by_role("dialog")
    await expect(palette).to_be_visible()
    await keys.type("tokens 4")
    await keys.press("Enter")
    await expect(chat.answers).to_have_count(2)
    await expect(chat.composer).to_be_focused()


async def test_a_chat_is_renamed_and_another_deleted_and_the_focus_is_never_lost(
    house: Houses, visitor: Visitor
) -> None:
    home = await house(workers=0)
    async with httpx.AsyncClient(base_url=home.url) as api:
        for title in ("One", "Two", "Three"):
            (await api.post("/api/threads", json={"title": title})).raise_for_status()
    chat = Chat(await (await visitor(home.url)).open())
    keys, chats = chat.page.keyboard, chat.page.get_by_role("navigation", name="Your chats")
    await chat.button("Actions for Two").focus()
    await keys.press("Enter")
    await expect(chat.page.get_by_role("menuitem", name="Rename")).to_be_focused()
    await keys.press("Enter")
    await expect(chat.page.get_by_role("textbox", name="Title of this chat")).to_be_focused()
    await keys.type("Second")
    await keys.press("Enter")
    await expect(chats.get_by_role("button", name="Second", exact=True)).to_be_focused()
    await expect(chat.page.get_by_title("Rename this chat")).to_have_count(0)  # the chat was renamed, and not opened

    await keys.press("Tab")
    await keys.press("Enter")
    await expect(chat.page.get_by_role("menuitem", name="Rename")).to_be_focused()
    await keys.press("End")
    await keys.press("Enter")
    await expect(chat.button("Keep it")).to_be_focused()
    await keys.press("Tab")
    await keys.press("Enter")
    await expect(chats.get_by_role("button", name="Second", exact=True)).to_have_count(0)
    await expect(chats.get_by_role("button", name="One", exact=True)).to_be_focused()


async def test_the_shortcut_sheet_opens_on_a_question_mark_but_not_while_typing(
    house: Houses, visitor: Visitor
) -> None:
    home = await house(workers=0)
    chat = Chat(await (await visitor(home.url)).open())
    await expect(chat.composer).to_be_focused()
    await chat.composer.press("?")
    await expect(chat.composer).to_have_value("?")
    await chat.composer.fill("")
    await chat.composer.blur()
    await chat.page.keyboard.press("?")
    sheet = chat.page.get_by_role("dialog")
    await expect(sheet).to_contain_text("Command palette")
    await chat.page.keyboard.press("Escape")
    await expect(sheet).to_have_count(0)


async def test_everything_is_reached_by_tab_and_nothing_traps_it(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("!tokens 2")
    seen: list[str] = []
    for _ in range(80):
        await chat.page.keyboard.press("Tab")
        seen.append(await chat.page.evaluate(NAME_OF_FOCUS))
        if seen.count(seen[0]) > 1:
            break
    for wanted in ("Search all chats", "New chat", "Message", "Copy answer", "Answer again", "Settings of this chat"):
        assert wanted in seen, (wanted, seen)
    assert seen.count(seen[0]) > 1, f"the focus never came around: {seen}"


NAME_OF_FOCUS = """() => {
  const at = document.activeElement;
  return at.getAttribute("aria-label") || at.textContent.trim().slice(0, 60) || at.tagName;
}"""


async def test_screen_readers_announce_states_and_not_tokens(house: Houses, visitor: Visitor) -> None:
    home = await house(SLUICE_SIMULATED_RATE="50")
    chat = Chat(await (await visitor(home.url)).open())
    await chat.page.evaluate(LISTEN)
    await chat.ask("!tokens 100")
    await chat.becomes_true("window.announced.some((line) => /complete|finished|done/i.test(line))")
    announced: list[str] = await chat.page.evaluate("window.announced")
    assert not any(re.search(r"\bw\d+\b", line) for line in announced), announced
    assert len(announced) <= 6, announced


# Every text of the polite and assertive live regions.
LISTEN = """() => {
  window.announced = [];
  const regions = "[aria-live=polite], [aria-live=assertive], [role=status], [role=alert], output";
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const region = (target.nodeType === 1 ? target : target.parentElement)?.closest(regions);
      const text = region?.textContent.trim();
      if (text && text !== window.announced.at(-1)) window.announced.push(text);
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
