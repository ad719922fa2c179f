"""Attempts at each kind of job, and through each way in which an engine fails, in a real life on a real server."""

from __future__ import annotations

import asyncio
import struct
from base64 import b64decode
from collections.abc import AsyncIterator

import orjson
import pytest
from redis.asyncio import Redis

from ollama_worker.attempt import BUSY_GIVES
from ollama_worker.continuation import Earlier, earlier_of, with_rest_of_budget
from ollama_worker.engines.base import (
    ContextTooLong,
    EngineBusy,
    EngineDenied,
    EngineFailed,
    EngineMissing,
    EngineSilent,
    EngineUnavailable,
    Finished,
    ModelNotFound,
    OutOfMemory,
    Piece,
    StreamCut,
    Unsupported,
)
from ollama_worker.vectors import BURST_BYTES
from tests.ollama_worker.standing import BOUNDS, Standing, standing
from tests.support.truth import Truth
from tests.support.valkey import Valkey
from tests.support.waiting import eventually
from wire.events import Completed, EventId, LogEntry, Token, encode
from wire.jobs import JobPipe
from wire.keys import Keys
from wire.log import Summary
from wire.records import ANY_MODEL, JobRequest, Target
from wire.rerouting import carry_on
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRegistry

HERE, THERE = Target(pool="here", model="m2"), Target(pool="there", model="m2")


@pytest.fixture
async def here(redis: Redis, valkey: Valkey) -> AsyncIterator[Standing]:
    async with standing(redis, valkey.url, "here") as it:
        yield it


async def completed(truth: Truth, job: str) -> Completed:
    return Completed.model_validate_json((await truth.log(job))[-1].body)


# The next alternative


async def test_a_job_whose_model_is_missing_goes_on_as_its_fallback_in_the_same_attempt(here: Standing) -> None:
    here.engine.fails("m1", ModelNotFound("there is no m1"))
    record = await here.ask("j", "m1", HERE)
    assert (record.state, record.attempt, record.tries) == ("completed", 1, 0)
    assert await here.kinds("j") == ["started", "rerouted", "token", "completed"]
    assert (await here.truth.log("j"))[1].fields() == {
        "type": "rerouted", "pool": "here", "model": "m2", "reason": "model_not_found",
    }  # fmt: skip
    assert await here.text("j") == "m2 says"
    assert (await completed(here.truth, "j")).model == "m2"


async def test_alternatives_are_tried_in_their_order_until_a_model_answers(here: Standing) -> None:
    here.engine.fails("m1", ModelNotFound("no"))
    here.engine.fails("m2", OutOfMemory("no"))
    record = await here.ask("j", "m1", HERE, Target(pool="here", model="m3"))
    assert record.state == "completed"
    assert await here.text("j") == "m3 says"


ANY = Target(pool="here", model=ANY_MODEL)


async def test_a_job_that_may_have_any_model_gets_the_first_that_chats_where_its_own_is_missing(here: Standing) -> None:
    here.engine.fails("guess", ModelNotFound("there is no guess"))
    record = await here.ask("j", "guess", ANY)
    assert (record.state, record.attempt, record.tries) == ("completed", 1, 0)
    assert (await here.truth.log("j"))[1].fields()["model"] == "m1"
    assert (await completed(here.truth, "j")).model == "m1"
    assert await here.text("j") == "m1 says"


async def test_any_model_does_not_stand_in_for_a_model_that_is_there_and_fails(here: Standing) -> None:
    here.engine.fails("m1", OutOfMemory("no"), times=BOUNDS.max_attempts)
    assert (await here.ask("j", "m1", ANY)).why == "out_of_memory"


async def test_where_a_worker_has_no_model_at_all_the_missing_model_is_named(here: Standing) -> None:
    here.engine.offers()
    here.engine.fails("guess", ModelNotFound("there is no guess"))
    record = await here.ask("j", "guess", ANY)
    assert (record.state, record.why) == ("failed", "model_not_found")
    assert "there is no guess" in (await here.truth.log("j"))[-1].fields()["message"]


