"""Turns that meet something else at the same moment: an equal request, or the end of their thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from backend.accounts.caller import LOCAL
from backend.chat.admission import Admission
from backend.chat.disconnect import CONTINUE
from backend.chat.submission import Ready, Submission
from backend.chat.turn import Turn
from backend.errors import QueueFull
from backend.house import House
from backend.threads import repository
from backend.threads.requests import NewThread
from tests.backend.inside import hearing, parts_in
from wire.records import JobRequest, Message


@pytest.fixture
async def home(redis_url: str, database_url: str) -> AsyncIterator[House]:
    """One process's parts, without its loops but the one that submitting needs."""
    async with parts_in(redis_url, DATABASE_URL=database_url) as house, hearing(house.fan_in):
        yield house


async def submission_of_a_turn(home: House) -> tuple[Turn, Submission]:
    """A turn in a new thread."""
    thread, _ = await home.threads.create(LOCAL.tenant, NewThread.model_validate({}))
    turn = Turn(thread.id, None, "q", "a", "hello")
    request = JobRequest(model="", messages=(Message(role="user", content="hello"),))
    return turn, Submission(request, LOCAL, CONTINUE, turn=turn)


async def answer(home: House, turn: Turn) -> Any:
    async with home.database.read() as tx:
        return await repository.message(tx, turn.thread, turn.answer)


class FullAfterwards:
    """The queue is full, although an equal request got the same job accepted meanwhile."""

    def __init__(self, admission: Admission) -> None:
        self.prepare = admission.prepare
        self._accept = admission.accept

    async def accept(self, ready: Ready) -> None:
        await self._accept(ready)
        raise QueueFull("full")


async def test_a_refusal_leaves_an_answer_whose_job_an_equal_request_got_accepted(home: House) -> None:
    home.chat._admission = cast(Admission, FullAfterwards(home.chat._admission))
    turn, submission = await submission_of_a_turn(home)
    with pytest.raises(QueueFull):
        await home.chat.submit(submission)
    assert (await answer(home, turn)).status == "running"


class Slow:
    """Accepting waits until it may go on."""

    def __init__(self, admission: Admission) -> None:
        self.prepare = admission.prepare
        self._accept = admission.accept
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def accept(self, ready: Ready) -> None:
        self.reached.set()
        await self.go_on.wait()
        await self._accept(ready)


async def test_a_thread_deleted_before_its_job_was_accepted_leaves_no_job_behind(home: House) -> None:
    slow = Slow(home.chat._admission)
    home.chat._admission = cast(Admission, slow)
    turn, submission = await submission_of_a_turn(home)
    asking = asyncio.create_task(home.chat.submit(submission))
    await slow.reached.wait()
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
