"""A job's log read page by page, and its sum; nothing outside of the wire reads a log by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from tests.support.valkey import PATIENT, Valkey
from tests.wire.test_scripts_jobs import COMPLETED, STARTED, Pool
from wire.client import open_redis
from wire.events import START, EventId, LogEntry
from wire.ids import JobId
from wire.log import EventLog, Summary, ends_of

ROOT = Path(__file__).parents[2]
READ_BY_HAND = ("xrange", "xrevrange", 'b"e"', "b'e'")


@pytest.fixture
async def house(valkey: Valkey, pool: str) -> AsyncIterator[Pool]:
    redis = open_redis(valkey.url, PATIENT)
    yield Pool(redis, pool)
    await redis.aclose()


def entries(*events: object) -> list[LogEntry]:
    bodies = [event if isinstance(event, bytes) else orjson.dumps(event) for event in events]
    return [LogEntry(EventId(1, seq), body) for seq, body in enumerate(bodies)]


def sum_of(*events: object) -> Summary:
    summary = Summary()
    summary.fold(entries(*events))
    return summary


def token(**fields: object) -> dict[str, object]:
    return {"type": "token", **fields}


async def ended_job(house: Pool, job: str) -> EventLog:
    """A job with a log of four events."""
    await house.accept(job)
    await house.worker(f"worker of {job}")
    await house.jobs.start(job, f"worker of {job}", 1, STARTED)
    for seq in (1, 2):
        await house.emit(job, f"worker of {job}", 1, seq, orjson.dumps(token(text=f"part {seq} ")))
    await house.jobs.finish(job, f"worker of {job}", 1, 3, "completed", COMPLETED)
    return house.jobs.log(JobId(job))


async def test_a_log_is_read_page_by_page_to_its_end(house: Pool) -> None:
    log = await ended_job(house, "j")
    first = await log.page(limit=3)
    rest = await log.page(first[-1].id or START)
    assert [str(entry.id) for entry in [*first, *rest]] == ["1-0", "1-1", "1-2", "1-3"]
    assert await log.page(EventId(1, 3)) == []
    assert await log.first(2) == first[:2]


async def test_the_end_of_a_log_is_the_event_that_the_record_names(house: Pool) -> None:
    log = await ended_job(house, "j")
    assert await log.end((await house.record("j")).end) == LogEntry(EventId(1, 3), COMPLETED)
    assert await log.last_id() == EventId(1, 3)
    await house.accept("live")
    live = house.jobs.log(JobId("live"))
    assert (await live.end((await house.record("live")).end), await live.last_id()) == (None, START)


async def test_the_ends_of_several_jobs_are_read_in_one_trip(house: Pool) -> None:
    await ended_job(house, "a")
    await ended_job(house, "b")
    await house.redis.delete(house.keys.events("b"))
    await house.redis.set(house.keys.events("b"), "no log")
    await house.accept("live")
    records = [await house.record(job) for job in ("a", "b", "live")]
    assert await ends_of(house.redis, house.keys, records) == {"a": LogEntry(EventId(1, 3), COMPLETED)}
    assert await ends_of(house.redis, house.keys, []) == {}


async def test_a_log_longer_than_a_page_is_summed_up_to_its_end(house: Pool) -> None:
    log = await ended_job(house, "j")
    summary = await log.summary(page_size=2)
    assert ("".join(summary.text), summary.end["type"]) == ("part 1 part 2 ", "completed")


def test_output_before_a_restart_is_void_but_was_spoken() -> None:
    summary = sum_of({"type": "started"}, token(text="a", n=3, thinking="hm"), {"type": "restarted"})
    assert (summary.text, summary.thinking, summary.tokens) == ([], [], 0)
    assert (summary.spoken, summary.restarts) == (True, 1)


def test_a_sum_holds_every_kind_of_output() -> None:
    call, chance = {"id": "c"}, {"token": "a"}
    summary = sum_of(
        token(text="a"), token(thinking="b", tool_calls=[call], logprobs=[chance]), token(n=0, embeddings=["AAAA"])
    )
    assert ("".join(summary.text), "".join(summary.thinking), summary.tokens) == ("a", "b", 2)
    assert (summary.tool_calls, summary.logprobs, summary.embeddings) == ([call], [chance], ["AAAA"])
    assert not summary.strange


@pytest.mark.parametrize("event", [b"no json", b"", token(text=7), token(tool_calls="x"), token(logprobs={"a": 1})])
def test_an_entry_that_no_worker_writes_adds_nothing_and_is_noted(event: object) -> None:
    summary = sum_of(token(text="a"), event)
    assert ("".join(summary.text), summary.tool_calls, summary.logprobs) == ("a", [], [])
    assert summary.strange


@pytest.mark.parametrize("kind", ["later", ["token"], None, 7])
def test_an_event_of_an_unknown_type_adds_nothing(kind: object) -> None:
    summary = sum_of(token(text="a"), {"type": kind, "text": "b"})
    assert (summary.text, summary.end, summary.strange) == (["a"], {}, False)


def test_an_attempt_that_begins_before_the_first_token_has_the_requests_own_model() -> None:
    other = {"type": "rerouted", "pool": "p", "model": "other"}
    assert sum_of({"type": "started"}, other).model == "other"
    assert sum_of(other, {"type": "started"}).model == ""
    assert sum_of(other, token(text="a"), {"type": "started"}).model == "other"


def test_no_package_but_the_wire_reads_a_log_by_hand() -> None:
    sources = [
        path for package in ("backend", "ollama_worker", "sluice", "bench") for path in (ROOT / package).rglob("*.py")
    ]
    assert len(sources) > 100
    by_hand = [path for path in sources if any(word in path.read_text().lower() for word in READ_BY_HAND)]
    assert not by_hand, f"these read a log by hand: use wire/log.py: {by_hand}"