async def test_where_no_alternative_answers_the_last_failure_counts(here: Standing) -> None:
    here.engine.fails("m1", OutOfMemory("no"))
    here.engine.fails("m2", ModelNotFound("no m2 either"))
    record = await here.ask("j", "m1", HERE)
    assert (record.state, record.why) == ("failed", "model_not_found")


async def test_an_engine_is_tried_again_before_the_alternative(redis: Redis, valkey: Valkey) -> None:
    async with standing(redis, valkey.url, "here", retries=2) as here:
        here.engine.fails("m1", OutOfMemory("no"))
        await here.ask("j", "m1", HERE)
        assert await here.text("j") == "m1 says"
        here.engine.fails("m1", OutOfMemory("no"), times=2)
        await here.ask("k", "m1", HERE)
        assert await here.text("k") == "m2 says"
        assert here.engine.calls == {"m1": 4, "m2": 1}


async def test_a_failure_that_may_be_the_request_s_own_fault_frees_its_slot(redis: Redis, valkey: Valkey) -> None:
    """An engine that is away is tried as often as configured, a status of 500 one more time, and a cut never."""
    async with standing(redis, valkey.url, "here", retries=9) as here:
        for model, error, calls in (
            ("cut", StreamCut("dropped"), 1),
            ("failed", EngineFailed("status 500"), 2),
            ("silent", EngineSilent("…"), 1),
            ("away", EngineUnavailable("nobody answers"), 10),
        ):
            here.engine.fails(model, error, times=calls)
            await here.ask(model, model, Target(pool="here", model="m2"))
            assert here.engine.calls[model] == calls + (model == "away")


# Jobs that go behind others


async def test_a_job_whose_connections_break_lets_others_go_first_and_fails_with_its_tries(here: Standing) -> None:
    here.engine.fails("poison", StreamCut("dropped"), times=BOUNDS.max_attempts)
    here.engine.hold.clear()
    await here.submit("p", "poison")
    await here.engine.held.wait()
    for job in ("a", "b"):
        await here.submit(job)
    here.engine.hold.set()
    record = await here.ended("p")
    assert (record.state, record.why, record.tries) == ("failed", "stream_cut", BOUNDS.max_attempts)
    assert max([await given_at(here, "a", 1), await given_at(here, "b", 1)]) <= await given_at(here, "p", 2)


async def given_at(here: Standing, job: str, attempt: int) -> int:
    """Pool milliseconds."""
    timeline = (await here.ended(job)).timeline
    return next(at for at, what, _ in timeline if what == f"given:{attempt}")


async def test_two_such_jobs_do_not_stop_a_pool_of_two_slots(redis: Redis, valkey: Valkey) -> None:
    async with standing(redis, valkey.url, "here", slots=2, retries=3) as here:
        here.engine.fails("poison", StreamCut("dropped"), times=1_000)
        for job in ("p", "q"):
            await here.submit(job, "poison")
        for n in range(5):
            await here.ask(f"honest-{n}")
        for job in ("p", "q"):
            assert (await here.ended(job)).state == "failed"
        assert here.engine.calls["poison"] == 2 * BOUNDS.max_attempts


async def test_an_engine_that_breaks_and_is_gone_then_costs_a_try(redis: Redis, valkey: Valkey) -> None:
    """The request may be what ends the worker, each time that the job starts again."""
    async with standing(redis, valkey.url, "here", retries=1) as here:
        for _ in range(BOUNDS.max_attempts):
            here.engine.fails("m1", EngineFailed("status 500"))
            here.engine.fails("m1", EngineUnavailable("nobody answers"))
        record = await here.ask("j")
        assert (record.state, record.why, record.tries) == ("failed", "engine_failed", BOUNDS.max_attempts)


async def test_a_proxy_s_word_costs_a_try_where_the_engine_behind_it_is_well(here: Standing) -> None:
    here.engine.fails("m1", EngineMissing("status 504"), times=BOUNDS.max_attempts)
    record = await here.ask("j")
    assert (record.state, record.tries) == ("failed", BOUNDS.max_attempts)


