"""What the recorder writes of an ended job, on both databases and a real Valkey."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.history.books.jobs import JobsBook
from backend.history.ending import Endings
from backend.history.finished import GROUP
from backend.store.database import Database, DatabaseAway
from backend.store.rows import JOBS
from backend.store.tables import jobs
from tests.backend.recording import BOUNDS, COMPLETED, FAILED, RESTARTED, STARTED, Play, tokens
from wire.events import COUNT_MAX, Rerouted, encode, token
from wire.ids import LOCAL_PRINCIPAL, JobId, PrincipalId
from wire.records import BRIEF_MS, JobRequest


@pytest.fixture
async def play(redis_url: str, database_url: str) -> AsyncIterator[Play]:
    play = Play(redis_url, Database(database_url))
    yield play
    await play.aclose()


async def test_a_completed_job_is_a_row_without_its_text(play: Play) -> None:
    job = await play.completed("A secret.")
    assert await play.recorder().turn() == 1
    row = await play.job_row(job)
    assert (row.state, row.tenant, row.model, row.cls, row.worker) == ("completed", "ann", "tiny", "interactive", "w")
    assert (row.pool, row.request_id, row.attempt, row.tries) == (play.keys.pool, "r1", 1, 0)
    assert row.principal == LOCAL_PRINCIPAL
    assert (row.queued_ms, row.first_token_ms, row.total_ms) == (1, 2, 3)
    assert (row.prompt_tokens, row.completion_tokens, row.tokens_per_second) == (5, 7, 9.5)
    assert [what for _, what, _ in row.timeline] == ["accepted", "given:1", "started:1", "ended"]
    assert row.accepted_at <= row.ended_at == row.timeline[-1][0]
    assert "secret" not in str(row)


async def test_a_row_names_the_caller_who_submitted_the_job(play: Play) -> None:
    job = await play.begin(principal=PrincipalId("bea"))
    await play.complete(job)
    assert await play.recorder().turn() == 1
    assert (await play.job_row(job)).principal == "bea"


async def test_an_older_record_is_a_row_of_the_local_principal(play: Play) -> None:
    """Its `accept` wrote no principal."""
    job = await play.begin(principal=PrincipalId("bea"))
    await play.redis.hdel(play.keys.job(job), "principal")
    await play.complete(job)
    assert await play.recorder().turn() == 1
    assert (await play.job_row(job)).principal == LOCAL_PRINCIPAL


async def test_an_answer_gets_the_jobs_output_and_its_cost(play: Play) -> None:
    calls = [{"function": {"name": "add", "arguments": {"a": 1}}}]
    job = await play.begin()
    thread = await play.awaits(job)
    await play.complete(job, "Straße ﬁne", thinking="Hm.", tool_calls=calls)
    await play.recorder().turn()
    row = await play.answer(job)
    assert (row.status, row.text, row.thinking, row.tool_calls) == ("complete", "Straße ﬁne", "Hm.", calls)
    assert (row.finish_reason, row.model, row.worker, row.error) == ("stop", "tiny:latest", "w", None)
    assert row.usage == COMPLETED.usage.model_dump()
    assert row.timings["total_ms"] == 3
    assert row.tokens_per_second == 9.5
    assert row.folded == "strasse fine"
    assert (await play.the_thread(thread)).updated_at == row.ended_at


async def test_a_job_that_left_for_another_pool_is_recorded_where_it_ends_and_carried_on_if_its_worker_did_not(
    play: Play, redis_url: str
) -> None:
    """Its worker wrote that it leaves, and died before it let the job in there."""
    there = Play(redis_url, play.database)
    job = await play.begin()
    thread = await play.awaits(job)
    away = Rerouted(pool=there.keys.pool, model="other", reason="engine_unavailable")
    await play.jobs.finish(job, "w", 1, 1, "failed", encode(away), why="rerouted")
    for _ in range(2):  # recorded twice, the job is let in once
        assert await play.recorder(left_behind_ms=0).turn() == 1
        await play.redis.xgroup_destroy(play.keys.finished, GROUP)
    assert not [row for row in await play.rows(jobs) if row.id == job]
    assert (await play.answer(job)).status == "running"

    await there.worker()
    record = await there.jobs.record(job)
    assert record is not None and (record.model, record.base, record.state) == ("other", 1, "running")
    assert await there.jobs.start(job, "w", 2, STARTED) is not None
    result = orjson.dumps({"text": "From there."})
    await there.jobs.finish(job, "w", 2, 1, "completed", encode(COMPLETED), result=result)
    assert await there.recorder().turn() == 1
    row = await play.job_row(job)
    assert (row.pool, row.state, row.attempt, row.model) == (there.keys.pool, "completed", 2, "other")
    answer = await play.answer(job)
    assert (answer.status, answer.text) == ("complete", "From there.")
    assert (await play.the_thread(thread)).updated_at == answer.ended_at
    await there.redis.aclose()
    await there._blocking.aclose()


async def test_a_failed_answer_keeps_the_text_so_far_and_says_why(play: Play) -> None:
    job = await play.begin()
    await play.awaits(job)
    seq = await play.emit(job, token("", "Hm"), *tokens("as far"), token("", tool_calls=[{"function": {"name": "f"}}]))
    await play.jobs.finish(job, "w", 1, seq, "failed", FAILED, why="engine_error")
    await play.recorder().turn()
    row = await play.answer(job)
    assert (row.status, row.text, row.thinking) == ("failed", "asfar", "Hm")
    assert row.tool_calls == [{"function": {"name": "f"}}]
    assert row.error == {"code": "engine_error", "message": "It broke.", "retryable": True}
    assert (row.usage, row.finish_reason) == (None, None)
    assert (await play.job_row(job)).why == "engine_error"


async def test_a_cancelled_answer_keeps_the_text_so_far(play: Play) -> None:
    job = await play.begin()
    await play.awaits(job)
    await play.emit(job, *tokens("as far"))
    await play.jobs.cancel(job)
    await play.recorder().turn()
    row = await play.answer(job)
    assert (row.status, row.text, row.thinking, row.error) == ("cancelled", "asfar", None, None)
    assert (await play.job_row(job)).state == "cancelled"


async def test_a_job_that_was_never_started_is_recorded_too(play: Play) -> None:
    await play.jobs.accept("waits", JobRequest(model="tiny"), BOUNDS, tenant="ann")
    await play.jobs.cancel("waits")
    await play.recorder().turn()
    row = await play.job_row("waits")
    assert (row.state, row.worker, row.attempt) == ("cancelled", None, 0)


async def test_text_before_a_restart_is_void(play: Play) -> None:
    job = await play.begin()
    await play.awaits(job)
    await play.emit(job, *tokens("gone and gone"), token("", "gone", [{"gone": 1}]))
    await play.jobs.give_back(job, "w", 1, "interrupted")
    await play.worker("other")
    assert await play.jobs.start(job, "other", 2, STARTED) is not None
    await play.emit(job, RESTARTED, *tokens("it stays"), attempt=2, worker="other")
    await play.jobs.cancel(job)
    await play.recorder().turn()
    row = await play.answer(job)
    assert (row.text, row.thinking, row.tool_calls, row.worker) == ("itstays", None, None, "other")


async def test_text_before_a_continued_attempt_stands(play: Play) -> None:
    job = await play.begin()
    await play.awaits(job)
    await play.emit(job, *tokens("one two"))
    await play.jobs.give_back(job, "w", 1, "interrupted")
    await play.worker("other")
    assert await play.jobs.start(job, "other", 2, STARTED) is not None
    await play.emit(job, *tokens("three"), attempt=2, worker="other")
    await play.jobs.cancel(job)
    await play.recorder().turn()
    assert (await play.answer(job)).text == "onetwothree"


async def test_a_log_of_many_pages_is_read_whole(play: Play) -> None:
    job = await play.begin()
    await play.awaits(job)
    async with play.redis.pipeline(transaction=False) as trip:
        for seq in range(1, 2_501):
            trip.xadd(play.keys.events(job), {"e": token(f"{seq} ")}, id=f"1-{seq}")
        await trip.execute()
    await play.jobs.cancel(job)
    await play.recorder().turn()
    assert (await play.answer(job)).text == "".join(f"{seq} " for seq in range(1, 2_501))


async def test_what_a_database_refuses_is_replaced(play: Play) -> None:
    job = await play.begin()
    await play.awaits(job)
    await play.complete(job, "a\0b", thinking="\0", tool_calls=[{"function": {"name": "\0"}}])
    await play.recorder().turn()
    row = await play.answer(job)
    assert (row.text, row.thinking, row.folded) == ("a\ufffdb", "\ufffd", "a\ufffdb")
    assert row.tool_calls == [{"function": {"name": "\ufffd"}}]


async def test_an_answer_that_has_ended_stays_as_it_is(play: Play) -> None:
    job = await play.begin()
    thread = await play.awaits(job, status="failed", text="as it was", ended_at=7)
    await play.complete(job, "new")
    await play.recorder().turn()
    assert (await play.answer(job)).text == "as it was"
    assert (await play.the_thread(thread)).updated_at == 1


async def test_an_answer_that_one_request_was_refused_and_another_got_is_kept(play: Play) -> None:
    """Of two equal requests at once the one may meet a full queue, and the other, a moment later, room."""
    job = await play.begin()
    thread = await play.awaits(job, status="failed", error={"code": "queue_full_depth"})
    await play.complete(job, "here it is")
    await play.recorder().turn()
    row = await play.answer(job)
    assert (row.status, row.text, row.error) == ("complete", "here it is", None)
    assert (await play.the_thread(thread)).updated_at == row.ended_at


async def test_a_thread_is_never_made_older(play: Play) -> None:
    job = await play.begin()
    thread = await play.awaits(job)
    await play.change_thread(thread, updated_at=1 << 50)
    await play.complete(job)
    await play.recorder().turn()
    assert (await play.the_thread(thread)).updated_at == 1 << 50


async def test_an_answer_whose_record_is_gone_has_failed_and_nothing_crashes(play: Play) -> None:
    job = await play.completed()
    await play.awaits(job)
    await play.redis.delete(play.keys.job(job), play.keys.events(job))
    other = await play.completed()
    assert await play.recorder().turn() == 2
    row = await play.answer(job)
    assert (row.status, row.error["code"]) == ("failed", "job_lost")
    assert [kept.id for kept in await play.rows(jobs)] == [other]
    assert await play.acknowledged()


async def test_a_lost_answer_among_others_changes_nothing_of_theirs(play: Play) -> None:
    lost, whole = sorted([await play.completed(), await play.completed()])
    for job in (lost, whole):
        await play.awaits(job, model="requested")
    await play.redis.delete(play.keys.job(lost))
    await play.recorder().turn()
    assert (await play.answer(lost)).model == "requested"
    assert (await play.answer(whole)).model == "tiny:latest"
    assert (await play.answer(whole)).text == "Hello."


async def test_a_result_that_does_not_decode_is_read_off_the_log(play: Play) -> None:
    job = await play.begin()
    await play.awaits(job)
    await play.complete(job, "as written", seq=await play.emit(job, token("as"), token(" written")))
    await play.redis.hset(play.keys.job(job), "result", b"no JSON")
    await play.recorder().turn()
    answer = await play.answer(job)
    assert (answer.status, answer.text) == ("complete", "as written")


HUGE = (
    b'{"type":"completed","finish_reason":"stop","usage":{"prompt_tokens":%d,"completion_tokens":%d},'
    b'"timings":{"total_ms":%d}}' % (2**63, 10**100, 2**63)
)


async def test_counts_that_no_column_holds_cost_no_row(play: Play) -> None:
    job = await play.begin()
    await play.awaits(job)
    await play.complete(job, "kept", event=HUGE)
    await play.redis.hset(play.keys.job(job), mapping={"accepted": 1 << 80, "tries": 1 << 40, "tenant": "t\0" * 500})
    await play.recorder().turn()
    [row] = await play.rows(jobs)
    assert (row.prompt_tokens, row.completion_tokens, row.total_ms) == (COUNT_MAX,) * 3
    answer = await play.answer(job)
    assert (answer.status, answer.text) == ("complete", "kept")


async def test_an_answer_with_a_nul_is_kept(play: Play) -> None:
    """PostgreSQL takes none in a text, and the row would be lost."""
    job = await play.begin()
    await play.awaits(job)
    await play.complete(job, "a\0b")
    await play.recorder().turn()
    assert (await play.answer(job)).text == "a\ufffdb"


async def test_one_job_that_cannot_be_kept_is_buried_and_holds_up_no_other(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = await play.completed(), await play.completed()
    await play.awaits(bad)
    real = JobsBook.write

    async def write(book: JobsBook, tx: AsyncConnection, endings: Endings) -> None:
        if bad in endings.known:
            raise ValueError("no statement can write this row")
        await real(book, tx, endings)

    monkeypatch.setattr(JobsBook, "write", write)
    assert await play.recorder().turn() == 2
    assert [row.id for row in await play.rows(jobs)] == [good]
    assert (await play.answer(bad)).status == "failed"  # it does not seem to run for ever
    [(_, letter)] = await play.redis.xrange(play.keys.dead)
    assert (letter[b"job"], letter[b"why"]) == (bad.encode(), b"undecodable")
    assert await play.acknowledged()


class Witness:
    """A book that writes nothing, and keeps what it sees."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.outputs: list[str] = []

    async def awaits(self, tx: AsyncConnection, jobs: Collection[JobId]) -> Collection[JobId]:
        return jobs

    async def write(self, tx: AsyncConnection, endings: Endings) -> None:
        self.jobs += [row.id for row in await JOBS.all(tx, JOBS.query)]
        self.outputs += [ending.output.text for ending in endings.known.values() if ending.output]


