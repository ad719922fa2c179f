"""The page where LangServe is not installed: a first chat, an answer that is resumed, and branches."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.chat import Chat, numbered
from tests.browser.conftest import Visitor
from tests.support.house import House, MakesHouse
from tests.support.langserve import path_without_langserve


@pytest.fixture(scope="module")
def home(module_house: MakesHouse, tmp_path_factory: pytest.TempPathFactory) -> House:
    path = path_without_langserve(tmp_path_factory.mktemp("without") / "blocked")
    house = module_house(SLUICE_SIMULATED_RATE="20", PYTHONPATH=path)
    assert httpx.post(f"{house.url}/api/lc/chat/invoke", json={}).status_code == 501
    return house


async def test_a_first_chat_a_resumed_answer_and_branches_need_no_langserve(home: House, visitor: Visitor) -> None:
    chat = Chat(await (await visitor(home.url)).open())
    await chat.send("!tokens 60")
    await chat.says("w5")
    await chat.thread_id()
    await chat.page.reload()  # in the middle of the first answer
    await chat.says("w59")
    await chat.done()
    assert await chat.words() == numbered(60)

    await chat.edit_first("!tokens 5")
    await chat.says("w4")
    await chat.done()
    await chat.questions.first.hover()
    await expect(chat.questions.first).to_contain_text("2/2")
    await chat.button("Previous version").first.click()
    await expect(chat.questions.first).to_contain_text("!tokens 60")
    assert await chat.words() == numbered(60)