async def test_a_job_costs_no_try_while_the_engine_is_away(here: Standing) -> None:
    here.engine.well = False
    here.engine.fails("m1", EngineMissing("status 502"))
    await here.submit("j")
    await here.truth.until_state("j", "queued")
    here.engine.well = True
    record = await here.ended("j")
    assert (record.state, record.attempt, record.tries) == ("completed", 2, 0)


async def test_a_job_that_met_a_busy_engine_goes_behind_others_uncharged(here: Standing) -> None:
    here.engine.well = False  # the engine rests
    here.engine.fails("m1", EngineBusy("status 429"))
    here.engine.hold.clear()
    await here.submit("j")
    await here.engine.held.wait()
    await here.submit("k", "m2")
    here.engine.hold.set()
    await here.truth.until_state("j", "queued")
    here.engine.well = True
    record = await here.ended("j")
    assert (record.state, record.attempt, record.tries) == ("completed", 2, 0)
    assert await given_at(here, "k", 1) <= await given_at(here, "j", 2)


async def test_no_job_is_refused_as_busy_for_ever(here: Standing) -> None:
    here.engine.fails("m1", EngineBusy("status 503"), times=1_000)
    here.engine.rests = True
    record = await here.ask("j")
    assert (record.state, record.why) == ("failed", "engine_unavailable")
    assert record.attempt == BUSY_GIVES + BOUNDS.max_attempts


async def test_a_failure_by_the_request_s_own_fault_opens_no_circuit(here: Standing) -> None:
    """Whatever the number of its tries, and of such jobs of a tenant."""
    here.engine.fails("m1", EngineFailed("status 500"), times=1_000)
    for n in range(6):
        assert (await here.ask(f"j{n}")).state == "failed"
    [circuit] = (await here.circuits.all()).values()
    assert (circuit.state, circuit.failures) == ("closed", 4)


async def test_an_engine_that_breaks_is_tried_again_and_then_left_for_the_alternative(
    redis: Redis, valkey: Valkey
) -> None:
    async with standing(redis, valkey.url, "here", retries=1) as here:
        here.engine.fails("m1", EngineFailed("status 500"))
        await here.ask("j", "m1", HERE)
        assert await here.text("j") == "m1 says"
        here.engine.fails("m1", EngineFailed("status 500"), times=2)
        await here.ask("k", "m1", HERE)
        assert await here.text("k") == "m2 says"
        [circuit] = (await here.circuits.all()).values()
        assert (circuit.model, circuit.failures, circuit.reason) == ("m1", 1, "engine_failed")


async def test_an_engine_that_goes_on_breaking_costs_a_try_each_time_until_none_is_left(here: Standing) -> None:
    here.engine.fails("m1", EngineFailed("status 500"), times=BOUNDS.max_attempts)
    record = await here.ask("j", "m1")
    assert (record.state, record.tries) == ("failed", BOUNDS.max_attempts)
    end = (await here.truth.log("j"))[-1].fields()
    assert (end["code"], end["message"]) == ("engine_failed", "status 500")


async def test_an_engine_that_refuses_our_key_fails_a_job_at_once_and_sends_it_to_another_pool(
    here: Standing, redis: Redis
) -> None:
    """No caller waits in the queue for what only an operator mends; the engine refuses its other models as well."""
    here.engine.fails("m1", EngineDenied("check the key"), times=2)
    record = await here.ask("j", "m1", HERE)
    assert (record.state, record.why, record.attempt) == ("failed", "engine_denied", 1)
    assert (await here.truth.log("j"))[-1].fields()["message"] == "check the key"
    await here.ask("k", "m1", HERE, THERE)
    assert (await Truth(redis, "there").until_state("k", "queued")).model == "m2"
    await here.ask("next")
    assert await here.text("next") == "m1 says"


async def test_a_job_goes_on_in_another_pool_as_the_same_job(here: Standing, redis: Redis, valkey: Valkey) -> None:
    async with standing(redis, valkey.url, "there") as there:
        here.engine.fails("m1", ModelNotFound("there is no m1"))
        await here.submit("j", "m1", THERE)
        record = await there.ended("j")
        assert (record.state, record.attempt, record.model) == ("completed", 2, "m2")
        assert await there.text("j") == "m2 says"
        left = await here.ended("j")
        assert (left.state, left.why) == ("failed", "rerouted")
        assert await here.kinds("j") == ["started", "rerouted"]
        assert [str(entry.id) for entry in await there.truth.log("j")] == ["2-0", "2-1", "2-2"]


