"""The admin page: it shows what happens in the pool as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from tests.browser.chat import Chat
from tests.browser.chromium import CUT
from tests.browser.conftest import Visitor
from tests.browser.looks import SCREENS, Judge
from tests.support.house import Houses
from tests.support.valkey import Valkey


async def test_a_job_is_seen_live_and_then_among_the_ended(house: Houses, visitor: Visitor) -> None:
    home = await house(SLUICE_SIMULATED_RATE="20")
    visit = await visitor(home.url)
    admin = await visit.open("/admin/")
    worker = admin.get_by_role("article", name="Worker")
    await expect(worker).to_contain_text("idle")
    chat = Chat(await visit.open())
    await chat.send("!tokens 3000")
    await expect(worker).to_contain_text("1 of 1 slots")
    await expect(admin.get_by_role("table")).to_contain_text("running")
    await chat.stop_button.click()
    await chat.ask("!tokens 3")
    await expect(worker).to_contain_text("idle")
    await admin.get_by_role("tab", name="Ended").click()
    await expect(admin.get_by_role("table")).to_contain_text("completed")
    await admin.get_by_role("table").get_by_role("button").first.click()
    await expect(admin.get_by_role("dialog")).to_contain_text("accepted", ignore_case=True)
    assert "!tokens" not in await admin.content()


async def test_a_waiting_job_can_be_cancelled(house: Houses, visitor: Visitor) -> None:
    home = await house(workers=0)
    visit = await visitor(home.url)
    admin, chat = await visit.open("/admin/"), Chat(await visit.open())
    await chat.send("!tokens 5")
    await expect(admin.get_by_role("table")).to_contain_text("queued")
    await admin.get_by_role("button", name="Cancel").first.click()
    await admin.get_by_role("dialog").get_by_role("button", name="Cancel").first.click()
    await chat.done()


async def test_a_lost_worker_turns_silent_and_goes(house: Houses, visitor: Visitor) -> None:
    home = await house()
    admin = await (await visitor(home.url)).open("/admin/")
    worker = admin.get_by_role("article", name="Worker")
    await expect(worker).to_contain_text("idle")
    home.worker.kill()
    await expect(worker).to_contain_text("silent")
    await expect(worker).to_have_count(0)
    await expect(admin.get_by_text("No worker is alive")).to_be_visible()


async def test_a_dead_letter_is_shown_with_its_reason(house: Houses, visitor: Visitor) -> None:
    home = await house(QUEUE_MAX_ATTEMPTS="1")
    visit = await visitor(home.url)
    chat = Chat(await visit.open())
    await chat.ask("!fault out_of_memory after 1")
    admin = await visit.open("/admin/")
    await admin.get_by_role("tab", name="Dead letters").click()
    await expect(admin.get_by_role("table")).to_contain_text("out_of_memory")


@pytest.mark.parametrize("screen", SCREENS)
async def test_the_admin_page_has_no_accessibility_violation(
    house: Houses, fresh_valkey: Valkey, visitor: Visitor, screen: str
) -> None:
    home = await house(redis_url=fresh_valkey.url, QUEUE_MAX_ATTEMPTS="1", SLUICE_SIMULATED_RATE="5")
    visit = await visitor(home.url, **SCREENS[screen])
    visit.expected += CUT  # of the lists, once Redis is gone
    chat = Chat(await visit.open())
    await chat.ask("!fault out_of_memory after 1")
    await chat.send("!tokens 500")
    await chat.says("w1")
    admin, judge = await visit.open("/admin/"), Judge(screen)
    async for state in admin_states(admin):
        await judge.look(admin, f"admin-{state}")
    await chat.stop_button.click()
    await chat.done()
    home.worker.stop()
    await expect(admin.get_by_text("No worker is alive")).to_be_visible()
    await judge.look(admin, "admin-no-workers")
    fresh_valkey.kill()
    await expect(admin.get_by_role("alert").first).to_be_visible()
    await judge.look(admin, "admin-trouble")
    await visit.context.close()
    assert not judge.wrong, judge.wrong


async def admin_states(admin: Page) -> AsyncIterator[str]:
    """One job runs, one has failed."""
    await expect(admin.get_by_role("article", name="Worker")).to_contain_text("1 of 1 slots")
    table, dialog = admin.get_by_role("table"), admin.get_by_role("dialog")
    await expect(table).to_contain_text("running")
    yield "live"
    await table.get_by_role("button", name="Cancel").first.click()
    await expect(dialog).to_contain_text("Cancel this job?")
    yield "cancel"
    await dialog.get_by_role("button", name="Keep it").click()
    await admin.get_by_role("tab", name="Ended").click()
    await expect(table).to_contain_text("failed")
    yield "ended"
    await table.get_by_role("button").first.click()
    await expect(dialog).to_contain_text("accepted", ignore_case=True)
    yield "job"
    await admin.keyboard.press("Escape")
    await admin.get_by_role("tab", name="Dead letters").click()
    await expect(table).to_contain_text("out_of_memory")
    yield "dead"


async def test_charts_have_a_history_and_show_their_figures(house: Houses, visitor: Visitor) -> None:
    home = await house()
    visit = await visitor(home.url)
    chat = Chat(await visit.open())
    await chat.ask("!tokens 20")
    admin = await visit.open("/admin/")
    await expect(admin.locator("canvas")).to_have_count(4)
    await expect(admin.get_by_role("region", name="Jobs in the pool")).to_contain_text("max")
