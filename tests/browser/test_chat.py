"""A chat, from the first word on: sending, stopping, editing."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.chat import Chat, numbered
from tests.browser.conftest import Visitor
from tests.support.house import Houses

SLOW = {"SLUICE_SIMULATED_RATE": "20", "SLUICE_SLOTS": "4"}


async def test_a_first_chat_is_answered_and_kept(house: Houses, visitor: Visitor) -> None:
    home = await house()
    visit = await visitor(home.url)
    chat = Chat(await visit.open())
    await chat.ask("!tokens 30")
    assert await chat.words() == numbered(30)
    await expect(chat.page.get_by_test_id("timing").last).to_contain_text("first token")
    await chat.page.reload()
    await chat.says("w29")
    await chat.done()
    assert await chat.words() == numbered(30)


async def test_an_answer_is_shown_as_fast_as_it_is_given(house: Houses, visitor: Visitor) -> None:
    """Four seconds of tokens. If each were sent by itself, the page would take a minute."""
    home = await house(SLUICE_SIMULATED_RATE="300")
    chat = Chat(await (await visitor(home.url)).open())
    await chat.send("!tokens 1200")
    await expect(chat.answer).to_contain_text("w1199", timeout=15_000)  # a bound of the page's own, not patience


async def test_the_first_page_offers_starters_and_explains_how_to_connect_a_model(
    house: Houses, visitor: Visitor
) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await expect(chat.page.get_by_role("region", name="Connect a real model")).to_contain_text("ollama")
    await chat.page.get_by_role("button", name=re.compile("Draw a diagram")).click()
    await chat.done()
    await expect(chat.answer).to_contain_text("simulated")


async def test_stop_ends_the_job_and_keeps_the_text_so_far(house: Houses, visitor: Visitor) -> None:
    home = await house(**SLOW)
    chat = Chat(await (await visitor(home.url)).open())
    await chat.send("!tokens 500")
    await chat.says("w5")
    await chat.stop_button.click()
    await chat.done()
    words = await chat.words()
    assert words == numbered(len(words)) and 6 <= len(words) < 500
    await chat.page.reload()
    await expect(chat.page.get_by_test_id("timing").last).to_contain_text("stopped")
    kept = await chat.words()
    assert kept == numbered(len(kept)) and len(kept) >= len(words)


async def test_an_edited_question_begins_a_branch_that_can_be_walked(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("!tokens 3")
    await chat.edit_first("!tokens 5")
    await chat.says("w4")
    await chat.done()
    await chat.questions.first.hover()
    await expect(chat.questions.first).to_contain_text("2/2")
    await chat.button("Previous version").first.click()
    await expect(chat.questions.first).to_contain_text("!tokens 3")
    assert await chat.words() == numbered(3)
    await chat.page.reload()
    await expect(chat.answers).to_have_count(1)
    await expect(chat.questions.first).to_contain_text(re.compile("[12]/2"))


async def test_an_answer_can_be_made_again_and_both_are_kept(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("!tokens 4")
    await chat.button("Answer again").click()
    await expect(chat.answer).to_contain_text("2/2")
    await chat.done()
    await chat.page.reload()
    await expect(chat.answer).to_contain_text("2/2")
    await chat.says("w2")  # the last word runs into the text behind it
    await chat.done()
    assert await chat.words() == numbered(4)


async def test_a_message_sent_while_an_answer_runs_waits_for_its_turn(house: Houses, visitor: Visitor) -> None:
    home = await house(**SLOW)
    chat = Chat(await (await visitor(home.url)).open())
    await chat.send("!tokens 40")
    await chat.says("w2")
    await chat.send("!tokens 3")
    await expect(chat.page.get_by_role("list", name="Waiting messages")).to_contain_text("!tokens 3")
    await expect(chat.answers).to_have_count(2)
    await chat.done()
    assert await chat.words(0) == numbered(40)
    assert await chat.words(1) == numbered(3)


async def test_a_message_may_replace_the_running_answer(house: Houses, visitor: Visitor) -> None:
    home = await house(**SLOW)
    chat = Chat(await (await visitor(home.url)).open())
    await chat.send("!tokens 500")
    await chat.says("w2")
    await chat.composer.fill("!tokens 3")
    await chat.composer.press("Control+Enter")
    await expect(chat.answers).to_have_count(2)
    await chat.done()
    assert await chat.words(1) == numbered(3)
    assert len(await chat.words(0)) < 500
    await chat.button("Settings of this chat").click()
    await chat.page.get_by_text("Replaces it", exact=True).click()
    await chat.button("Done").click()
    await chat.send("!tokens 500")
    await expect(chat.answers).to_have_count(3)
    await chat.says("w2")
    await chat.send("!tokens 4")  # by Enter alone, as chosen
    await expect(chat.answers).to_have_count(4)
    await chat.done()
    assert await chat.words(3) == numbered(4)
    assert len(await chat.words(2)) < 500


async def test_two_threads_run_at_once_each_to_its_end(house: Houses, visitor: Visitor) -> None:
    home = await house(**SLOW)
    chat = Chat(await (await visitor(home.url)).open())
    await chat.send("!tokens 60")
    await chat.says("w3")
    await chat.page.get_by_role("complementary", name="Chats").get_by_role("button", name="New chat").click()
    await expect(chat.answers).to_have_count(0)
    await chat.send("!tokens 50")
    await chat.done()
    assert await chat.words() == numbered(50)
    await chat.page.get_by_role("navigation", name="Your chats").get_by_text("!tokens 60").click()
    await chat.says("w59")
    await chat.done()
    assert await chat.words() == numbered(60)


async def test_feedback_is_kept(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("!tokens 2")
    async with chat.page.expect_response(re.compile("/feedback$")) as response:
        await chat.button("Good answer").click()
    assert (await response.value).status == 204
    await chat.page.reload()
    await expect(chat.button("Good answer")).to_have_attribute("aria-pressed", "true")


async def test_a_draft_is_kept_for_its_thread(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("!tokens 2")
    await chat.thread_id()
    await chat.composer.fill("half a thought")
    await chat.becomes_true("Object.values(localStorage).some(v => v.includes('half a thought'))")
    await chat.page.reload()
    await expect(chat.composer).to_have_value("half a thought")


async def test_a_failure_explains_what_to_do_and_can_be_tried_again(house: Houses, visitor: Visitor) -> None:
    home = await house(QUEUE_MAX_ATTEMPTS="1")
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("!fault out_of_memory after 3")
    error = chat.page.get_by_test_id("error")
    await expect(error).to_have_attribute("data-code", "out_of_memory")
    await error.get_by_role("button", name="Try again").click()
    await expect(chat.answer).to_contain_text("2/2")
    await chat.done()
    await expect(error).to_be_visible()


async def test_the_place_in_the_queue_is_shown_while_a_message_waits(house: Houses, visitor: Visitor) -> None:
    home = await house(SLUICE_SIMULATED_RATE="10")
    visit = await visitor(home.url)
    first, second = Chat(await visit.open()), Chat(await visit.open())
    await first.send("!tokens 3000")
    await first.says("w1")
    await second.send("!tokens 3")
    await expect(second.status).to_contain_text("Next in the queue")
    await first.stop_button.click()
    await second.done()
    assert await second.words() == numbered(3)


async def test_without_a_worker_the_page_shows_that_a_worker_is_starting(house: Houses, visitor: Visitor) -> None:
    home = await house(workers=0)
    chat = Chat(await (await visitor(home.url)).open())
    await chat.send("!tokens 3")
    await expect(chat.status).to_contain_text("Starting a GPU worker")
    home.start_worker()
    await chat.done()
    assert await chat.words() == numbered(3)


async def test_the_loading_of_a_model_is_shown(house: Houses, visitor: Visitor) -> None:
    home = await house(SLUICE_SIMULATED_LOAD_MS="4000")
    chat = Chat(await (await visitor(home.url)).open())
    await chat.page.evaluate(KEEP_STATUS)
    await chat.ask("!tokens 3")
    statuses: list[str] = await chat.page.evaluate("window.statuses")
    assert any("Loading" in line for line in statuses), statuses


# Every text of the line below an answer, since some of them stand there only for seconds.
KEEP_STATUS = """() => {
  window.statuses = [];
  new MutationObserver(() => {
    for (const line of document.querySelectorAll("[data-testid=status]")) window.statuses.push(line.textContent);
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


async def test_a_thread_is_renamed_found_and_deleted(house: Houses, visitor: Visitor) -> None:
    home = await house()
    chat = Chat(await (await visitor(home.url)).open())
    await chat.ask("The Straße of Gibraltar")
    thread = await chat.thread_id()
    await chat.button("New chat").first.click()
    await expect(chat.questions).to_have_count(0)
    chats = chat.page.get_by_role("navigation", name="Your chats")
    await chat.page.get_by_role("searchbox", name="Search all chats").fill("STRASSE OF")
    await chats.get_by_role("region", name="Search results").get_by_role("button", name="Straße").last.click()
    await expect(chat.questions.first).to_contain_text("The Straße of Gibraltar")
    assert await chat.thread_id() == thread
    await chat.page.get_by_role("searchbox", name="Search all chats").fill("")
    await chats.get_by_role("button", name=re.compile("^Actions for")).first.click()
    await chat.page.get_by_role("menuitem", name="Rename").click()
    await expect(chats.get_by_role("textbox")).to_be_focused()
    await chat.page.keyboard.press("Control+A")
    await chat.page.keyboard.type("Ships")
    await chat.page.keyboard.press("Enter")
    await expect(chats).to_contain_text("Ships")
    await chats.get_by_role("button", name="Actions for Ships").click()
    await chat.page.get_by_role("menuitem", name="Delete").click()
    async with chat.page.expect_response(lambda answer: answer.request.method == "DELETE"):  # it is gone here before
        await chat.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(chats).not_to_contain_text("Ships")
    await chat.page.reload()
    await expect(chats).to_contain_text("Your chats will be here")


async def test_a_chat_too_long_for_the_model_marks_where_the_model_begins_to_read(
    house: Houses, visitor: Visitor
) -> None:
    home = await house(MAX_CONTEXT_MESSAGES="1")
    chat = Chat(await (await visitor(home.url)).open())
    line = chat.page.get_by_test_id("reads-from")
    await chat.ask("!tokens 3")
    await expect(line).to_have_count(0)
    await chat.ask("!tokens 4")
    await expect(line).to_have_text("The model reads from here: the 2 messages above are not sent.")
    await chat.page.reload()
    await expect(chat.answers).to_have_count(2)
    await expect(line).to_have_text("The model reads from here: the 2 messages above are not sent.")
