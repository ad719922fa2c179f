"""The page away from a developer's desk: by plain HTTP from another host, and on a phone."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.chat import Chat
from tests.browser.chromium import ELSEWHERE
from tests.browser.conftest import Visitor
from tests.browser.looks import SCREENS
from tests.support.house import Houses

UNSAFE = "Cross-Origin-Opener-Policy header has been ignored"  # the only complaint of the browser there


async def test_everything_is_copied_and_exported_by_plain_http_from_another_host(
    house: Houses, visitor: Visitor
) -> None:
    home = await house(SLUICE_ALLOWED_HOSTS=ELSEWHERE)
    visit = await visitor(f"http://{ELSEWHERE}:{home.api.port}", permissions=[])
    visit.expected.append(UNSAFE)
    chat = Chat(await visit.open())
    assert await chat.page.evaluate("[isSecureContext, typeof navigator.clipboard]") == [False, "undefined"]
    await chat.ask("!say Look:\n\n```sh\n  ls\n\n  cd\n```")

    async def pasted() -> str:
        await chat.composer.fill("")
        await chat.composer.press("Control+v")
        return await chat.composer.input_value()

    await chat.button("Copy the sh code").click()
    await expect(chat.answer.get_by_role("status").filter(has_text="Copied")).to_be_attached()
    assert await pasted() == "  ls\n\n  cd"
    await chat.button("Copy answer").click()
    assert await pasted() == "Look:\n\n```sh\n  ls\n\n  cd\n```"
    await chat.questions.first.hover()
    await chat.button("Copy message").click()
    assert await pasted() == "!say Look:\n\n```sh\n  ls\n\n  cd\n```"
    await chat.button("Copy the sh code").click()
    await chat.composer.press("Control+Shift+Semicolon")
    await expect(chat.page.get_by_text("The answer is copied")).to_be_visible()
    await expect(chat.composer).to_be_focused()
    assert (await pasted()).startswith("Look:")

    await chat.button("Export this chat").click()
    async with chat.page.expect_download() as download:
        await chat.page.get_by_role("menuitem", name=re.compile("Markdown")).click()
    assert "  cd" in (await (await download.value).path()).read_text()


async def test_a_file_is_copied_out_of_its_dialog_by_plain_http(house: Houses, visitor: Visitor) -> None:
    """Behind an open dialog the page can select nothing."""
    home = await house(SLUICE_ALLOWED_HOSTS=ELSEWHERE)
    visit = await visitor(f"http://{ELSEWHERE}:{home.api.port}", permissions=[])
    visit.expected.append(UNSAFE)
    chat = Chat(await visit.open())
    await chat.page.get_by_test_id("picker").set_input_files({"name": "a.py", "mimeType": "", "buffer": b"x = 1\n"})
    await chat.button("Show a.py").click()
    await chat.button("Copy the py code").click()
    await expect(chat.page.get_by_role("dialog")).to_contain_text("Copied")
    await chat.page.keyboard.press("Escape")
    await chat.composer.press("Control+v")
    await expect(chat.composer).to_have_value("x = 1")
    admin = await visit.open("/admin/")
    await expect(admin.get_by_role("article", name="Worker").first).to_be_visible()


async def test_on_a_phone_enter_makes_a_new_line_and_the_button_sends(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url, **SCREENS["phone"])).open())
    await expect(chat.composer).to_have_attribute("enterkeyhint", "enter")
    await chat.composer.tap()
    await chat.page.keyboard.type("!say one")
    await chat.page.keyboard.press("Enter")
    await chat.page.keyboard.type("two")
    await expect(chat.composer).to_have_value("!say one\ntwo")
    await expect(chat.answers).to_have_count(0)
    await chat.button("Send").tap()
    await chat.done()
    await expect(chat.questions.first).to_contain_text("!say one\ntwo")

    await chat.button("Edit message").tap()
    field = chat.page.get_by_role("textbox", name="Edit your message")
    await expect(field).to_have_attribute("enterkeyhint", "enter")
    await field.fill("!say three")
    await field.press("Enter")
    await expect(field).to_have_value("!say three\n")
    await field.press("Control+Enter")  # a keyboard that lies beside a tablet
    await expect(chat.answer).to_contain_text("three")
