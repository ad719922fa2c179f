"""One browser for all tests, one context (a visitor without cookies) for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.chromium import Visit, chromium, keep_screenshot

HERE = Path(__file__).parent
USUAL = {
    "viewport": {"width": 1280, "height": 800},
    "reduced_motion": "reduce",
    "permissions": ["clipboard-read", "clipboard-write"],
}
Visitor = Callable[..., Awaitable[Visit]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Playwright's objects belong to one event loop, so the tests of this folder share one."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Visitor]:
    """`await visitor(house.url, **context_options)` → a `Visit`. Its pages are photographed when the test is over."""
    visits: list[Visit] = []

    async def come(origin: str, **options: Any) -> Visit:
        context = await browser.new_context(**{**USUAL, **options})
        visits.append(Visit(context, origin))
        return visits[-1]

    yield come
    for number, visit in enumerate(visits):
        for tab, page in enumerate(visit.context.pages):
            await keep_screenshot(page, f"{request.node.name}-{number}-{tab}".replace("/", "_"))
        await visit.context.close()
    for visit in visits:
        visit.check()