async def test_a_job_that_a_dead_worker_did_not_carry_on_is_carried_on_by_a_reader_of_its_end(
    redis: Redis, valkey: Valkey
) -> None:
    """The worker is cut off behind its `finish`; two readers of the end carry the job on, and it runs once."""
    dying = asyncio.Event()

    class DiesBetween(JobPipe):
        async def now(self) -> int:
            dying.set()
            await asyncio.Event().wait()
            return 0

    async with standing(redis, valkey.url, "here", jobs=DiesBetween(redis, Keys("here"))) as here:
        here.engine.fails("m1", ModelNotFound("there is no m1"))
        await here.submit("j", "m1", THERE)
        await asyncio.wait_for(dying.wait(), 10)
        here.life.hurry()
    assert await Truth(redis, "there").jobs.record("j") is None
    recorder = JobPipe(redis, Keys("here"))
    assert await asyncio.gather(carry_on(recorder, "j"), carry_on(recorder, "j")) == [THERE, THERE]
    async with standing(redis, valkey.url, "there") as there:
        record = await there.ended("j")
        assert (record.state, record.attempt) == ("completed", 2)
        await carry_on(recorder, "j")
        assert there.engine.calls == {"m2": 1}


async def test_a_cancelled_job_is_not_carried_on(here: Standing, redis: Redis) -> None:
    """The cancel came first: the worker's `rerouted` is refused."""
    here.engine.fails("m1", ModelNotFound("there is no m1"))
    here.engine.hold.clear()
    await here.submit("j", "m1", THERE)
    await here.engine.held.wait()
    await here.kit.jobs.cancel("j")
    here.engine.hold.set()
    await here.until_idle()
    assert (await here.ended("j")).state == "cancelled"
    assert await redis.keys("sluice:{there}:*") == []


@pytest.mark.parametrize("piece", [Piece("half a"), Piece(thinking="hmm", tokens=0)], ids=["text", "thought"])
async def test_a_token_is_never_followed_by_another_model_s_words(here: Standing, piece: Piece) -> None:
    here.engine.fails("m1", StreamCut("cut"), behind=(piece,))
    record = await here.ask("j", "m1", HERE)
    assert (record.state, record.attempt, record.tries) == ("completed", 2, 1)
    assert "rerouted" not in await here.kinds("j")


async def test_no_other_model_follows_a_token_of_an_earlier_attempt(here: Standing) -> None:
    """The second attempt fails before its own first token, but the first had spoken."""
    here.engine.fails("m1", StreamCut("cut"), behind=(Piece(thinking="hmm"),))  # no attempt continues a thought
    here.engine.fails("m1", ModelNotFound("gone by now"))
    record = await here.ask("j", "m1", HERE)
    assert (record.state, record.why) == ("failed", "model_not_found")
    assert "rerouted" not in await here.kinds("j")


async def test_no_other_model_follows_where_the_engine_fails_to_report_whether_it_can_continue(here: Standing) -> None:
    here.engine.fails("m1", StreamCut("cut"), behind=(Piece("half a"),))
    here.engine.unsure = [OutOfMemory("no")]
    record = await here.ask("j", "m1", HERE)
    assert (record.state, record.attempt) == ("completed", 3)
    assert "rerouted" not in await here.kinds("j")
    assert await here.text("j") == "half am1 says"


async def test_later_attempts_continue_with_the_alternative_that_spoke(here: Standing) -> None:
    here.engine.fails("m1", ModelNotFound("there is no m1"))
    here.engine.fails("m2", StreamCut("cut"), behind=(Piece("half a"),))
    here.engine.fails("m2", StreamCut("cut"), behind=(Piece(" of it "),))
    record = await here.ask("j", "m1", HERE)
    assert (record.state, record.attempt) == ("completed", 3)
    assert here.engine.calls == {"m1": 1, "m2": 3}
    assert await here.text("j") == "half a of it m2 says"
    assert (await completed(here.truth, "j")).model == "m2"
    assert "restarted" not in await here.kinds("j")


