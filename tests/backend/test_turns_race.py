"""Turns that meet something else at the same moment: an equal request, or the end of their thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from backend.accounts.caller import LOCAL
from backend.chat.admission import Admission
from backend.chat.disconnect import CONTINUE
from backend.chat.service import Submission
from backend.chat.turn import Turn
from backend.errors import QueueFull
from backend.house import House
from backend.threads import repository
from backend.threads.requests import NewThread
from tests.backend.inside import hearing, parts_in
from tests.backend.recording import BOUNDS
from wire.records import JobRequest, Message


@pytest.fixture
async def home(redis_url: str, database_url: str) -> AsyncIterator[House]:
    """One process's parts, without its loops but the one that submitting needs."""
    async with parts_in(redis_url, DATABASE_URL=database_url) as house, hearing(house.fan_in):
        yield house


async def a_wish(home: House) -> tuple[Turn, Submission]:
    """A turn in a new thread."""
    thread, _ = await home.threads.create(LOCAL.tenant, NewThread.model_validate({}))
    turn = Turn(thread.id, None, "q", "a", "hello")
    request = JobRequest(model="", messages=(Message(role="user", content="hello"),))
    return turn, Submission(request, LOCAL, CONTINUE, turn=turn)


async def answer(home: House, turn: Turn) -> Any:
    async with home.database.read() as tx:
        return await repository.message(tx, turn.thread, turn.answer)


class FullAfterwards(Admission):
    """A queue that was full, though an equal request got the same job in meanwhile."""

    async def accept(self, *args: Any, **options: Any) -> None:
        await super().accept(*args, **options)
        raise QueueFull("full")


async def test_a_refusal_says_nothing_of_an_answer_whose_job_an_equal_request_got_in(home: House) -> None:
    home.chat._admission = FullAfterwards(BOUNDS)
    turn, wish = await a_wish(home)
    with pytest.raises(QueueFull):
        await home.chat.submit(wish)
    assert (await answer(home, turn)).status == "running"


class Slow(Admission):
    """Accepting waits until it may go on."""

    def __init__(self) -> None:
        super().__init__(BOUNDS)
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def accept(self, *args: Any, **options: Any) -> None:
        self.asked.set()
        await self.go_on.wait()
        await super().accept(*args, **options)


async def test_a_thread_deleted_before_its_job_was_let_in_leaves_no_job_behind(home: House) -> None:
    slow = home.chat._admission = Slow()
    turn, wish = await a_wish(home)
    asking = asyncio.create_task(home.chat.submit(wish))
    await slow.asked.wait()
    job = (await answer(home, turn)).job_id
    deleting = asyncio.create_task(home.threads.delete(LOCAL.tenant, turn.thread))
    while await answer(home, turn) is not None:
        await asyncio.sleep(0.01)
    slow.go_on.set()
    ticket = await asking
    await deleting
    record = await home.pools.own.jobs.record(job)
    assert record is not None and (record.state, record.why) == ("cancelled", "thread_deleted")
    await ticket.leave(gone=False)
