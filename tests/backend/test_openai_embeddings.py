"""Vectors over several jobs: in the inputs' order, whoever is done first; one failure, or a leaving caller, ends all.

The worker is played by hand, so that a test says which job ends when, and how.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import struct
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from backend.chat.vectors import check, split
from backend.errors import ApiError
from tests.support.house import House, MakesHouse
from tests.support.listener import PATIENCE
from tests.support.truth import Truth
from tests.support.waiting import eventually
from wire.events import Completed, Failed, Timings, Usage, encode
from wire.records import JobRecord
from wire.scripts import scripts
from wire.worker_info import WorkerInfo

MODEL = "qwen2.5:0.5b"
BATCH, DEPTH = 4, 3


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    return module_house(workers=0, SLUICE_EMBED_BATCH=str(BATCH), QUEUE_MAX_DEPTH=str(DEPTH))


@pytest.fixture
async def client(home: House) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=home.url + "/v1", api_key="none", max_retries=0) as client:
        yield client


class Hand:
    """A worker that does with each job what a test says."""

    def __init__(self, truth: Truth, name: str) -> None:
        self._truth = truth
        self.name = name

    async def jobs(self, count: int) -> list[JobRecord]:
        """Wait for so many jobs to be given to it; in the order of their inputs."""

        async def given() -> list[JobRecord] | None:
            names = await self._truth.redis.smembers(f"{self._truth.keys.prefix}:owned:{self.name}")
            return [await self._truth.record(name.decode()) for name in names] if len(names) == count else None

        records = await eventually(given, PATIENCE, f"{count} jobs are given")
        return sorted(records, key=lambda record: inputs_of(record)[0])

    async def answer(self, record: JobRecord) -> None:
        """Vectors in two events, as a worker sends long ones."""
        vectors, keys = [vector_of(one) for one in inputs_of(record)], self._truth.keys
        emit = self._truth.redis.register_script(scripts()["emit"])
        await self._truth.jobs.start(record.id, self.name, record.attempt, b'{"type":"started"}')
        for seq, part in enumerate((vectors[:1], vectors[1:]), 1):
            body = json.dumps({"type": "token", "embeddings": part}, separators=(",", ":"))
            names = [keys.job(record.id), keys.events(record.id), keys.live(record.id)]
            assert await emit(keys=names, args=[self.name, record.attempt, seq, body]) == 1
        end = Completed(finish_reason="stop", usage=Usage(prompt_tokens=len(vectors)), timings=Timings(total_ms=5))
        await self._finish(record, 3, "completed", encode(end))

    async def fail(self, record: JobRecord) -> None:
        await self._truth.jobs.start(record.id, self.name, record.attempt, b'{"type":"started"}')
        await self._finish(record, 1, "failed", encode(Failed(code="engine_refused", message="No vectors today.")))

    async def _finish(self, record: JobRecord, seq: int, state: Any, body: bytes) -> None:
        await self._truth.jobs.finish(record.id, self.name, record.attempt, seq, state, body)


@pytest.fixture
async def hand(truth: Truth) -> AsyncIterator[Hand]:
    name = f"hand-{secrets.token_hex(4)}"
    about = {"loaded": True, "capabilities": ["embedding", "completion"]}
    await truth.workers.register(name, 16, WorkerInfo("simulated", {MODEL: about}))
    await truth.workers.ask(name, True)
    yield Hand(truth, name)
    await truth.reap(name)


def inputs_of(record: JobRecord) -> list[Any]:
    inputs: list[Any] = json.loads(record.request)["inputs"]
    return inputs


def floats_of(text: str) -> list[float]:
    return [float(len(text)), 0.5, -1.0, float(int(text.strip("t") or 0))]


def vector_of(text: str) -> str:
    return base64.b64encode(struct.pack("<4f", *floats_of(text))).decode()


def texts(count: int) -> list[str]:
    return [f"t{n:02}" for n in range(count)]


# -- splitting ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (4, [4]), (5, [2, 3]), (8, [4, 4]), (9, [3, 3, 3])])
def test_parts_are_small_enough_and_alike(count: int, sizes: list[int]) -> None:
    inputs = tuple(texts(count))
    parts = split(inputs, 4)
    assert [len(part) for part in parts] == sizes
    assert tuple(one for part in parts for one in part) == inputs


def test_vectors_that_do_not_belong_together_are_no_answer() -> None:
    with pytest.raises(ApiError, match="3 vectors of 4 inputs"):
        check([{"model": "a"}], 3, 4)
    with pytest.raises(ApiError, match="different models"):
        check([{"model": "a"}, {"model": "b"}], 4, 4)
    check([{"model": "a"}, {"model": "a"}], 4, 4)


# -- answers -----------------------------------------------------------------------------------------------------


async def test_one_text_is_one_job(client: openai.AsyncOpenAI, hand: Hand) -> None:
    asked = asyncio.create_task(client.embeddings.create(model=MODEL, input="t07", encoding_format="float"))
    [job] = await hand.jobs(1)
    await hand.answer(job)
    answer = await asked
    assert [one.embedding for one in answer.data] == [floats_of("t07")]
    assert (answer.model, answer.usage.prompt_tokens, answer.usage.total_tokens) == (MODEL, 1, 1)


@pytest.mark.parametrize("form", ["float", "base64", None])
async def test_many_texts_are_several_jobs_and_their_vectors_come_in_order(
    client: openai.AsyncOpenAI, hand: Hand, form: Any
) -> None:
    """`None`: the client asks for base64 by itself, and makes numbers of it."""
    given = texts(9)
    form = openai.omit if form is None else form
    asked = asyncio.create_task(
        client.embeddings.with_raw_response.create(model=MODEL, input=given, encoding_format=form)
    )
    jobs = await hand.jobs(3)
    for job in reversed(jobs):  # the last part is done first
        await hand.answer(job)
    raw = await asked
    answer = raw.parse()
    told = [vector_of(text) for text in given] if form == "base64" else [floats_of(text) for text in given]
    assert [one.embedding for one in answer.data] == told
    assert [one.index for one in answer.data] == list(range(9))
    assert answer.usage.prompt_tokens == 9
    assert raw.headers["x-sluice-job"].split(", ") == [job.id for job in jobs]


async def test_token_ids_are_passed_on(home: House, hand: Hand, truth: Truth) -> None:
    async with asking(home, {"input": [[1, 2], [3]], "model": MODEL}) as waiting:
        [job] = await hand.jobs(1)
        assert inputs_of(job) == [[1, 2], [3]]
        await hand.fail(job)
        assert (await waiting).status_code == 400


# -- what goes wrong ---------------------------------------------------------------------------------------------


async def test_a_job_that_fails_ends_the_others(client: openai.AsyncOpenAI, hand: Hand, truth: Truth) -> None:
    asked = asyncio.create_task(client.embeddings.create(model=MODEL, input=texts(9)))
    first, second, third = await hand.jobs(3)
    await hand.answer(first)
    await hand.fail(third)
    with pytest.raises(openai.BadRequestError, match="No vectors today") as raised:
        await asked
    assert set(raised.value.response.headers["x-sluice-job"].split(", ")) == {first.id, second.id, third.id}
    assert (await truth.until_state(second.id, "cancelled")).why == "client_gone"
    assert (await truth.record(first.id)).state == "completed"


async def test_a_caller_who_leaves_ends_all_jobs(home: House, truth: Truth) -> None:
    before = (await truth.states()).keys()
    async with asking(home, {"input": texts(9), "model": MODEL}):
        jobs = await eventually(lambda: new_jobs(truth, before, 3), PATIENCE, "three jobs")
    for job in jobs:
        assert (await truth.until_state(job, "cancelled")).why == "client_gone"


async def test_where_one_job_is_refused_none_stays(client: openai.AsyncOpenAI, truth: Truth) -> None:
    before = (await truth.states()).keys()
    with pytest.raises(openai.RateLimitError) as raised:
        await client.embeddings.create(model=MODEL, input=texts(BATCH * DEPTH + 1))
    assert raised.value.response.headers["retry-after"]
    assert (raised.value.type, raised.value.code) == ("rate_limit_error", "queue_full_depth")
    await truth.until_drained()
    assert {(await truth.states())[job] for job in await new_jobs(truth, before, DEPTH) or ()} == {"cancelled"}


async def test_a_wrong_input_is_refused_before_anything_is_enqueued(client: openai.AsyncOpenAI, truth: Truth) -> None:
    before = await truth.states()
    for wrong in ([], "", ["a", ""], ["a"] * 2_049):
        with pytest.raises(openai.BadRequestError):
            await client.embeddings.create(model=MODEL, input=wrong)
    assert await truth.states() == before


async def test_the_same_key_joins_all_the_jobs(home: House, hand: Hand, truth: Truth) -> None:
    body, headers = {"input": texts(9), "model": MODEL}, {"Idempotency-Key": secrets.token_hex(8)}
    async with asking(home, body, headers) as one:
        jobs = await hand.jobs(3)
        async with asking(home, body, headers) as other:
            before = await truth.states()
            for job in jobs:
                await hand.answer(job)
            answers = [await one, await other]
    assert answers[0].json() == answers[1].json()
    assert {answer.headers["x-sluice-job"] for answer in answers} == {", ".join(job.id for job in jobs)}
    assert (await truth.states()).keys() == before.keys()


class asking:
    """A request on its way; leaving the block before its answer is a caller who leaves."""

    def __init__(self, home: House, body: Any, headers: dict[str, str] | None = None) -> None:
        self._client = httpx.AsyncClient(base_url=home.url, timeout=PATIENCE)
        self._request = self._client.post("/v1/embeddings", json=body, headers=headers)

    async def __aenter__(self) -> asyncio.Task[httpx.Response]:
        self._task = asyncio.create_task(self._request)
        return self._task

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._client.aclose()


async def new_jobs(truth: Truth, before: Any, count: int) -> list[str] | None:
    found = sorted((await truth.states()).keys() - set(before))
    return found if len(found) == count else None