async def test_an_alternative_whose_output_cannot_be_continued_begins_anew(here: Standing) -> None:
    here.engine.fails("m1", ModelNotFound("there is no m1"))
    here.engine.fails("m2", StreamCut("cut"), behind=(Piece(thinking="hmm"),))
    assert (await here.ask("j", "m1", HERE)).state == "completed"
    assert here.engine.calls == {"m1": 1, "m2": 2}
    assert "restarted" in await here.kinds("j")


async def test_an_alternative_without_output_is_tried_again_only_behind_the_requested_model(
    here: Standing,
) -> None:
    here.engine.fails("m1", OutOfMemory("no"))
    here.engine.fails("m2", OutOfMemory("no"))
    here.engine.fails("m1", StreamCut("cut"), behind=(Piece("half a"),))
    record = await here.ask("j", "m1", HERE)
    assert (record.state, record.attempt) == ("completed", 3)
    assert here.engine.calls == {"m1": 3, "m2": 1}
    assert await here.text("j") == "half am1 says"


async def test_an_answer_without_a_limit_has_none_behind_an_earlier_attempt(here: Standing) -> None:
    """An engine reads 0 as no limit, but a limit that is used up is 0 too."""
    here.engine.fails("m1", StreamCut("cut"), behind=(Piece("half a"),))
    await here.ask("j", num_predict=0)
    assert await here.text("j") == "half am1 says"
    assert (await completed(here.truth, "j")).finish_reason == "stop"
    unlimited = JobRequest(model="m1", options={"num_predict": 0})
    assert with_rest_of_budget(unlimited, Earlier("half a", 2)).options == {"num_predict": -1}


async def test_an_answer_that_has_used_up_its_limit_ends_behind_an_earlier_attempt(here: Standing) -> None:
    here.engine.fails("m1", StreamCut("cut"), behind=(Piece("half a"),))
    await here.ask("j", num_predict=1)
    assert await here.text("j") == "half a"
    assert (await completed(here.truth, "j")).finish_reason == "length"


async def test_an_engine_s_own_error_text_goes_into_the_terminal_event_and_nowhere_else(here: Standing) -> None:
    """The text may hold the model's words."""
    here.engine.fails("m1", EngineFailed("cannot parse 'my secret'"), times=BOUNDS.max_attempts)
    record = await here.ask("j")
    assert b"my secret" in (await here.truth.log("j"))[-1].body
    assert [detail for _, what, detail in record.timeline if what.startswith("returned")] == ["engine_failed"] * 3
    assert "my secret" not in str(record)


@pytest.mark.parametrize("error", [ContextTooLong("too long"), Unsupported("cannot")])
async def test_a_failure_by_the_request_s_own_fault_goes_to_no_alternative(
    here: Standing, error: ContextTooLong | Unsupported
) -> None:
    here.engine.fails("m1", error)
    record = await here.ask("j", "m1", HERE, THERE)
    assert (record.state, record.why) == ("failed", error.code)
    assert here.circuits.calls == 0


async def test_an_engine_that_is_away_sends_jobs_to_other_pools_and_takes_no_more(here: Standing, redis: Redis) -> None:
    """The engine's other models are away too; the next job waits for a worker that is well."""
    here.engine.well = False
    here.engine.fails("m1", EngineUnavailable("nobody answers"))
    await here.submit("j", "m1", HERE, THERE)
    await here.ended("j")
    record = await Truth(redis, "there").until_state("j", "queued")
    assert record.model == "m2"
    await here.submit("k")
    assert (await here.truth.record("k")).state == "queued"
    here.engine.well = True
    assert (await here.ended("k")).state == "completed"


async def test_an_engine_that_is_away_gives_a_job_back_that_can_go_nowhere(here: Standing) -> None:
    here.engine.fails("m1", EngineUnavailable("nobody answers"))
    record = await here.ask("j", "m1", HERE)
    assert (record.state, record.attempt, record.tries) == ("completed", 2, 0)
    assert await here.text("j") == "m1 says"


