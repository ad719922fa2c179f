"""Languages that are written from right to left, on a page that is not."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.chat import Chat
from tests.browser.conftest import Visitor
from tests.browser.states import FROM_THE_RIGHT
from tests.support.house import Houses


async def test_words_from_the_right_are_drawn_from_the_right_and_code_from_the_left(
    house: Houses, visitor: Visitor
) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask(f"!say # שלום עולם\n\n{FROM_THE_RIGHT}")
    await expect(chat.answer.locator(".katex").first).to_be_attached()
    drawn: dict[str, list[str]] = await chat.answer.evaluate(DIRECTIONS)
    assert drawn == {
        "h3": ["rtl"],
        ".answer > p": ["rtl", "rtl"],  # the first paragraph begins with code, which does not count
        "ol, ul": ["rtl", "rtl", "rtl"],
        "ol li": ["rtl", "rtl", "rtl", "ltr"],
        "blockquote, blockquote p": ["rtl", "rtl"],
        "table, th": ["rtl", "rtl", "rtl"],
        "code, pre, .katex": ["ltr", "ltr", "ltr", "ltr"],
    }
    marks = await chat.answer.evaluate("a => [...a.querySelectorAll('th')].map(cell => cell.offsetLeft)")
    assert marks == sorted(marks, reverse=True)  # the first column stands at the right
    await chat.composer.fill("שלום")
    for words in (chat.composer, chat.page.get_by_role("heading", level=1).get_by_role("button")):
        assert await words.evaluate("e => e.dir") == "auto"


# The direction of each element of an answer, by selector.
DIRECTIONS = """answer => Object.fromEntries(
  ["h3", ".answer > p", "ol, ul", "ol li", "blockquote, blockquote p", "table, th", "code, pre, .katex"].map(
    selector => [selector, [...answer.querySelectorAll(selector)].map(element => getComputedStyle(element).direction)],
  ),
)"""
