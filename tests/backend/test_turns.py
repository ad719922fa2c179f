"""A chat in a thread. Question and answer are in SQL before the job is let in, once, whatever happens to the job."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest
from sqlalchemy import text

from backend.threads import repository
from backend.threads.turns import first_words
from tests.backend.conversations import JOB, LONG, NEWS, STREAM, Visitor, an_id, visiting
from tests.backend.test_threads import error_of
from tests.support.house import Houses
from tests.support.listener import words
from tests.support.valkey import Valkey
from tests.support.waiting import eventually

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="


# -- what is written ---------------------------------------------------------------------------------------------


async def test_question_and_answer_are_there_while_the_answer_is_made(visitor: Visitor) -> None:
    thread = await visitor.thread()
    body = visitor.turn(thread, LONG, model="qwen2.5:0.5b", temperature=0)
    named = body["config"]["configurable"]
    async with visitor.asking(body) as stream:
        job = stream.headers[JOB]
        parsed = await visitor.get(f"/api/threads/{thread}/messages")
    question, answer = parsed["messages"]
    assert (question["id"], question["parent_id"], question["role"]) == (named["message_id"], None, "user")
    assert (question["status"], question["text"], question["job_id"]) == ("complete", LONG, None)
    assert (answer["id"], answer["parent_id"], answer["role"]) == (named["answer_id"], question["id"], "assistant")
    assert (answer["status"], answer["text"], answer["job_id"]) == ("running", "", job)
    assert answer["model"] == "qwen2.5:0.5b"
    assert parsed["head_id"] == answer["id"]
    assert parsed["thread"]["job"] == {"id": job, "answer_id": answer["id"]}
    assert parsed["thread"]["title"] == LONG
    assert [each["job"] for each in (await visitor.get("/api/threads"))["threads"] if each["id"] == thread] == [
        {"id": job, "answer_id": answer["id"]}
    ]
    await visitor.truth.jobs.cancel(job)


async def test_images_are_kept_with_their_kind(visitor: Visitor) -> None:
    thread = await visitor.thread()
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image_url", "image_url": f"data:image/webp;base64,{PIXEL}"},
    ]
    body = visitor.turn(thread, parts)
    assert (await visitor.ask(body)).status_code == 200
    [question, _] = (await visitor.messages(thread)).values()
    assert question["text"] == "What is this?"
    assert question["images"] == [{"mime": "image/png", "data": PIXEL}, {"mime": "image/webp", "data": PIXEL}]


async def test_a_turn_through_ollama_s_route_is_kept_as_the_page_s_is(visitor: Visitor) -> None:
    thread = await visitor.thread()
    body = chat_of(thread, [{"role": "user", "content": "!tokens 3", "images": [PIXEL]}])
    answer = await visitor.http.post("/api/chat", json=body)
    assert answer.status_code == 200, answer.text
    parsed = await visitor.until_status(thread, body["turn"]["answer_id"], "complete")
    assert (parsed["parent_id"], parsed["job_id"]) == (body["turn"]["message_id"], answer.headers[JOB])
    assert parsed["text"] == answer.json()["message"]["content"]
    question = (await visitor.messages(thread))[body["turn"]["message_id"]]
    assert (question["text"], question["images"]) == ("!tokens 3", [{"mime": "image/png", "data": PIXEL}])
    again = await visitor.http.post("/api/chat", json=body)
    assert again.headers[JOB] == answer.headers[JOB]  # one answer has one job


@pytest.mark.parametrize(
    ("messages", "turn", "code"),
    [
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], {}, "invalid_turn"),
        ([{"role": "user", "content": "a"}], {"parent_id": "q", "message_id": "q"}, "invalid_turn"),
        ([{"role": "user", "content": "a"}], {"thread_id": None}, "invalid_request"),
        ([], {}, "invalid_request"),
    ],
    ids=["no question", "its own parent", "no thread", "no message"],
)
async def test_a_turn_through_ollama_s_route_that_is_wrong_is_a_400(
    visitor: Visitor, messages: list[dict[str, Any]], turn: dict[str, Any], code: str
) -> None:
    thread = await visitor.thread()
    body = chat_of(thread, messages, **turn)
    answer = await visitor.http.post("/api/chat", json={"model": "qwen2.5:0.5b", **body})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert await visitor.messages(thread) == {}


def chat_of(thread: str, messages: list[dict[str, Any]], **ids: Any) -> dict[str, Any]:
    """The body of `POST /api/chat` for a turn of this thread."""
    turn = {"thread_id": thread, "parent_id": None, "message_id": an_id(), "answer_id": an_id(), **ids}
    return {"messages": messages, "turn": turn, "stream": False}


@pytest.mark.parametrize(
    ("messages", "size", "options", "read"),
    [(21, 1, {}, 19), (20, 1, {}, None), (3, 500, {"num_ctx": 2_048}, 1)],
    ids=["more than MAX_CONTEXT_MESSAGES", "all", "more than the window"],
)
async def test_an_answer_shows_and_keeps_how_much_of_a_long_chat_was_read(
    visitor: Visitor, messages: int, size: int, options: dict[str, Any], read: int | None
) -> None:
    """The cut is at a question: no answer comes first. System messages do not count."""
    thread = await visitor.thread()
    body = visitor.turn(thread, "!tokens 1", answer="a", **options)
    before = [{"type": "ai" if n % 2 else "human", "content": "word " * size} for n in range(messages - 1)]
    body["input"]["messages"] = [*before, *body["input"]["messages"]]
    answer = await visitor.ask(body)
    assert answer.headers.get("x-sluice-context-messages") == (None if read is None else str(read))
    assert (await visitor.messages(thread))["a"]["context_messages"] == read


async def test_edits_and_regenerated_answers_are_branches(visitor: Visitor) -> None:
    thread = await visitor.thread()
    first = visitor.turn(thread, "!tokens 1", message="q1", answer="a1")
    second = visitor.turn(thread, "!tokens 1", "a1", message="q2", answer="a2")
    again = visitor.turn(thread, "other words", "a1", message="q2", answer="a2b")
    edited = visitor.turn(thread, "!tokens 2", "a1", message="q3", answer="a3")
    other_root = visitor.turn(thread, "!tokens 3", message="q4", answer="a4")
    for body in (first, second, again, edited, other_root):
        assert (await visitor.ask(body)).status_code == 200
    there = await visitor.messages(thread)
    assert {name: row["parent_id"] for name, row in there.items()} == {
        "q1": None, "a1": "q1", "q2": "a1", "a2": "q2", "a2b": "q2", "q3": "a1", "a3": "q3", "q4": None, "a4": "q4",
    }  # fmt: skip
    assert there["q2"]["text"] == "!tokens 1"  # the text that was sent first stays
    assert list(there).index("a1") < list(there).index("q3")


async def test_the_first_words_name_the_thread_and_a_person_s_title_stays(visitor: Visitor) -> None:
    named, unnamed = await visitor.thread(title="Mine"), await visitor.thread()
    for thread in (named, unnamed):
        await visitor.ask(visitor.turn(thread, "!tokens 1\n and  some more words"))
        await visitor.ask(visitor.turn(thread, "!tokens 1 later"))
    assert (await visitor.get(f"/api/threads/{named}"))["title"] == "Mine"
    assert (await visitor.get(f"/api/threads/{unnamed}"))["title"] == "!tokens 1 and some more words"


def test_first_words_end_at_a_word() -> None:
    assert first_words(" a\n b ") == "a b"
    assert first_words("") == first_words(" \n") == ""
    assert first_words("word, " * 40) == "word, " * 9 + "word…"
    assert len(first_words("x" * 500)) == 60


async def test_the_thread_with_the_latest_message_comes_first(visitor: Visitor) -> None:
    older, newer = await visitor.thread(), await visitor.thread()
    await visitor.ask(visitor.turn(older, "!tokens 1"))
    listed = [each["id"] for each in (await visitor.get("/api/threads", limit=2))["threads"]]
    assert listed == [older, newer]


async def test_two_answers_run_in_one_thread_and_the_newer_is_its_job(visitor: Visitor) -> None:
    thread = await visitor.thread()
    first, second = visitor.turn(thread, LONG), visitor.turn(thread, LONG)
    async with visitor.asking(first) as each, visitor.asking(second) as other:
        job = (await visitor.get(f"/api/threads/{thread}"))["job"]
        assert job == {"id": other.headers[JOB], "answer_id": second["config"]["configurable"]["answer_id"]}
        for stream in (each, other):
            await visitor.truth.jobs.cancel(stream.headers[JOB])


async def test_turns_at_once_in_one_thread_are_all_written(visitor: Visitor) -> None:
    thread = await visitor.thread()
    await asyncio.gather(*(visitor.ask(visitor.turn(thread, f"!tokens {n}")) for n in range(1, 9)))
    assert len(await visitor.messages(thread)) == 16


# -- once --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [True, False])
async def test_the_same_answer_requested_twice_is_one_row_and_one_job(visitor: Visitor, header: bool) -> None:
    thread = await visitor.thread()
    body = visitor.turn(thread, LONG)
    key = {"Idempotency-Key": body["config"]["configurable"]["answer_id"]} if header else {}
    async with visitor.asking(body, **key) as each, visitor.asking(body, **key) as other:
        assert each.headers[JOB] == other.headers[JOB]
        assert [row["status"] for row in (await visitor.messages(thread)).values()] == ["complete", "running"]
        await visitor.truth.jobs.cancel(each.headers[JOB])


async def test_the_same_answer_requested_twice_at_once_is_one_row_and_one_job(visitor: Visitor) -> None:
    thread = await visitor.thread()
    body = visitor.turn(thread, "!tokens 3")
    answers = await asyncio.gather(*(visitor.ask(body) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers[JOB] for answer in answers}) == 1
    assert len(await visitor.messages(thread)) == 2


async def test_a_cancelled_answer_that_is_requested_again_runs_again(visitor: Visitor) -> None:
    thread = await visitor.thread()
    body = visitor.turn(thread, LONG, answer="a")
    async with visitor.asking(body) as stream:
        await visitor.truth.jobs.cancel(stream.headers[JOB])
    async with visitor.asking(body) as again:
        assert again.headers[JOB] != stream.headers[JOB]
        answer = (await visitor.messages(thread))["a"]
        assert (answer["status"], answer["job_id"], answer["error"]) == ("running", again.headers[JOB], None)
        await visitor.truth.jobs.cancel(again.headers[JOB])


async def test_an_answer_that_is_there_is_never_made_again(visitor: Visitor) -> None:
    thread = await visitor.thread()
    question = await visitor.written(thread, None, "hello")
    answer = await visitor.written(thread, question, "hi", role="assistant", job_id="gone")
    body = visitor.turn(thread, "hello", message=question, answer=answer)
    error_of(await visitor.ask(body), 409, "answer_exists")
    assert (await visitor.messages(thread))[answer]["text"] == "hi"


# -- refused -----------------------------------------------------------------------------------------------------


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    configurable = {key: value for key, value in body["config"]["configurable"].items() if key != name}
    return {**body, "config": {"configurable": configurable}}


@pytest.mark.parametrize("name", ["thread_id", "parent_id", "message_id", "answer_id"])
async def test_a_turn_names_all_of_its_place_or_nothing(visitor: Visitor, name: str) -> None:
    thread = await visitor.thread()
    error = error_of(await visitor.ask(without(visitor.turn(thread, "hi"), name)), 422, "invalid_turn")
    assert name in error["message"]
    assert await visitor.messages(thread) == {}


@pytest.mark.parametrize("name", ["thread_id", "parent_id", "message_id", "answer_id"])
@pytest.mark.parametrize("value", [7, "", "a/b", "x" * 65, ["a"], "a\n"])
async def test_a_wrong_id_in_a_turn_is_refused(visitor: Visitor, name: str, value: Any) -> None:
    body = visitor.turn(await visitor.thread(), "hi")
    body["config"]["configurable"][name] = value
    error_of(await visitor.ask(body), 422, "invalid_turn")


async def test_a_turn_of_one_id_for_two_messages_is_refused(visitor: Visitor) -> None:
    thread = await visitor.thread()
    error_of(await visitor.ask(visitor.turn(thread, "hi", message="a", answer="a")), 422, "invalid_turn")
    error_of(await visitor.ask(visitor.turn(thread, "hi", "a", message="a")), 422, "invalid_turn")


async def test_a_turn_that_does_not_end_with_the_user_s_words_is_refused(visitor: Visitor) -> None:
    body = visitor.turn(await visitor.thread(), "hi")
    body["input"]["messages"].append({"type": "ai", "content": "well"})
    error_of(await visitor.ask(body), 422, "invalid_turn")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.png", "data:text/html;base64,AAAA", "data:image/png;base64,§"])
async def test_an_image_that_is_no_image_data_is_refused(visitor: Visitor, url: str) -> None:
    thread = await visitor.thread()
    answer = await visitor.ask(visitor.turn(thread, [{"type": "image_url", "image_url": {"url": url}}]))
    assert answer.status_code == 422
    assert await visitor.messages(thread) == {}


async def test_an_unknown_thread_or_parent_and_another_tenants_is_refused_and_no_job_runs(visitor: Visitor) -> None:
    depth = await visitor.truth.jobs.depth()
    thread, foreign = await visitor.thread(), await visitor.foreign_thread()
    for name in (an_id(), foreign):
        error_of(await visitor.ask(visitor.turn(name, "hi")), 404, "thread_not_found")
    for parent in (an_id(), "answer"):
        error_of(await visitor.ask(visitor.turn(thread, "hi", parent)), 422, "unknown_parent")
    assert await visitor.messages(thread) == {}
    assert await visitor.truth.jobs.depth() == depth


async def test_a_message_keeps_its_place(visitor: Visitor) -> None:
    thread = await visitor.thread()
    await visitor.ask(visitor.turn(thread, "!tokens 1", message="q", answer="a"))
    moved = [
        visitor.turn(thread, "!tokens 1", "a", message="q", answer="b"),
        visitor.turn(thread, "!tokens 1", message="a", answer="c"),
        visitor.turn(thread, "!tokens 1", "a", message="q2", answer="q"),
    ]
    for body in moved:
        error_of(await visitor.ask(body), 422, "message_elsewhere")
    assert list(await visitor.messages(thread)) == ["q", "a"]


async def test_a_batch_has_no_turns(visitor: Visitor) -> None:
    each = visitor.turn(await visitor.thread(), "hi")
    body = {"inputs": [each["input"]], "config": each["config"]}
    error_of(await visitor.http.post("/api/lc/chat/batch", json=body), 422, "invalid_turn")


async def settled(visitor: Visitor) -> dict[str, Any] | None:
    """All threads, once none of them awaits an answer."""
    page: dict[str, Any] = await visitor.get("/api/threads", limit=200)
    return None if any(thread["job"] for thread in page["threads"]) else page


async def test_a_chat_without_a_turn_leaves_no_trace_in_sql(visitor: Visitor) -> None:
    before = await eventually(lambda: settled(visitor), 20, "what other tests asked is recorded")
    body = {"input": {"messages": [{"type": "human", "content": "!tokens 2"}]}, "config": {"configurable": {}}}
    assert (await visitor.ask(body)).status_code == 200
    assert await visitor.get("/api/threads", limit=200) == before


# -- faults ------------------------------------------------------------------------------------------------------


async def test_with_a_full_queue_the_users_words_are_kept_and_the_answer_names_the_reason(
    house: Houses, database_url: str
) -> None:
    full = await house(workers=0, DATABASE_URL=database_url, QUEUE_MAX_DEPTH="1")
    full.env["SLUICE_POOL"] = "default"
    async with visiting(full) as visitor:
        thread = await visitor.thread()
        body = visitor.turn(thread, "!tokens 1", message="q", answer="a")
        async with visitor.asking(visitor.turn(thread, LONG)) as first:
            error_of(await visitor.ask(body), 429, "queue_full_depth")
            there = await visitor.messages(thread)
            assert there["q"]["text"] == "!tokens 1"
            assert there["a"]["status"] == "failed"
            assert there["a"]["error"]["code"] == "queue_full_depth" and there["a"]["error"]["retryable"]
            await visitor.truth.jobs.cancel(first.headers[JOB])
        async with visitor.asking(body) as again:
            assert (await visitor.messages(thread))["a"]["status"] == "running"
            assert (await visitor.messages(thread))["a"]["job_id"] == again.headers[JOB]


async def test_without_sql_a_turn_is_refused_and_other_chats_go_on(house: Houses, database_url: str) -> None:
    home = await house(DATABASE_URL=database_url)
    home.env["SLUICE_POOL"] = "default"
    async with visiting(home) as visitor:
        thread = await visitor.thread()
        async with visitor.database.write() as tx:
            await tx.execute(text("ALTER TABLE messages RENAME TO hidden"))  # the API takes it for away
        error = error_of(await visitor.ask(visitor.turn(thread, "!tokens 1")), 503, "history_unavailable")
        assert "nothing was written" in error["message"]
        error_of(await visitor.http.get("/api/threads"), 503, "history_unavailable")
        assert await visitor.truth.jobs.depth() == 0
        plain = {"input": {"messages": [{"type": "human", "content": "!tokens 2"}]}}
        assert words(2).split()[1] in (await visitor.ask(plain)).text


async def test_an_answer_names_the_loss_of_redis_between_its_rows_and_its_job(
    house: Houses, fresh_valkey: Valkey, database_url: str
) -> None:
    """The history is read without Redis; only the job of an old answer is looked for there."""
    home = await house(workers=0, redis_url=fresh_valkey.url, DATABASE_URL=database_url)
    home.env["SLUICE_POOL"] = "default"
    async with visiting(home) as visitor:
        thread = await visitor.thread()
        await visitor.written(thread, None, "", id="a", role="assistant", status="running", job_id="j", created_at=1)
        fresh_valkey.signal(signal.SIGSTOP)
        try:
            assert (await visitor.messages(thread))["a"]["status"] == "running"
            answer = await visitor.http.post(STREAM, json=visitor.turn(thread, "hi"), headers=NEWS)
            error_of(answer, 503, "queue_unavailable")
        finally:
            fresh_valkey.signal(signal.SIGCONT)


async def test_an_answer_whose_job_no_pool_knows_is_ended_as_it_is_read(visitor: Visitor) -> None:
    thread = await visitor.thread()
    question = await visitor.written(thread, None, "hello")
    lost = {"role": "assistant", "status": "running", "job_id": an_id()}
    old = await visitor.written(thread, question, "", **lost, created_at=1)
    young = await visitor.written(thread, question, "", **lost)
    there = await visitor.messages(thread)
    assert (there[old]["status"], there[young]["status"]) == ("failed", "running")
    assert there[old]["error"]["code"] == "job_lost" and there[old]["error"]["retryable"]
    assert (await visitor.get(f"/api/threads/{thread}"))["job"]["answer_id"] == young


async def test_an_old_answer_whose_job_is_there_stays_as_it_is(visitor: Visitor) -> None:
    thread = await visitor.thread()
    body = visitor.turn(thread, LONG, answer="a")
    async with visitor.asking(body) as stream:
        async with visitor.database.write() as tx:
            await repository.change_message(tx, thread, "a", created_at=1)
        assert (await visitor.messages(thread))["a"]["status"] == "running"
        await visitor.truth.jobs.cancel(stream.headers[JOB])