# Circuits


async def test_failures_open_a_circuit_and_the_first_answer_closes_it(here: Standing) -> None:
    here.engine.fails("m1", ModelNotFound("no"), times=5)
    for n in range(5):
        await here.ask(f"j{n}")
    [circuit] = (await here.circuits.all()).values()
    assert (circuit.engine, circuit.model, circuit.state, circuit.failures) == ("simulated", "m1", "open", 5)
    assert circuit.reason == "model_not_found"
    await here.ask("well again")
    await here.until_idle()
    await here.ask("and again")
    assert await here.circuits.all() == {}


async def test_a_fallback_s_answer_does_not_close_the_circuit_of_what_failed(here: Standing) -> None:
    here.engine.fails("m1", ModelNotFound("no"))
    await here.ask("j", "m1", HERE)
    await here.ask("another", "m2")
    assert list(await here.circuits.all()) == ["simulated|m1"]


async def test_another_worker_s_answer_closes_it_too(here: Standing) -> None:
    """The worker that tripped the circuit may be gone for good."""
    await here.circuits.trip("simulated", "m1", "stream_cut")
    await here.ask("j")
    await here.submit("behind it")  # by then the first has been mended
    await here.ended("behind it")
    assert await here.circuits.all() == {}


async def test_a_healthy_engine_costs_no_call(here: Standing) -> None:
    for n in range(3):
        await here.ask(f"j{n}")
    assert here.circuits.calls == 0


# Vectors and counts


async def test_vectors_come_in_order_in_bursts_that_readers_take_live(here: Standing) -> None:
    here.engine.vectors = [[n + 0.5] * 4096 for n in range(30)]
    record = await here.ask("j", kind="embed")
    assert (record.state, record.result) == ("completed", b"")
    bursts = [entry for entry in await here.truth.log("j") if entry.is_token]
    assert len(bursts) > 2
    assert all(sum(map(len, burst.fields()["embeddings"])) <= BURST_BYTES for burst in bursts)
    assert {burst.fields()["n"] for burst in bursts} == {0}
    vectors = [vector for burst in bursts for vector in burst.fields()["embeddings"]]
    assert [list(struct.unpack("<4096f", b64decode(vector))) for vector in vectors] == here.engine.vectors
    end = await completed(here.truth, "j")
    assert (end.usage.prompt_tokens, end.usage.completion_tokens, end.finish_reason) == (5, 0, "stop")


async def test_a_vector_larger_than_a_burst_is_a_burst_of_its_own(here: Standing) -> None:
    here.engine.vectors = [[1.0] * 40_000, [2.0] * 40_000]
    await here.ask("j", kind="embed")
    assert await here.kinds("j") == ["started", "token", "token", "completed"]


async def test_half_of_the_vectors_of_a_lost_worker_are_void(redis: Redis, valkey: Valkey) -> None:
    lost, embed = WorkerRegistry(redis, Keys("here")), JobRequest(kind="embed", model="m1", inputs=("a", "b"))
    jobs = JobPipe(redis, Keys("here"))
    await lost.register("lost", 1, WorkerInfo("simulated", {}))
    await lost.ask("lost", True)
    await jobs.accept("j", embed, BOUNDS, tenant="ann")
    await jobs.start("j", "lost", 1, b'{"type":"started"}')
    await redis.xadd(jobs.keys.events("j"), {"e": encode(Token(embeddings=["AAAA"], n=0))}, id="1-1")
    await lost.reap("lost", 1)
    async with standing(redis, valkey.url, "here") as here:
        await here.ended("j")
        assert await here.kinds("j") == ["started", "token", "started", "restarted", "token", "completed"]


async def test_an_embedding_goes_on_as_its_alternative_too(here: Standing) -> None:
    here.engine.fails("m1", ModelNotFound("no"))
    record = await here.ask("j", "m1", HERE, kind="embed")
    assert record.state == "completed"
    assert await here.kinds("j") == ["started", "rerouted", "token", "completed"]