async def test_a_further_book_sees_the_transaction_of_the_others_and_any_output_that_it_awaits(play: Play) -> None:
    job, witness = await play.completed("In full."), Witness()
    assert await play.recorder(60_000, witness).turn() == 1
    assert (witness.jobs, witness.outputs) == ([job], ["In full."])


async def test_a_book_that_fails_takes_the_rows_of_all_books_back(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(book: Witness, tx: AsyncConnection, endings: Endings) -> None:
        raise DatabaseAway("for the test")

    job, recorder = await play.completed(), play.recorder(60_000, Witness())
    monkeypatch.setattr(Witness, "write", refuse)
    with pytest.raises(DatabaseAway):
        await recorder._keep(await recorder._next())
    assert await play.rows(jobs) == []
    assert await play.recorder(left_behind_ms=0).turn() == 1
    assert [row.id for row in await play.rows(jobs)] == [job]


@pytest.mark.parametrize("job", [b"\xff", b"", b"with space", b"n\0l", b"x" * 5_000])
async def test_an_entry_that_names_no_job_is_buried(play: Play, job: bytes) -> None:
    await play.redis.xadd(play.keys.finished, {"job": job, "state": b"\xff"})
    good = await play.completed()
    assert await play.recorder().turn() == 2
    assert [row.id for row in await play.rows(jobs)] == [good]
    assert await play.redis.xlen(play.keys.dead) == 1 and await play.acknowledged()


async def test_a_cancelled_job_is_kept_for_minutes_once_it_is_recorded(play: Play) -> None:
    cancelled, completed = await play.begin(), await play.completed()
    await play.emit(cancelled, *tokens("half"))
    await play.jobs.cancel(cancelled)
    before = await play.redis.pttl(play.keys.job(cancelled))
    await play.recorder().turn()
    lives = [await play.redis.pttl(key(cancelled)) for key in (play.keys.job, play.keys.events)]
    assert before > BRIEF_MS >= max(lives) and min(lives) > 0
    assert await play.redis.pttl(play.keys.job(completed)) > BRIEF_MS


async def test_a_cancelled_job_from_another_pool_is_kept_as_long_as_its_first_record(play: Play) -> None:
    """Whoever found that record alone would send it here again."""
    job = await play.begin()
    await play.redis.hset(play.keys.job(job), "base", 1)
    await play.jobs.cancel(job)
    await play.recorder().turn()
    assert await play.redis.pttl(play.keys.job(job)) > BRIEF_MS


async def test_a_title_made_by_the_model_is_cleaned_and_set(play: Play) -> None:
    job = await play.begin()
    thread = await play.thread(title="the first words", title_by="text", title_job=job)
    await play.complete(job, '<think>Hm.</think>\n**Title: "Über Katzen"**\nmore')
    await play.recorder().turn()
    row = await play.the_thread(thread)
    assert (row.title, row.title_by, row.folded, row.updated_at) == ("Über Katzen", "model", "über katzen", 1)


async def test_a_person_s_title_is_never_replaced(play: Play) -> None:
    job = await play.begin()
    thread = await play.thread(title_job=job)
    await play.complete(job, "The model's")
    await play.change_thread(thread, title="Mine", title_by="person")
    await play.recorder().turn()
    assert (await play.the_thread(thread)).title == "Mine"


async def test_a_title_job_that_failed_leaves_the_title(play: Play) -> None:
    job = await play.begin()
    thread = await play.thread(title="the first words", title_by="text", title_job=job)
    await play.emit(job, *tokens("half a"))
    await play.jobs.cancel(job)
    await play.recorder().turn()
    assert (await play.the_thread(thread)).title == "the first words"
