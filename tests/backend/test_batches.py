"""`/v1/batches` by the official client, on SQLite and PostgreSQL: two API processes, one worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from sqlalchemy import insert, select, update

from backend.batches.answers import job_of
from backend.batches.requests import WINDOW_MS
from backend.moments import now_ms
from backend.store.database import Database
from backend.store.tables import batch_lines, batches
from tests.backend.batch_calls import CHAT, a_line, begin, jobs_of, jsonl, lines_of, run, said_in, until, words
from tests.backend.conversations import FOREIGN, KINDS, LONG, history_house
from tests.backend.openai_calls import openai_client
from tests.support.house import House, MakesHouse
from tests.support.truth import Truth
from tests.support.waiting import eventually

WINDOW = 4


@pytest.fixture(scope="module", params=KINDS)
def home(request: pytest.FixtureRequest, module_house: MakesHouse) -> House:
    return history_house(request, module_house, apis=2, SLUICE_BATCH_WINDOW=str(WINDOW))


@pytest.fixture
async def client(home: House) -> AsyncIterator[AsyncOpenAI]:
    async with openai_client(home.apis[0]) as client:
        yield client


@pytest.fixture
async def other(home: House) -> AsyncIterator[AsyncOpenAI]:
    """Of the second API process."""
    async with openai_client(home.apis[1]) as client:
        yield client


@pytest.fixture
async def database(home: House) -> AsyncIterator[Database]:
    database = Database(home.env["DATABASE_URL"])
    yield database
    await database.close()


# -- answered ----------------------------------------------------------------------------------------------------
async def test_every_line_is_answered_once_and_wrong_lines_lie_in_the_error_file(
    client: AsyncOpenAI, other: AsyncOpenAI, truth: Truth, database: Database
) -> None:
    good = [a_line(f"good-{n}", f"!tokens {n}") for n in range(1, 10)]
    wrong = [
        a_line("good-1", "!tokens 3"),
        a_line("get", "x", method="GET"),
        a_line("elsewhere", "x", url="/v1/embeddings"),
        a_line("no body", "x", body=None),
        a_line("no messages", "x", body={"messages": []}),
        {"method": "POST", "url": CHAT, "body": {}},
        a_line("fails", "!fault context_too_long"),
        a_line("unknown model", "x", body={"model": "nobody", "messages": [{"role": "user", "content": "x"}]}),
    ]
    begun = await begin(client, jsonl(*good, *wrong) + b"\n\n", metadata={"a": "b"})
    assert (begun.status, begun.metadata, begun.endpoint) == ("validating", {"a": "b"}, CHAT)
    batch = await until(other, begun.id, "completed")
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": 17, "completed": 9, "failed": 8}
    assert batch.in_progress_at and batch.finalizing_at and batch.completed_at and not batch.failed_at
    answers = await lines_of(other, batch.output_file_id)
    assert [answer["custom_id"] for answer in answers] == [line["custom_id"] for line in good], "in the file's order"
    assert [said_in(answer) for answer in answers] == [words(n) for n in range(1, 10)]
    assert all(answer["response"]["status_code"] == 200 and answer["error"] is None for answer in answers)
    errors = await lines_of(client, batch.error_file_id)
    sent = [(line["custom_id"], line["response"]["status_code"], line["response"]["body"]["error"]) for line in errors]
    assert [custom_id for custom_id, _, _ in sent] == [line.get("custom_id") for line in wrong]
    assert [status for _, status, _ in sent] == [400] * 7 + [404]
    codes = [error["code"] for _, _, error in sent]
    assert codes[:3] == ["duplicate_custom_id", "invalid_method", "mismatched_url"]
    assert codes[6:] == ["context_length_exceeded", "model_not_found"]
    files = [file.id async for file in client.files.list(purpose="batch_output")]
    assert {batch.output_file_id, batch.error_file_id} <= set(files)
    record = await truth.record(job_of(batch.id, 0))
    assert (record.cls, record.attempt) == ("batch", 1)
    assert WINDOW_MS - 60_000 < record.due - record.accepted <= WINDOW_MS
    async with database.read() as tx:
        left = await tx.execute(select(batch_lines).where(batch_lines.c.batch_id == batch.id))
        assert left.all() == [], "lines that lie in the files were kept"


MESSAGES = [{"role": "user", "content": "!tokens 3"}]
ENDPOINTS: dict[str, tuple[dict[str, Any], Any]] = {
    "/v1/chat/completions": ({"messages": MESSAGES}, lambda body: body["choices"][0]["message"]["content"]),
    "/v1/completions": ({"prompt": "!tokens 3"}, lambda body: body["choices"][0]["text"]),
    "/v1/responses": ({"input": "!tokens 3"}, lambda body: body["output"][0]["content"][0]["text"]),
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_each_route_answers_as_it_would_alone(
    client: AsyncOpenAI, plain: httpx.AsyncClient, endpoint: str
) -> None:
    body, text = ENDPOINTS[endpoint]
    line = {"custom_id": "a", "method": "POST", "url": endpoint, "body": body}
    batch = await run(client, jsonl(line), endpoint)
    assert batch.status == "completed"
    [answer] = await lines_of(client, batch.output_file_id or batch.error_file_id)
    alone = (await plain.post(endpoint, json=body)).json()
    assert answer["response"]["body"].keys() == alone.keys()
    assert text(answer["response"]["body"]) == text(alone) == words(3)


async def test_a_line_of_embeddings_is_one_job(client: AsyncOpenAI, plain: httpx.AsyncClient) -> None:
    body = {"input": ["one", "two"]}
    lines = [{"custom_id": str(n), "method": "POST", "url": "/v1/embeddings", "body": body} for n in range(2)]
    batch = await run(client, jsonl(*lines), "/v1/embeddings")
    assert batch.status == "completed"
    alone = (await plain.post("/v1/embeddings", json=body)).json()
    for answer in await lines_of(client, batch.output_file_id):
        assert answer["response"]["body"] == alone


async def test_no_more_jobs_than_the_window_are_in_flight(client: AsyncOpenAI, truth: Truth) -> None:
    batch = await begin(client, jsonl(*(a_line(str(n), "!tokens 20") for n in range(5 * WINDOW))))
    seen = set()

    async def look() -> bool | None:
        seen.add(await truth.jobs.depth())
        return (await client.batches.retrieve(batch.id)).status == "completed" or None

    await eventually(look, 30, "the batch is completed")
    assert max(seen) <= WINDOW


async def test_counts_are_shown_while_a_batch_runs(client: AsyncOpenAI, other: AsyncOpenAI) -> None:
    batch = await begin(client, jsonl(a_line("a", "!tokens 2"), a_line("b", LONG), a_line("c", "x", method="GET")))

    async def look() -> bool | None:
        counts = (await other.batches.retrieve(batch.id)).request_counts
        return (counts is not None and counts.to_dict() == {"total": 3, "completed": 1, "failed": 1}) or None

    await eventually(look, 15, "one line is answered and one has failed")
    await client.batches.cancel(batch.id)
    await until(client, batch.id, "cancelled")


# -- refused -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (jsonl(a_line("a", "x")) + b"{not json\n", "invalid_json_line", 2),
        (b"[1, 2]\n", "invalid_json_line", 1),
        (b"\xff\xfe\n", "invalid_json_line", 1),
        (b"\n \n", "empty_file", None),
    ],
)
async def test_a_file_that_is_no_jsonl_fails_the_batch(
    client: AsyncOpenAI, truth: Truth, data: bytes, code: str, line: int | None
) -> None:
    batch = await run(client, data)
    assert batch.status == "failed" and batch.errors is not None and batch.errors.data is not None
    assert [(error.code, error.line) for error in batch.errors.data] == [(code, line)]
    assert batch.failed_at and batch.output_file_id is None and batch.error_file_id is None
    assert await jobs_of(truth, batch, 1) == [""], "a job was let in for a file that was refused"


async def test_a_wrong_request_is_refused(client: AsyncOpenAI) -> None:
    file = await client.files.create(file=("a.jsonl", jsonl(a_line("a", "x"))), purpose="batch")
    other = await client.files.create(file=("a.jsonl", b"x"), purpose="user_data")
    right: dict[str, Any] = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h"}
    wrong: list[tuple[dict[str, Any], type[openai.APIStatusError]]] = [
        ({"input_file_id": "file-unknown"}, openai.NotFoundError),
        ({"input_file_id": other.id}, openai.BadRequestError),
        ({"input_file_id": 7}, openai.BadRequestError),
        ({"endpoint": "/v1/moderations"}, openai.BadRequestError),
        ({"completion_window": "7d"}, openai.BadRequestError),
        ({"metadata": {"a": 1}}, openai.BadRequestError),
    ]
    for fields, error in wrong:
        with pytest.raises(error):
            await client.batches.create(**{**right, **fields})


async def test_a_foreign_batch_is_not_there(client: AsyncOpenAI, plain: httpx.AsyncClient, database: Database) -> None:
    foreign = await a_batch(database, tenant=FOREIGN, status="completed")
    for method, path in (("GET", ""), ("POST", "/cancel")):
        for name in (foreign, "batch_unknown", "x" * 99):
            assert (await plain.request(method, f"/v1/batches/{name}{path}")).status_code == 404
    assert foreign not in (await plain.get("/v1/batches?limit=100")).text
    assert (await plain.get(f"/v1/batches?after={foreign}")).status_code == 400


async def test_batches_are_listed_newest_first(client: AsyncOpenAI) -> None:
    made = [(await begin(client, b"x")).id for _ in range(3)]
    page = await client.batches.list(limit=2)
    assert page.has_more and [batch.id for batch in page.data] == made[:0:-1]
    following = await client.batches.list(limit=1, after=page.data[-1].id)
    assert following.data[0].id == made[0]
    for name in made:
        await until(client, name, "failed")


# -- ended early -------------------------------------------------------------------------------------------------
async def test_a_batch_that_is_cancelled_keeps_the_lines_that_are_answered(
    client: AsyncOpenAI, other: AsyncOpenAI, truth: Truth
) -> None:
    lines = [a_line("short", "!tokens 2"), *(a_line(f"long-{n}", LONG) for n in range(3 * WINDOW))]
    batch = await begin(client, jsonl(*lines))

    async def first_is_there() -> bool | None:
        counts = (await client.batches.retrieve(batch.id)).request_counts
        return (counts is not None and counts.completed == 1) or None

    await eventually(first_is_there, 15, "the short line is answered")
    assert (await other.batches.cancel(batch.id)).status == "cancelling"
    ended = await until(client, batch.id, "cancelled")
    assert ended.request_counts is not None and ended.cancelling_at and ended.cancelled_at
    assert ended.request_counts.to_dict() == {"total": 13, "completed": 1, "failed": 12}
    assert [line["custom_id"] for line in await lines_of(client, ended.output_file_id)] == ["short"]
    errors = await lines_of(client, ended.error_file_id)
    assert [(line["response"], line["error"]["code"]) for line in errors] == [(None, "batch_cancelled")] * 12
    states = await jobs_of(truth, batch, len(lines))
    assert states[0] == "completed" and set(states[1:]) <= {"cancelled", ""} and "cancelled" in states
    assert (await client.batches.cancel(batch.id)).status == "cancelled"


async def test_a_batch_that_has_ended_cannot_be_cancelled(client: AsyncOpenAI) -> None:
    batch = await run(client, jsonl(a_line("a", "!tokens 1")))
    with pytest.raises(openai.BadRequestError, match="completed"):
        await client.batches.cancel(batch.id)


async def test_a_batch_whose_window_has_passed_is_expired(
    client: AsyncOpenAI, truth: Truth, database: Database
) -> None:
    lines = [a_line("short", "!tokens 2"), *(a_line(f"long-{n}", LONG) for n in range(WINDOW))]
    file = await client.files.create(file=("a.jsonl", jsonl(*lines)), purpose="batch")
    for window_ms in (6_000, 24_000):  # a loaded machine may answer nothing within the first
        name = await a_batch(database, input_file_id=file.id, expires_at=now_ms() + window_ms)
        batch = await until(client, name, "expired", within=60)
        if await jobs_of(truth, name, 1) == ["completed"]:
            break
    assert batch.expired_at and [line["custom_id"] for line in await lines_of(client, batch.output_file_id)] == [
        "short"
    ]
    errors = await lines_of(client, batch.error_file_id)
    assert [(line["custom_id"], line["error"]["code"]) for line in errors] == [
        (f"long-{n}", "batch_expired") for n in range(WINDOW)
    ]
    for line in range(1, WINDOW):
        assert (await truth.until_state(job_of(name, line), "failed")).why == "deadline"


async def test_processes_that_both_believe_to_hold_a_batch_lose_and_double_nothing(
    client: AsyncOpenAI, home: House, database: Database, truth: Truth
) -> None:
    """The hold is taken away again and again: both processes work on the same lines."""
    count = 40
    batch = await begin(client, jsonl(*(a_line(str(n), f"!tokens {n + 80}") for n in range(count))))

    async def look() -> bool | None:
        async with database.write() as tx:
            held = (batches.c.id == batch.id) & (batches.c.status == "in_progress")
            await tx.execute(update(batches).where(held).values(held_until=0))
        return (await client.batches.retrieve(batch.id)).status == "completed" or None

    await eventually(look, 60, "the batch is completed")
    answers = await lines_of(client, (await client.batches.retrieve(batch.id)).output_file_id)
    assert [said_in(answer) for answer in answers] == [words(n + 80) for n in range(count)]
    for api in home.apis:
        await api.wait_for_action("batch.held", batch=batch.id)
    assert {(await truth.record(job_of(batch.id, n))).attempt for n in range(count)} == {1}


async def a_batch(database: Database, **values: Any) -> str:
    """One put into SQL past the API."""
    now = now_ms()
    row = {"tenant": "local", "principal": "local", "endpoint": CHAT, "input_file_id": "file-1", "status": "validating"}
    times = {"created_at": now - 1_000_000, "expires_at": now + WINDOW_MS}
    name = f"batch_{now:032x}"
    async with database.write() as tx:
        await tx.execute(insert(batches).values({**row, **times, "id": name, **values}))
    return name
