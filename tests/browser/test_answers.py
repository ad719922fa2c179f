"""How answers are drawn: code, tables, formulas, diagrams, thoughts, pictures."""

from __future__ import annotations

import base64
import re
import struct
import zlib

from playwright.async_api import expect

from tests.browser.chat import Chat
from tests.browser.conftest import Visitor
from tests.support.house import Houses


async def test_everything_of_the_demonstration_is_drawn(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("!demo")
    await expect(chat.answer.get_by_role("table")).to_contain_text("highlighted")
    await expect(chat.answer.locator("[data-diagram=drawn] .answer-diagram svg")).to_be_visible()
    await expect(chat.answer.locator(".katex").first).to_be_attached()
    await expect(chat.answer.get_by_role("checkbox").first).to_be_checked()
    await expect(chat.answer.locator("pre code span[style]").first).to_be_attached()
    await chat.button("Copy the python code").click()
    assert (await chat.page.evaluate("navigator.clipboard.readText()")).startswith("def fibonacci")


async def test_a_diagram_has_its_source_full_screen_and_download(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("!say ```mermaid\nflowchart LR\n  a --> b\n```")
    await expect(chat.answer.locator("[data-diagram=drawn]")).to_be_visible()
    await chat.button("Full screen").click()
    await expect(chat.page.get_by_role("dialog", name="Diagram, full screen")).to_be_visible()
    await chat.page.keyboard.press("Escape")
    async with chat.page.expect_download() as download:
        await chat.button("Download as SVG").click()
    path = await (await download.value).path()
    assert re.match(r"(<\?xml[^>]*\?>\s*)?<svg", path.read_text())
    await chat.button("Show the source").click()
    await expect(chat.answer).to_contain_text("a --> b")


async def test_a_broken_diagram_shows_its_source(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("!say ```mermaid\nflowchart LR\n  a --> --> [\n```")
    await expect(chat.answer.locator("[data-diagram=broken]")).to_contain_text("a --> --> [")
    await expect(chat.answer).to_contain_text("could not be drawn")


async def test_thoughts_are_folded_away_when_the_answer_comes(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("!think")
    thoughts = chat.answer.get_by_role("button", name=re.compile("^Thought"))
    await expect(thoughts).to_have_attribute("aria-expanded", "false")
    await thoughts.click()
    await expect(chat.answer).to_contain_text("This thought is simulated")


def png(width: int, height: int) -> bytes:
    """A red picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xff\0\0" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def test_a_picked_image_is_shrunk_sent_as_data_and_kept(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.page.get_by_test_id("picker").set_input_files(
        {"name": "big.png", "mimeType": "image/png", "buffer": png(3000, 1500)}
    )
    await expect(chat.page.get_by_role("list", name="Attachments").get_by_role("img")).to_be_visible()
    await chat.ask("What is this?")
    await expect(chat.answer).to_contain_text("Images sent with it: 1")
    await chat.page.reload()
    picture = chat.questions.first.get_by_role("img")
    await expect(picture).to_be_visible()
    await chat.becomes_true("document.querySelector('article[data-role=user] img').naturalWidth > 0")
    assert await picture.evaluate("image => Math.max(image.naturalWidth, image.naturalHeight)") <= 1568


async def test_pasted_and_dropped_files_are_attached_and_a_file_that_no_model_reads_is_refused(
    house: Houses, visitor: Visitor
) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    attached = chat.page.get_by_role("list", name="Attachments").get_by_role("img")
    data = base64.b64encode(png(20, 20)).decode()
    await chat.composer.evaluate(HAND_OVER, ["paste", "image/png", "a.png", data])
    await expect(attached).to_have_count(1)
    await chat.composer.evaluate(HAND_OVER, ["drop", "image/png", "b.png", data])
    await expect(attached).to_have_count(2)
    code = base64.b64encode(b"let a = 1;").decode()
    await chat.composer.evaluate(HAND_OVER, ["paste", "video/mp2t", "c.ts", code])  # the ending names a film
    await chat.composer.evaluate(HAND_OVER, ["drop", "text/plain", "d.txt", code])
    await expect(chat.button("Show c.ts")).to_be_visible()
    await expect(chat.button("Show d.txt")).to_be_visible()
    await chat.composer.evaluate(HAND_OVER, ["drop", "", "e.bin", base64.b64encode(b"a\0b").decode()])
    await expect(chat.page.get_by_test_id("notice")).to_contain_text("e.bin is neither an image nor a text")
    await expect(attached).to_have_count(2)


async def test_a_text_file_is_sent_kept_and_stays_when_its_message_is_edited(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.page.get_by_test_id("picker").set_input_files(
        {"name": "notes.md", "mimeType": "", "buffer": b"# Notes\n```py\nsecret = 42\n```\n"}
    )
    await chat.ask("!say You sent:")
    for _ in range(2):
        await expect(chat.answer).to_contain_text("You sent:")
        await expect(chat.answer).to_contain_text("secret = 42")
        await expect(chat.questions.first).not_to_contain_text("secret")
        await chat.button("Show notes.md").click()
        await expect(chat.page.get_by_role("dialog", name="notes.md")).to_contain_text("secret = 42")
        await chat.page.keyboard.press("Escape")
        await chat.page.reload()
    await chat.questions.first.hover()
    await chat.button("Edit message").click()
    editor = chat.page.get_by_role("textbox", name="Edit your message")
    await editor.fill("!say Again:")
    more = base64.b64encode(b"more = 43").decode()
    await editor.evaluate(HAND_OVER, ["paste", "", "more.py", more])
    await expect(chat.button("Show more.py")).to_be_visible()
    await editor.press("Enter")
    await expect(chat.answer).to_contain_text("Again:")
    await expect(chat.answer).to_contain_text("secret = 42")
    await expect(chat.answer).to_contain_text("more = 43")
    await expect(chat.button("Show notes.md")).to_be_visible()


# What the browser does when a person pastes a file, or drops it over the field.
HAND_OVER = """(field, [kind, type, name, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type }));
  const about = { bubbles: true, cancelable: true };
  if (kind === "paste") return field.dispatchEvent(new ClipboardEvent("paste", { ...about, clipboardData: carried }));
  for (const step of ["dragenter", "dragover", "drop"])
    field.dispatchEvent(new DragEvent(step, { ...about, dataTransfer: carried }));
}"""
