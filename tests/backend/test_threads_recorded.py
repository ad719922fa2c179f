"""The history after the jobs have ended: answers as they ended, and titles that a model gave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.backend.conversations import JOB, LONG, Visitor, visiting
from tests.ollama_worker.fake_ollama import FakeOllama, chat_line, end, fake_ollama
from tests.support.house import Houses
from tests.support.listener import words
from tests.support.waiting import eventually

# -- answers -----------------------------------------------------------------------------------------------------


async def test_a_completed_answer_is_kept_with_all_that_is_known_of_it(visitor: Visitor) -> None:
    thread = await visitor.thread()
    answer = await visitor.ask(visitor.turn(thread, "!tokens 5", answer="a"))
    kept = await visitor.until_status(thread, "a", "complete", "failed")
    assert (kept["status"], kept["text"], kept["error"]) == ("complete", words(5), None)
    assert kept["job_id"] == answer.headers[JOB]
    assert kept["finish_reason"] == "stop" and kept["usage"]["completion_tokens"] == 5
    assert kept["timings"]["total_ms"] >= 0 and kept["tokens_per_second"] > 0 and kept["worker"]
    assert (await visitor.get(f"/api/threads/{thread}"))["job"] is None
    hits = await visitor.get("/api/threads/search", q=words(5), limit=100)
    assert thread in [hit["thread"]["id"] for hit in hits["hits"] if hit["message_id"] == "a"]


async def test_a_failed_answer_names_the_reason(visitor: Visitor) -> None:
    thread = await visitor.thread()
    await visitor.ask(visitor.turn(thread, "!fault context_too_long", answer="a"))
    kept = await visitor.until_status(thread, "a", "complete", "failed")
    assert (kept["status"], kept["error"]["code"]) == ("failed", "context_too_long")


async def test_a_stopped_answer_keeps_its_words_and_the_next_one_may_follow_it(visitor: Visitor) -> None:
    thread = await visitor.thread()
    async with visitor.asking(visitor.turn(thread, LONG, answer="a")) as stream:
        async for frame in stream.frames():
            if b"w5" in frame.data:
                break
        await visitor.http.post(f"/api/jobs/{stream.headers[JOB]}/cancel")
    kept = await visitor.until_status(thread, "a", "cancelled", "complete")
    assert kept["status"] == "cancelled" and kept["text"].startswith("w0 w1 w2")
    await visitor.ask(visitor.turn(thread, "!tokens 2", "a", answer="b"))
    assert (await visitor.until_status(thread, "b", "complete"))["text"] == words(2)


async def test_a_recorded_failure_that_is_requested_again_runs_anew(visitor: Visitor) -> None:
    thread = await visitor.thread()
    body = visitor.turn(thread, LONG, answer="a")
    async with visitor.asking(body) as stream:
        await visitor.truth.jobs.cancel(stream.headers[JOB])
    await visitor.until_status(thread, "a", "cancelled")
    async with visitor.asking(body) as again:
        there = (await visitor.messages(thread))["a"]
        assert (there["status"], there["text"], there["worker"]) == ("running", "", None)
        await visitor.truth.jobs.cancel(again.headers[JOB])


async def test_the_stream_of_a_recorded_answer_is_replayed_and_changes_nothing(visitor: Visitor) -> None:
    thread = await visitor.thread()
    body = visitor.turn(thread, "!tokens 3", answer="a")
    first = await visitor.ask(body)
    kept = await visitor.until_status(thread, "a", "complete")
    again = await visitor.ask(body)
    assert again.headers[JOB] == first.headers[JOB]
    assert (await visitor.messages(thread))["a"] == kept


# -- titles ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def with_a_model(house: Houses, url: str) -> AsyncIterator[tuple[Visitor, FakeOllama]]:
    async with fake_ollama() as ollama:
        settings = {"DATABASE_URL": url, "SLUICE_ENGINE": "ollama", "OLLAMA_BASE_URL": ollama.url, "SLUICE_SLOTS": "4"}
        home = await house(**settings, SLUICE_POOL="titles")
        async with visiting(home) as visitor:
            yield visitor, ollama
        home.stop()


async def test_a_model_names_the_thread_after_its_first_exchange(house: Houses, database_url: str) -> None:
    async with with_a_model(house, database_url) as (visitor, ollama):
        thread = await visitor.thread()
        path = f"/api/threads/{thread}/title"
        assert (await visitor.http.post(path)).json() == {"job": None}  # the thread has no message yet
        await visitor.ask(visitor.turn(thread, "Hello there, " + "x" * 5_000, answer="a"))
        await visitor.until_status(thread, "a", "complete")
        ollama.chunks, ollama.hang = [chat_line('"Kind words."')], True
        answers = await asyncio.gather(*(visitor.http.post(path) for _ in range(4)))
        assert {answer.status_code for answer in answers} == {202}
        [job] = {answer.json()["job"] for answer in answers}
        assert (await visitor.truth.record(job)).cls == "batch"
        requested = await eventually(
            lambda: next((body for body in ollama.bodies("/api/chat") if "Name the" in str(body)), None), 10, "the job"
        )
        assert len(str(requested["messages"])) < 2_500 and requested["options"]["num_predict"] <= 32
        assert "Hello there" in requested["messages"][-1]["content"] and "think" not in requested


async def test_the_title_is_the_models_until_a_person_gives_one(house: Houses, database_url: str) -> None:
    async with with_a_model(house, database_url) as (visitor, ollama):
        thread = await visitor.thread()
        await visitor.ask(visitor.turn(thread, "Hello there", answer="a"))
        await visitor.until_status(thread, "a", "complete")
        ollama.chunks = [chat_line('"Kind words."'), end()]
        assert (await visitor.http.post(f"/api/threads/{thread}/title")).status_code == 202

        async def title() -> str | None:
            parsed: str = (await visitor.get(f"/api/threads/{thread}"))["title"]
            return parsed if parsed != "Hello there" else None

        assert "Kind words" in await eventually(title, 15, "the thread has another title")
        await visitor.http.patch(f"/api/threads/{thread}", json={"title": "Mine"})
        answer = await visitor.http.post(f"/api/threads/{thread}/title")
        assert (answer.status_code, answer.json()) == (200, {"job": None})


async def test_simulated_workers_name_no_thread(visitor: Visitor) -> None:
    thread = await visitor.thread()
    await visitor.ask(visitor.turn(thread, "!tokens 3", answer="a"))
    await visitor.until_status(thread, "a", "complete")
    answer = await visitor.http.post(f"/api/threads/{thread}/title")
    assert (answer.status_code, answer.json()) == (200, {"job": None})


async def test_a_title_whose_job_was_refused_can_be_requested_again(house: Houses, database_url: str) -> None:
    home = await house(workers=0, DATABASE_URL=database_url, QUEUE_MAX_DEPTH="1", SLUICE_POOL="full")
    async with visiting(home) as visitor:
        thread, busy = await visitor.thread(), await visitor.thread()
        question = await visitor.written(thread, None, "hello")
        await visitor.written(thread, question, "hi", role="assistant")
        async with visitor.asking(visitor.turn(busy, LONG)) as stream:
            refused = await visitor.http.post(f"/api/threads/{thread}/title")
            assert refused.status_code == 429
            await visitor.truth.jobs.cancel(stream.headers[JOB])
        assert (await visitor.http.post(f"/api/threads/{thread}/title")).status_code == 202
