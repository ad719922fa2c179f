"""An answer is kept whichever process dies: real processes, the history on both databases."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import insert

from backend.store.tables import messages, threads
from tests.support.house import House, Houses
from tests.support.kept import Kept, kept_in
from tests.support.listener import chat, listening, words
from tests.support.processes import Api
from tests.support.sse import Cut, open_stream
from tests.support.truth import Truth

CONTINUE = {"X-Sluice-On-Disconnect": "continue"}


@pytest.fixture
async def history(database_url: str) -> AsyncIterator[Kept]:
    async with kept_in(database_url) as kept:
        await kept.rows(threads)  # the first connection takes its time: no answer may end meanwhile
        yield kept


async def awaits(history: Kept, job: str) -> None:
    """An answer's row that waits for this job, as a turn of a thread would have written it."""
    async with history.database.write() as tx:
        await tx.execute(insert(threads).values(id=job, tenant="local", created_at=0, updated_at=0))
        row = {"thread_id": job, "id": "a", "role": "assistant", "status": "running", "created_at": 0, "job_id": job}
        await tx.execute(insert(messages).values(row))


async def answer(history: Kept, job: str) -> Any:
    return next(row for row in await history.rows(messages) if row.job_id == job)


async def test_an_answer_is_kept_though_the_api_that_served_it_was_killed(
    house: Houses, truth: Truth, history: Kept, database_url: str
) -> None:
    home = await house(apis=2, workers=0, DATABASE_URL=database_url)
    async with listening(home.url, chat("!tokens 1000")) as heard:
        await awaits(history, heard.job)
        home.start_worker()
        await heard.words(20)
        home.api.kill()
        await heard.hung_up()
    await history.until_recorded({heard.job})
    kept = await answer(history, heard.job)
    assert (kept.status, kept.text) == ("complete", words(1000))
    assert kept.usage["completion_tokens"] == 1000


async def test_an_answer_is_kept_though_no_api_ran_as_it_ended(
    house: Houses, truth: Truth, history: Kept, database_url: str
) -> None:
    home = await house(apis=1, workers=0, DATABASE_URL=database_url)
    async with listening(home.url, chat("!tokens 400"), headers=CONTINUE) as heard:
        await awaits(history, heard.job)
        home.start_worker()
        await heard.words(1)
        home.api.kill()
    await truth.until_state(heard.job, "completed")
    home.api.start()
    await history.until_recorded({heard.job})
    assert (await answer(history, heard.job)).text == words(400)


async def test_a_cancelled_answer_keeps_what_was_heard_of_it(
    house: Houses, truth: Truth, history: Kept, database_url: str
) -> None:
    home = await house(apis=1, workers=1, DATABASE_URL=database_url)
    async with listening(home.url, chat("!tokens 5000")) as heard:
        await heard.words(20)
        await awaits(history, heard.job)
        async with open_stream(f"{home.url}/api/jobs/{heard.job}/cancel", method="POST") as cancelled:
            assert cancelled.status == 200
        assert await heard.end() == "cancelled"
    await history.until_recorded({heard.job})
    kept = await answer(history, heard.job)
    assert (kept.status, kept.text) == ("cancelled", await truth.text(heard.job))
    assert kept.text.startswith(words(20))


async def chat_until(over: asyncio.Event, home: House, chance: random.Random) -> None:
    """Short chats at any API that answers."""
    while not over.is_set():
        api = chance.choice(home.apis)
        with contextlib.suppress(Cut, ConnectionError, TimeoutError, ValueError):
            body = chat(f"!tokens {chance.randint(1, 40)}")
            async with open_stream(api.url + "/api/chat", body, headers=CONTINUE) as stream:
                await stream.body()
        await asyncio.sleep(0.01)


async def restart(api: Api) -> None:
    api.kill()
    api.start()
    await api.ready()


async def test_every_ended_job_is_recorded_once_while_apis_are_killed(
    durable_house: Houses, durable_truth: Truth, history: Kept, database_url: str
) -> None:
    home = await durable_house(
        apis=2, workers=1, DATABASE_URL=database_url, SLUICE_SLOTS="4", SLUICE_SIMULATED_RATE="400"
    )
    chance, over = random.Random(3), asyncio.Event()
    clients = [asyncio.create_task(chat_until(over, home, chance)) for _ in range(4)]
    for kill in range(4):
        await restart(home.apis[kill % 2])
    over.set()
    await asyncio.gather(*clients)
    await durable_truth.until_drained()
    ended = await durable_truth.states()
    assert len(ended) > 20
    await history.until_recorded(ended)
    await history.check_recorded_once(ended)
