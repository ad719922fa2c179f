"""The README's pictures, made anew: `python -m tests.browser.pictures` (needs the built page: `make page`).

A house of its own with the demo threads, a simulated engine and real Chromium; nothing is drawn by hand.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from playwright.async_api import Browser, expect

from backend.accounts.caller import LOCAL
from backend.store.database import Database
from backend.store.migrate import migrate
from backend.store.seed import seed
from tests.browser.chat import Chat
from tests.browser.chromium import ROOT, Visit, chromium
from tests.support.house import House
from tests.support.valkey import Valkey

FOLDER = ROOT / "docs" / "pictures"
SIZE = {"width": 1200, "height": 760}

DIAGRAM = "How an answer is made"  # the demo thread with a diagram


async def chat(browser: Browser, home: House) -> None:
    """A thread with a diagram, in light."""
    visit = Visit(await browser.new_context(viewport=SIZE, color_scheme="light", reduced_motion="reduce"), home.url)
    page = await visit.open()
    await page.get_by_role("navigation", name="Your chats").get_by_text(DIAGRAM).click()
    diagram = page.locator("[data-diagram=drawn]").first
    await expect(diagram).to_be_visible()
    await diagram.scroll_into_view_if_needed()
    await page.screenshot(path=FOLDER / "chat.png")


async def waiting(browser: Browser, home: House) -> None:
    """A place in the queue, in dark."""
    visit = Visit(await browser.new_context(viewport=SIZE, color_scheme="dark", reduced_motion="reduce"), home.url)
    first = Chat(await visit.open())
    await first.ask("Write a haiku about queues")  # a measured job, from which an ETA is computed
    for question in ("Summarise our incident report", "Explain Raft to a colleague", "Name ten birds of Europe"):
        other = Chat(await visit.open())
        await other.send(question)
        await expect(other.answers).to_have_count(1)
    shown = Chat(await visit.open())
    await shown.send("Which of our meetings this week could have been an email?")
    await expect(shown.status).to_contain_text("in the queue ·")
    await shown.page.screenshot(path=FOLDER / "queue.png")


async def admin(browser: Browser, home: House) -> None:
    """The admin page while the queue is full, in dark."""
    visit = Visit(await browser.new_context(viewport=SIZE, color_scheme="dark", reduced_motion="reduce"), home.url)
    page = await visit.open("/admin/")
    await expect(page.get_by_role("article", name="Worker").first).to_be_visible()
    await expect(page.locator("canvas")).to_have_count(4)
    await expect(page.get_by_role("table")).to_contain_text("running")
    for _ in range(12):  # a little of the charts
        await page.wait_for_timeout(1_000)
    await page.screenshot(path=FOLDER / "admin.png")


async def make() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        server = Valkey(Path(folder) / "valkey")
        server.start()
        home = House(Path(folder), server.url, {"SLUICE_SIMULATED_RATE": "8"})
        try:
            await furnish(home)
            async with chromium() as browser:
                for picture in (chat, waiting, admin):
                    await picture(browser, home)
        finally:
            home.stop()
            server.stop()


async def furnish(home: House) -> None:
    """Demo threads, an API, a worker."""
    await migrate(home.env["DATABASE_URL"])
    database = Database(home.env["DATABASE_URL"])
    await seed(database, LOCAL.tenant, int(time.time() * 1000))
    await database.close()
    home.start_worker()
    home.start_api()
    await home.ready()


if __name__ == "__main__":
    asyncio.run(make())