async def test_a_count_reports_usage_and_has_no_text(here: Standing) -> None:
    record = await here.ask("j", kind="count")
    assert (record.state, record.result) == ("completed", b"")
    assert await here.kinds("j") == ["started", "completed"]
    assert (await completed(here.truth, "j")).usage.prompt_tokens == 42


async def test_a_bare_prompt_is_answered_like_a_chat(here: Standing) -> None:
    await here.ask("j", kind="generate")
    assert await here.text("j") == "m1 says"


# The cost of an answer


async def test_cached_and_thinking_tokens_are_reported_as_the_engine_reports_them(here: Standing) -> None:
    here.engine.end = Finished("stop", 100, 30, cached_tokens=80, thinking_tokens=20)
    await here.ask("j")
    usage = (await completed(here.truth, "j")).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.thinking_tokens) == (
        100,
        30,
        80,
        20,
    )


async def test_the_stop_string_that_ended_an_answer_is_reported(here: Standing) -> None:
    here.engine.end = Finished("stop", 7, 3, stop_sequence="END")
    await here.ask("j")
    assert (await completed(here.truth, "j")).stop_sequence == "END"


async def test_the_time_of_thinking_lies_between_the_first_thought_and_the_first_word(here: Standing) -> None:
    await here.ask("plain")
    assert (await completed(here.truth, "plain")).timings.thinking_ms == 0
    here.engine.thought = (Piece(thinking="hmm"), Piece(thinking=" well"))
    await here.ask("thought")
    timings = (await completed(here.truth, "thought")).timings
    assert 1 <= timings.thinking_ms <= max(1, timings.total_ms)
    assert orjson.loads((await here.truth.record("thought")).result)["thinking"] == "hmm well"


# The models in memory that a worker reports


async def test_after_a_failure_a_worker_looks_at_its_loaded_models_and_reports_them(here: Standing) -> None:
    """This engine never reports a load, and the worker does not look at it again for a while."""
    loaded = f"{here.truth.keys.prefix}:loaded:{here.life.incarnation}"

    async def nothing() -> bool | None:
        return not await here.redis.smembers(loaded) or None

    await here.ask("j", "m1")
    assert await here.redis.smembers(loaded) == {b"m1"}
    await eventually(nothing, 10, "the report of the first look")
    here.engine.fails("m2", ModelNotFound("no"))
    await here.ask("k", "m2", Target(pool="here", model="m1"))
    assert await here.redis.smembers(loaded) == {b"m2"}
    await eventually(nothing, 10, "the failure makes it look")


# Answers without an end


@pytest.mark.parametrize(
    ("bound", "most", "piece"),
    [
        ("MOST_TOKENS", 50, Piece("a")),
        ("MOST_CHARACTERS", 5_000, Piece("a" * 100)),
        ("MOST_CHARACTERS", 5_000, Piece(thinking="a" * 100)),
        ("MOST_CHARACTERS", 5_000, Piece("", logprobs=[{"token": "a" * 100}])),
        ("MOST_CHARACTERS", 5_000, Piece(tool_calls=[{"function": {"name": "a" * 100}}], tokens=0)),
    ],
)
async def test_an_answer_without_an_end_is_cut_and_completed_with_length(
    here: Standing, monkeypatch: pytest.MonkeyPatch, bound: str, most: int, piece: Piece
) -> None:
    monkeypatch.setattr(f"ollama_worker.answer.{bound}", most)
    here.engine.thought = (piece,) * 1_000
    record = await here.ask("j")
    assert record.state == "completed"
    end = await completed(here.truth, "j")
    assert end.finish_reason == "length" and end.usage.completion_tokens <= 51
    assert await here.text("j") in ("a" * 51, "a" * 5_100, "")


def test_an_earlier_attempt_s_words_that_are_none_are_not_continued() -> None:
    entry = LogEntry(EventId(1, 1), orjson.dumps({"type": "token", "text": 7, "n": "x"}))
    summary = Summary()
    summary.fold([entry])
    assert earlier_of(summary) == Earlier("", 0, other=True, spoken=True)
