"""A worker whose models and engine have attacks as their names, registered on the wire like any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from playwright.async_api import Page, expect

from tests.browser.chat import Chat
from tests.browser.chromium import PATIENT, Visit
from tests.browser.corpus import Payload
from tests.browser.suspects import Finding, suspects
from tests.support.waiting import eventually
from wire.client import open_redis
from wire.keys import Keys
from wire.worker_info import Gpu, WorkerInfo
from wire.workers import BEAT_SECONDS, WorkerRegistry

WORKER = "on-the-wire"


async def draw_models(visit: Visit, page: Page, redis_url: str, group: Sequence[Payload]) -> list[Finding]:
    """Draw each as a model's name: in the picker, chosen, and on the admin page, where a job waits for one as well."""
    async with wire_worker(redis_url, [payload.text for payload in group]):
        picked = await pick(visit, page, group)
        return [*picked, *await administer(visit, page, group)]


async def pick(visit: Visit, page: Page, group: Sequence[Payload]) -> list[Finding]:
    chat = Chat(page)
    await wait_listed(page, visit.origin, [payload.text for payload in group])
    await page.goto(visit.origin)
    names = page.get_by_role("menu").get_by_role("menuitemradio").filter(has_text="loaded")  # the default model is not
    await page.get_by_test_id("model").click()
    await expect(names).to_have_count(len(group))
    seen = await suspects(visit, page, group)
    await names.first.click()
    async with page.expect_response("**/api/lc/chat/stream") as answered:
        await chat.send("words")
    assert (await answered.value).ok  # by now its job is accepted
    return [*seen, *await suspects(visit, page, group)]


async def wait_listed(page: Page, origin: str, names: Sequence[str]) -> None:
    """Wait until the house lists these models: the page requests the list again only after a while."""

    async def listed() -> bool | None:
        answer = await (await page.request.get(f"{origin}/api/models")).json()
        return {model["name"] for model in answer["models"] if model["live"]} >= set(names) or None

    await eventually(listed, PATIENT, "the house knows the worker's models")


async def administer(visit: Visit, page: Page, group: Sequence[Payload]) -> list[Finding]:
    await page.goto(f"{visit.origin}/admin/")
    await expect(page.get_by_role("list", name="Models").get_by_role("listitem")).to_have_count(len(group))
    await page.get_by_role("table").get_by_role("button").first.click()
    await expect(page.get_by_role("dialog")).to_contain_text("accepted", ignore_case=True)
    return await suspects(visit, page, group)


@asynccontextmanager
async def wire_worker(redis_url: str, names: Sequence[str]) -> AsyncIterator[None]:
    """The worker lives as long as this context lasts, and takes no job."""
    redis = open_redis(redis_url, PATIENT)
    registry = WorkerRegistry(redis, Keys("default"))
    models = {name: {"loaded": True, "context_length": 4096, "capabilities": ["completion", name]} for name in names}
    info = WorkerInfo(names[0], models, host=names[-1], detail=names[len(names) // 2], gpus=(Gpu(names[0]),))
    await registry.register(WORKER, 1, info)
    beating = asyncio.create_task(_beat(registry))
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait([beating])
        await registry.reap(WORKER, (await registry.beats()).get(WORKER, 0))
        await redis.aclose()


async def _beat(registry: WorkerRegistry) -> None:
    while (await registry.beat(WORKER)).alive:
        await asyncio.sleep(BEAT_SECONDS)
