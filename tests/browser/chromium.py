"""The system's Chromium, driven by Playwright, and what every visit of a page must not do."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright, expect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A browser under test connects only to the house: no component updates, no first-run pages, no sync.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
# A name of this machine that no browser treats as safe: a page by plain HTTP from another host, as on a home network.
ELSEWHERE = "page.example"
ROOT = Path(__file__).parents[2]
# Seconds that a page may take for anything: a machine that runs other tests beside this one is slow, not wrong.
PATIENT = 60
ARTEFACTS = Path(os.environ.get("SLUICE_ARTEFACTS", ROOT / ".cache" / "artefacts"))
# What a console contains where the test cuts a connection (Chromium has a dozen names for that) or ends a server.
CUT = ("Failed to load resource: net::ERR_", "status of 50")
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


def chromium_path() -> str:
    """Raises FileNotFoundError with what to install: a missing browser is a failure, never a skip."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise FileNotFoundError(f"none of {', '.join(NAMES)} is on PATH; on Debian: apt-get install chromium")
    return path


@asynccontextmanager
async def chromium(*arguments: str) -> AsyncIterator[Browser]:
    """A headless browser; root may not use Chromium's sandbox."""
    expect.set_options(timeout=PATIENT * 1000)
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path(),
            args=[*QUIET, f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1", *sandbox, *arguments],
        )
        try:
            yield browser
        finally:
            await browser.close()


class Visit:
    """One visitor: a browser context of its own, and a record of its complaints and of its requests to other hosts."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        context.set_default_timeout(PATIENT * 1000)
        self.context = context
        self.origin = origin
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self.expected: list[str] = []  # parts of complaints that the test provokes
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))
        context.on("request", self._on_request)

    async def open(self, path: str = "/") -> Page:
        page = await self.context.new_page()
        await page.goto(self.origin + path)
        return page

    def check(self) -> None:
        """Assert that no request left the origin, and the console has only errors that the test provokes."""
        assert not self.foreign, f"requests left the origin: {self.foreign}"
        unexpected = [line for line in self.complaints if not any(part in line for part in self.expected)]
        assert not unexpected, unexpected

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _on_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in ("http", "https", "ws", "wss") and f"{url.scheme}://{url.netloc}" != self.origin:
            self.foreign.append(request.url)


async def violations(page: Page) -> list[str]:
    """The violations that axe sees in the page as it is now: a line for each rule and element."""
    # Evaluated over the debugger, which no CSP forbids; the page itself may not run foreign scripts.
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    result: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]} {node.get('failureSummary', '')}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


async def keep_screenshot(page: Page, name: str) -> Path:
    """A picture among the artefacts."""
    path = ARTEFACTS / f"{name}.png"
    await page.screenshot(path=path)  # makes its folder
    return path
