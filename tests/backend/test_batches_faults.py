"""Batches while processes die or leave, and beside chats: two API processes, both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from sqlalchemy import func, select

from backend.batches.answers import job_of
from backend.store.database import Database
from backend.store.tables import jobs
from tests.backend.batch_calls import a_line, begin, jobs_of, jsonl, lines_of, said_in, until, words
from tests.backend.conversations import KINDS, LONG, history_house
from tests.backend.openai_calls import openai_client
from tests.support.house import House, Houses
from tests.support.listener import chat, listening
from tests.support.processes import Api
from tests.support.truth import Truth, truth_of
from tests.support.valkey import Valkey
from tests.support.waiting import eventually

COUNT = 40


@pytest.fixture(params=KINDS)
def home(request: pytest.FixtureRequest, tmp_path: Path, valkey: Valkey) -> Iterator[House]:
    with Houses(tmp_path, valkey) as houses:
        yield history_house(request, houses.standing, apis=2, SLUICE_BATCH_WINDOW="6")


async def begun(home: House, data: bytes) -> tuple[str, Api, Api]:
    """A batch with a quarter of its lines answered, the process that works on it, and the other."""
    async with openai_client(home.api) as client:
        batch = await begin(client, data)
        moved = {"action": "batch.moved", "batch": batch.id, "status": "in_progress"}

        def at_work() -> Api | None:
            logs = ((api, line) for api in home.apis for line in api.log_lines())
            return next((api for api, line in logs if moved.items() <= line.items()), None)

        holder = await eventually(at_work, 15, "a process works on it")

        async def quarter() -> bool | None:
            counts = (await client.batches.retrieve(batch.id)).request_counts
            return (counts is not None and counts.completed >= COUNT // 4) or None

        await eventually(quarter, 30, "a quarter is answered")
        assert (await client.batches.retrieve(batch.id)).status == "in_progress", "too fast to be interrupted"
    [other] = (api for api in home.apis if api is not holder)
    return batch.id, holder, other


async def check_whole(client: AsyncOpenAI, name: str, truth: Truth, home: House) -> None:
    """Every line is once in the file, and is one job, which ran once and is in the history once."""
    batch = await until(client, name, "completed")
    answers = await lines_of(client, batch.output_file_id)
    assert [(answer["custom_id"], said_in(answer)) for answer in answers] == [
        (str(n), words(n + 100)) for n in range(COUNT)
    ]
    assert batch.error_file_id is None
    assert await jobs_of(truth, name, COUNT) == ["completed"] * COUNT
    names = [job_of(name, n) for n in range(COUNT)]
    assert {(await truth.record(job)).attempt for job in names} == {1}
    assert set(await truth.states()) == set(names), "a line was submitted under another id"
    database = Database(home.env["DATABASE_URL"])

    async def recorded() -> bool | None:
        async with database.read() as tx:
            return (await tx.scalar(select(func.count()).select_from(jobs))) == COUNT or None

    try:
        await eventually(recorded, 15, "every job is in the history, once")
    finally:
        await database.close()


LINES = jsonl(*(a_line(str(n), f"!tokens {n + 100}") for n in range(COUNT)))


async def test_an_api_that_is_killed_loses_and_doubles_nothing(home: House, truth: Truth) -> None:
    name, holder, other = await begun(home, LINES)
    holder.kill()
    async with openai_client(other) as client:
        await check_whole(client, name, truth, home)
    await other.wait_for_action("batch.ended", batch=name)


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
async def test_an_api_that_leaves_hands_its_batches_over_at_once(home: House, truth: Truth) -> None:
    name, holder, other = await begun(home, LINES)
    holder.term()
    await holder.wait_for_exit()
    async with openai_client(other) as client:
        await check_whole(client, name, truth, home)


async def begun_in(truth: Truth, job: str) -> int:
    """When the job's first attempt started, by Redis's clock: a job runs before its worker logs that it has started."""

    async def look() -> int | None:
        timeline: Any = (await truth.record(job)).timeline
        return next((int(at) for at, what, _ in timeline if what == "started:1"), None)

    return await eventually(look, 15, f"{job} has started")


# -- beside chats ------------------------------------------------------------------------------------------------
async def test_a_chat_goes_before_the_lines_that_wait(house: Houses) -> None:
    only = await house(SLUICE_SLOTS="1")
    async with openai_client(only.api) as client, truth_of(only.redis_url) as truth:
        batch = await begin(client, jsonl(*(a_line(str(n), LONG) for n in range(8))))

        async def one_has_the_slot_and_all_others_wait() -> list[str] | None:
            states = await jobs_of(truth, batch, 8)
            return states if sorted(states) == ["queued"] * 7 + ["running"] else None

        states = await eventually(one_has_the_slot_and_all_others_wait, 15, "the batch's jobs wait")
        async with listening(only.url, chat("!tokens 5")) as heard:  # accepted, the last of nine
            await truth.jobs.cancel(job_of(batch.id, states.index("running")))
            assert await heard.end() == "completed", "the chat waited for lines without an end"

        async def the_next_line_has_the_slot() -> list[str] | None:
            states = await jobs_of(truth, batch, 8)
            return states if "running" in states else None

        states = await eventually(the_next_line_has_the_slot, 15, "the batch goes on behind the chat")
        assert sorted(states) == ["cancelled", *["queued"] * 6, "running"]
        following = await begun_in(truth, job_of(batch.id, states.index("running")))
        assert await begun_in(truth, heard.job) < following
        await client.batches.cancel(batch.id)
        await until(client, batch.id, "cancelled")
