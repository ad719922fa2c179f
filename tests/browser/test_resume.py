"""No word of an answer is lost or doubled, whatever is cut, killed, reloaded or closed."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser import chromium
from tests.browser.chat import Chat, numbered
from tests.browser.conftest import Visitor
from tests.support.house import House, Houses
from tests.support.processes import Worker
from tests.support.proxy import Proxy
from tests.support.waiting import eventually

SLOW = {"SLUICE_SIMULATED_RATE": "20", "SLUICE_SLOTS": "4"}
CUT = [*chromium.CUT, "thread list load failed"]  # where the list was being read when the server ended


async def busy_worker(home: House) -> Worker:
    """The worker that runs the only job."""

    async def look() -> Worker | None:
        answer = await home.api.get("/health/detailed")
        known = answer.json().get("workers", ()) if answer is not None else ()  # a busy server answers 503 without them
        busy = [worker["id"] for worker in known if worker["running"]]
        return next((worker for worker in home.workers for owner in busy if f"-{worker.pid}-" in owner), None)

    return await eventually(look, chromium.PATIENT, "a worker runs the job")


async def test_an_answer_goes_on_after_a_reload_in_its_middle(house: Houses, visitor: Visitor) -> None:
    home = await house(**SLOW)
    chat = Chat(await (await visitor(home.url)).open())
    await chat.send("!tokens 80")
    await chat.says("w5")
    await chat.thread_id()
    await chat.page.reload()
    await chat.says("w79")
    await chat.done()
    assert await chat.words() == numbered(80)


async def test_a_cut_connection_is_picked_up_where_it_broke(house: Houses, visitor: Visitor) -> None:
    home = await house(**SLOW)
    async with Proxy(home.api.port) as proxy:
        visit = await visitor(f"http://127.0.0.1:{proxy.port}")
        visit.expected += CUT
        chat = Chat(await visit.open())
        await chat.send("!tokens 80")
        for word in ("w5", "w20", "w40"):
            await chat.says(word)
            proxy.cut()
        await chat.says("w79")
        await chat.done()
        assert await chat.words() == numbered(80)
        await visit.context.close()


async def test_a_network_that_is_away_for_a_while_is_shown_and_survived(house: Houses, visitor: Visitor) -> None:
    home = await house(**SLOW)
    async with Proxy(home.api.port) as proxy:
        visit = await visitor(f"http://127.0.0.1:{proxy.port}")
        visit.expected += CUT
        chat = Chat(await visit.open())
        await chat.send("!tokens 120")
        await chat.says("w5")
        proxy.refuse()
        proxy.cut()
        await expect(chat.status).to_contain_text("Reconnecting")
        proxy.heal()
        await visit.context.set_offline(True)
        await expect(chat.page.get_by_test_id("offline")).to_contain_text("You are offline")
        await visit.context.set_offline(False)
        await expect(chat.page.get_by_test_id("offline")).to_have_count(0)
        await chat.says("w119")
        await chat.done()
        assert await chat.words() == numbered(120)
        await visit.context.close()


async def test_an_api_killed_in_the_middle_loses_nothing(house: Houses, visitor: Visitor) -> None:
    home = await house(**SLOW)
    visit = await visitor(home.url)
    visit.expected += CUT
    chat = Chat(await visit.open())
    await chat.send("!tokens 120")
    await chat.says("w5")
    home.api.kill()
    home.api.start()
    await chat.says("w119")
    await chat.done()
    assert await chat.words() == numbered(120)
    await chat.page.reload()
    await expect(chat.answer).to_contain_text("w119")
    assert await chat.words() == numbered(120)


async def test_an_answer_is_kept_although_no_page_was_open(house: Houses, visitor: Visitor) -> None:
    home = await house(**SLOW)
    visit = await visitor(home.url)
    chat = Chat(await visit.open())
    await chat.send("!tokens 40")
    await chat.says("w2")
    thread = await chat.thread_id()
    await chat.page.close()
    later = Chat(await visit.open(f"/?c={thread}"))
    await later.says("w39")
    await later.done()
    assert await later.words() == numbered(40)


async def test_a_second_tab_follows_an_answer_and_stops_it(house: Houses, visitor: Visitor) -> None:
    home = await house(**SLOW)
    visit = await visitor(home.url)
    first = Chat(await visit.open())
    await first.send("!tokens 600")
    await first.says("w5")
    second = Chat(await visit.open(f"/?c={await first.thread_id()}"))
    await second.says("w10")
    await second.stop_button.click()
    await second.done()
    await first.done()
    words = await first.words()
    assert words == numbered(len(words)) and len(words) < 600


async def test_a_lost_worker_is_shown_and_the_answer_is_whole(house: Houses, visitor: Visitor) -> None:
    home = await house(workers=2, SLUICE_SIMULATED_RATE="10")
    chat = Chat(await (await visitor(home.url)).open())
    await chat.send("!tokens 90")
    await chat.says("w5")
    busy = await busy_worker(home)
    busy.kill()
    await chat.says("w89")
    await chat.done()
    assert await chat.words() == numbered(90)
