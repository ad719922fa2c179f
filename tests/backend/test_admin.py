"""The jobs and dead letters of all tenants, from Redis and from SQL, without a word of any chat."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from backend.store.tables import jobs
from tests.backend.conversations import KINDS, LONG, Visitor, history_house, visiting
from tests.support.house import House, MakesHouse
from tests.support.listener import chat, listening, words
from tests.support.waiting import eventually
from wire.jobs import Bounds
from wire.records import JobClass, JobRequest, Message

BOUNDS = Bounds(1_000, 1_000, 3, 600_000)
JOB = {
    "id", "pool", "state", "tenant", "class", "model", "attempt", "tries", "worker", "accepted_at", "ended_at", "why",
    "usage", "timings", "timeline",
}  # fmt: skip
SECRET = "xyzzy-plugh"


@pytest.fixture(scope="module", params=KINDS)
def home(request: pytest.FixtureRequest, module_house: MakesHouse) -> House:
    return history_house(request, module_house, QUEUE_MAX_ATTEMPTS="1", OLLAMA_MAX_RETRIES="0")


@pytest.fixture
async def visitor(home: House) -> AsyncIterator[Visitor]:
    async with visiting(home) as visitor:
        yield visitor
        for job, state in (await visitor.truth.states()).items():  # the next test finds an idle worker
            if state in ("queued", "running"):
                await visitor.truth.jobs.cancel(job)


async def accept(visitor: Visitor, prompt: str, tenant: str = "ada", cls: JobClass = "interactive") -> str:
    job = secrets.token_hex(8)
    request = JobRequest(model="qwen2.5:0.5b", messages=(Message(role="user", content=prompt),))
    assert await visitor.truth.jobs.accept(job, request, BOUNDS, tenant=tenant, cls=cls) == "ok"
    return job


async def recorded(visitor: Visitor, job: str, **more: Any) -> str:
    """A row as a recorder leaves it, of a job that Redis has forgotten."""
    pool = visitor.house.env["SLUICE_POOL"]
    row = {"id": job, "pool": pool, "tenant": "ada", "cls": "batch", "model": "m", "state": "completed"}
    row |= {"accepted_at": 1_000, "ended_at": 5_000, "timeline": [[1_000, "accepted", ""]]}
    async with visitor.database.write() as tx:
        await tx.execute(jobs.insert().values(row | more))
    return job


async def every_page(visitor: Visitor, path: str, what: str, limit: int) -> list[list[dict[str, Any]]]:
    pages, cursor = [], None
    while True:
        query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        view = await visitor.get(path, **query)
        assert view.keys() == {what, "next_cursor"}
        pages.append(view[what])
        cursor = view["next_cursor"]
        if cursor is None:
            return pages


# -- jobs --------------------------------------------------------------------------------------------------------
async def test_live_jobs_of_all_tenants_are_listed_newest_first_page_by_page(visitor: Visitor) -> None:
    made = [await accept(visitor, LONG, tenant) for tenant in ("ada", "bob", "ada", "eve", "bob")]
    pages = await every_page(visitor, "/api/admin/jobs", "jobs", 2)
    assert [len(page) for page in pages] == [2, 2, 1]
    view = [job for page in pages for job in page]
    assert [job["id"] for job in view] == made[::-1]
    assert [job["tenant"] for job in view] == ["bob", "eve", "ada", "bob", "ada"]
    assert all(job.keys() == JOB and job["ended_at"] is None for job in view)


async def test_an_ended_job_comes_from_redis_and_from_sql_once_redis_forgot_it(visitor: Visitor) -> None:
    job = await accept(visitor, "!tokens 7")
    await visitor.truth.until_state(job, "completed")
    view = await visitor.get(f"/api/admin/jobs/{job}")
    assert view.keys() == JOB
    assert (view["state"], view["tenant"], view["class"], view["attempt"]) == ("completed", "ada", "interactive", 1)
    assert view["usage"]["completion_tokens"] == 7
    assert view["timings"]["total_ms"] >= view["timings"]["first_token_ms"]
    assert [mark["what"] for mark in view["timeline"]] == ["accepted", "given:1", "started:1", "ended"]
    assert view["worker"] == view["timeline"][1]["detail"] != ""
    assert view["accepted_at"] == view["timeline"][0]["at"] <= view["timeline"][-1]["at"] == view["ended_at"]

    async def in_sql() -> dict[str, Any] | None:
        ended = (await visitor.get("/api/admin/jobs", state="ended"))["jobs"]
        return next((row for row in ended if row["id"] == job), None)

    row = await eventually(in_sql, 10, "that its end is recorded")
    await visitor.truth.redis.delete(visitor.truth.keys.job(job), visitor.truth.keys.events(job))
    assert await visitor.get(f"/api/admin/jobs/{job}") == row
    kept = ("usage", "timings")  # SQL has the chief of these numbers
    assert row["usage"].keys() == {"prompt_tokens", "completion_tokens"}
    assert all(row[part].items() <= view[part].items() for part in kept)
    assert row | dict.fromkeys(kept) == view | dict.fromkeys(kept)


async def test_ended_jobs_come_newest_end_first_each_once_also_those_of_one_moment(visitor: Visitor) -> None:
    mark = secrets.token_hex(4)
    made = [await recorded(visitor, f"{mark}-{n}", ended_at=9_000_000_000_000 + n // 3) for n in range(7)]
    await recorded(visitor, f"{mark}-elsewhere", pool="elsewhere", ended_at=9_000_000_000_009)
    view: list[str] = []
    cursor: dict[str, str] = {}
    while len(view) < 7:
        page = await visitor.get("/api/admin/jobs", state="ended", limit=3, **cursor)
        view += [job["id"] for job in page["jobs"]]
        cursor = {"cursor": page["next_cursor"]}
    assert view[:7] == made[::-1]
    async with visitor.database.write() as tx:
        await tx.execute(jobs.delete().where(jobs.c.id.in_([*made, f"{mark}-elsewhere"])))


async def test_waiting_times_come_live_and_in_the_history(visitor: Visitor) -> None:
    job = await accept(visitor, "!tokens 3")
    await visitor.truth.until_state(job, "completed")

    def known(points: list[dict[str, Any]]) -> bool:
        return any(point["wait_ms"] is not None and point["first_token_ms"] is not None for point in points)

    url = f"{visitor.house.url}/api/admin/events"
    async with listening(url) as live:
        await live.until(lambda heard: known([view["point"] for view in heard.of("snapshot")]), "the means")
        await live.until(lambda heard: len(heard.of("snapshot")) >= 4, "a point that is kept")
    async with listening(url) as later:
        await later.until(lambda heard: heard.of("history"), "the history")
    assert known(later.of("history")[0]["points"])


async def test_what_sql_does_not_know_of_a_job_is_null(visitor: Visitor) -> None:
    view = await visitor.get(f"/api/admin/jobs/{await recorded(visitor, secrets.token_hex(8), state='cancelled')}")
    assert view.keys() == JOB
    assert (view["usage"], view["timings"], view["worker"], view["why"]) == (None, None, None, None)
    assert (view["accepted_at"], view["class"]) == ("1970-01-01T00:00:01.000Z", "batch")
    assert view["timeline"] == [{"at": "1970-01-01T00:00:01.000Z", "what": "accepted", "detail": ""}]


async def test_any_tenant_s_job_can_be_cancelled_and_an_ended_one_stays_as_it_is(visitor: Visitor) -> None:
    job = await accept(visitor, LONG, "bob")
    for _ in range(2):
        answer = await visitor.http.post(f"/api/admin/jobs/{job}/cancel")
        assert (answer.status_code, answer.json()) == (200, {"id": job, "state": "cancelled"})
    assert (await visitor.get(f"/api/admin/jobs/{job}"))["why"] == "asked"
    old = await recorded(visitor, secrets.token_hex(8), state="failed")
    assert (await visitor.http.post(f"/api/admin/jobs/{old}/cancel")).json() == {"id": old, "state": "failed"}


# -- dead letters ------------------------------------------------------------------------------------------------
async def test_a_dead_letter_is_shown_with_its_job(visitor: Visitor) -> None:
    async with listening(visitor.house.url, chat("!fault out_of_memory")) as heard:
        assert await heard.end() == "failed"
    letter = (await visitor.get("/api/admin/dead"))["dead"][0]
    assert letter.keys() == {"entry", "pool", "job", "id", "why", "at"}
    assert (letter["id"], letter["why"]) == (heard.job, "out_of_memory")
    assert letter["job"] == await visitor.get(f"/api/admin/jobs/{heard.job}")
    assert (letter["job"]["state"], letter["job"]["tries"], letter["job"]["tenant"]) == ("failed", 1, "local")


async def test_dead_letters_of_unreadable_and_forgotten_jobs_are_shown_too(visitor: Visitor) -> None:
    gone = await recorded(visitor, secrets.token_hex(8), state="failed", why="worker_lost")
    for job in ("", "\0 garbage \xff", gone):
        await visitor.truth.jobs.bury("inbox:w", "1-1", job)
    pages = await every_page(visitor, "/api/admin/dead", "dead", 1)
    view = [letter for page in pages for letter in page][:3]
    assert [letter["id"] for letter in view] == [gone, "\0 garbage \xff", ""]
    assert [letter["job"] and letter["job"]["why"] for letter in view] == ["worker_lost", None, None]


# -- what is wrong -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/api/admin/jobs?state=live", "/api/admin/jobs?state=ended", "/api/admin/dead"])
async def test_what_is_no_cursor_is_refused(visitor: Visitor, path: str) -> None:
    for cursor in ("nonsense", "MS0xIA", "%00", "(1-1"):
        answer = await visitor.http.get(path, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "state=dead"])
async def test_what_is_no_list_is_refused(visitor: Visitor, query: str) -> None:
    answer = await visitor.http.get(f"/api/admin/jobs?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("name", ["unknown", "a" * 5_000, "%00", "%FF", "ä"])
async def test_an_unknown_job_is_not_found(visitor: Visitor, name: str) -> None:
    for answer in (
        await visitor.http.get(f"/api/admin/jobs/{name}"),
        await visitor.http.post(f"/api/admin/jobs/{name}/cancel"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")


async def test_another_website_may_not_look(visitor: Visitor) -> None:
    for path in ("jobs", "dead", "events"):
        answer = await visitor.http.get(f"/api/admin/{path}", headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403


# -- texts of chats ---------------------------------------------------------------------------------------------
async def test_no_word_of_a_chat_is_in_any_answer(visitor: Visitor) -> None:
    ended = await accept(visitor, f"{SECRET} says the user, and so does the answer")
    running = await accept(visitor, LONG)
    poison = {"messages": [{"role": "user", "content": word} for word in (SECRET, "!fault out_of_memory")]}
    async with listening(visitor.house.url, poison) as heard:
        assert await heard.end() == "failed"
    record = await visitor.truth.until_state(ended, "completed")
    assert SECRET.encode() in record.result  # else this test sees nothing
    texts = [await text_of(visitor, path) for path in paths(ended, running, heard.job)]
    async with listening(f"{visitor.house.url}/api/admin/events") as live:
        await live.until(lambda heard: len(heard.of("snapshot")) >= 2, "two snapshots")
    texts += [frame.data.decode() for frame in live.frames]
    assert ended in "".join(texts) and heard.job in "".join(texts)
    for word in (SECRET, words(3), '"request"', '"result"', '"messages":['):
        assert all(word not in text for text in texts)


def paths(*jobs: str) -> list[str]:
    lists = ["/api/admin/jobs", "/api/admin/jobs?state=ended", "/api/admin/dead", "/api/models"]
    return [*lists, *(f"/api/admin/jobs/{job}" for job in jobs)]


async def text_of(visitor: Visitor, path: str) -> str:
    answer: httpx.Response = await visitor.http.get(path)
    assert answer.status_code == 200
    return answer.text
