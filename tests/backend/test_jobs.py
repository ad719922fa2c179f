"""A job as its callers see it: the record, the timeline, its place, its events from any point on, its end."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from backend.pool.expected import eta
from backend.pool.look import PoolLook
from tests.support.house import House, MakesHouse
from tests.support.listener import chat, following, listening, words
from tests.support.truth import Truth, truth_of
from tests.support.waiting import eventually
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRecord

MODEL = "qwen2.5:0.5b"
STAY = {"X-Sluice-On-Disconnect": "continue"}
FIELDS = {
    "id", "state", "pool", "model", "class", "position", "eta_seconds", "reason", "attempts", "worker", "note",
    "accepted_at", "deadline", "timeline", "usage", "timings", "finish_reason", "result", "error",
}  # fmt: skip


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    return module_house()


@pytest.fixture
async def truth(home: House) -> AsyncIterator[Truth]:
    async with truth_of(home.redis_url, home.pool) as truth:
        yield truth
        for job, state in (await truth.states()).items():  # the next test finds an idle worker
            if state in ("queued", "running"):
                await truth.jobs.cancel(job)


async def view(client: httpx.AsyncClient, job: str) -> dict[str, Any]:
    answer = await client.get(f"/api/jobs/{job}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    assert shown.keys() == FIELDS
    return shown


FAULT = "!fault context_too_long"
WRONG = [{"role": "user", "content": FAULT}]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", {"messages": WRONG, "stream": False}),
        ("/api/generate", {"model": MODEL, "prompt": FAULT, "stream": False}),
        ("/api/v1/local-llm/generate", {"prompt": FAULT}),
        ("/v1/chat/completions", {"model": MODEL, "messages": WRONG}),
        ("/v1/responses", {"model": MODEL, "input": FAULT}),
        ("/v1/messages", {"model": MODEL, "messages": WRONG, "max_tokens": 9}),
        ("/api/lc/chat/invoke", {"input": {"messages": WRONG}}),
    ],
)
async def test_a_whole_answer_that_fails_names_its_job(client: httpx.AsyncClient, path: str, body: Any) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code in (400, 413), answer.text
    assert answer.headers["x-sluice-route"]
    shown = await view(client, answer.headers["x-sluice-job"])
    assert (shown["state"], shown["error"]["code"]) == ("failed", "context_too_long")


async def test_a_completed_job_shows_its_whole_life(client: httpx.AsyncClient, home: House, truth: Truth) -> None:
    async with listening(home.url, chat("!tokens 20")) as heard:
        assert await heard.end() == "completed"
    shown = await view(client, heard.job)
    assert (shown["id"], shown["state"], shown["class"]) == (heard.job, "completed", "interactive")
    assert shown["result"] == {"text": words(20)}
    assert shown["usage"] == heard.of("completed")[0]["usage"]
    assert shown["usage"]["completion_tokens"] == 20
    assert shown["timings"] == heard.of("completed")[0]["timings"]
    assert shown["finish_reason"] == "stop"
    assert shown["attempts"] == {"current": 1, "charged": 0, "max": 3}
    assert (shown["position"], shown["eta_seconds"], shown["reason"], shown["worker"], shown["error"]) == (None,) * 5
    worker = heard.of("started")[0]["worker"]
    assert [(mark["what"], mark["detail"]) for mark in shown["timeline"]] == [
        ("accepted", ""),
        ("given:1", worker),
        ("started:1", worker),
        ("ended", "completed"),
    ]
    moments = [datetime.fromisoformat(mark["at"]) for mark in shown["timeline"]]
    assert moments == sorted(moments)
    assert shown["accepted_at"] == shown["timeline"][0]["at"]
    lasts = datetime.fromisoformat(shown["deadline"]) - datetime.fromisoformat(shown["accepted_at"])
    assert lasts.total_seconds() == 600


async def test_a_running_job_names_its_worker(client: httpx.AsyncClient, home: House, truth: Truth) -> None:
    async with listening(home.url, chat("!tokens 100000")) as heard:
        await heard.words(1)
        shown = await view(client, heard.job)
        assert (shown["state"], shown["worker"]) == ("running", heard.of("started")[0]["worker"])
        assert (shown["position"], shown["result"], shown["usage"], shown["finish_reason"]) == (None,) * 4


async def test_waiting_jobs_show_their_place_and_when_their_turn_is(
    client: httpx.AsyncClient, home: House, truth: Truth
) -> None:
    async with listening(home.url, chat("!tokens 200")) as measured:  # it runs for a second
        assert await measured.end() == "completed"
    async with contextlib.AsyncExitStack() as stack:
        bodies = [chat("!tokens 100000"), *[chat("!tokens 5")] * 3]
        heard = [await stack.enter_async_context(listening(home.url, body)) for body in bodies]
        await eventually(lambda: _eta(client, heard[1].job), 15, "the worker's next beat tells how long jobs take")
        shown = [await view(client, each.job) for each in heard[1:]]
        assert [each["state"] for each in shown] == ["queued"] * 3
        assert [each["position"] for each in shown] == [1, 2, 3]
        assert [each["reason"] for each in shown] == ["waiting"] * 3
        etas = [each["eta_seconds"] for each in shown]
        assert etas == sorted(etas) and etas[0] >= 1
        await truth.jobs.cancel(heard[1].job)
        assert [(await view(client, each.job))["position"] for each in heard[2:]] == [1, 2]


def test_an_eta_counts_rounds_of_the_slots_and_is_unknown_without_a_measured_job() -> None:
    def full(seconds: float) -> PoolLook:
        """Two workers of two slots each, none of which is free."""
        info = WorkerInfo.of({"job_seconds": seconds})
        return PoolLook([WorkerRecord(name, 1, 2, 2, True, 0, 0, info) for name in ("one", "two")])

    assert [eta(full(10.0), place) for place in (1, 4, 5, 9)] == [10, 10, 20, 30]
    assert eta(full(10.0), 0) is None
    assert eta(full(0.0), 1) is None
    assert eta(PoolLook(), 1) is None


async def _eta(client: httpx.AsyncClient, job: str) -> int | None:
    return (await view(client, job))["eta_seconds"]


async def test_a_failed_job_shows_its_error(client: httpx.AsyncClient, home: House, truth: Truth) -> None:
    async with listening(home.url, chat("!fault context_too_long")) as heard:
        assert await heard.end() == "failed"
    shown = await view(client, heard.job)
    assert shown["state"] == "failed"
    assert shown["error"] == {
        "code": "context_too_long", "message": "Simulated fault: context_too_long", "retryable": False,
    }  # fmt: skip
    assert shown["result"] is None


async def test_a_cancelled_job_stays_cancelled_and_keeps_its_text(
    client: httpx.AsyncClient, home: House, truth: Truth
) -> None:
    async with listening(home.url, chat("!tokens 100000")) as heard:
        await heard.words(10)
        for _ in range(2):
            answer = await client.post(f"/api/jobs/{heard.job}/cancel")
            assert (answer.status_code, answer.json()) == (200, {"id": heard.job, "state": "cancelled"})
        assert await heard.end() == "cancelled"
        assert heard.of("cancelled") == [{"type": "cancelled", "reason": "asked"}]
    shown = await view(client, heard.job)
    assert (shown["state"], shown["worker"], shown["error"]) == ("cancelled", None, None)
    assert shown["timeline"][-1]["what"] == "ended"
    async with following(home.url, heard.job) as again:
        assert await again.end() == "cancelled"
        assert again.events == heard.events


async def test_events_begin_behind_any_id_and_end_with_the_job(
    client: httpx.AsyncClient, home: House, truth: Truth
) -> None:
    async with listening(home.url, chat("!tokens 20")) as heard:
        assert await heard.end() == "completed"
    for cut in range(len(heard.events) - 1):
        after = heard.events[cut].id or ""
        async with following(home.url, heard.job, after) as rest:
            await rest.hung_up()
            assert rest.events == heard.events[cut + 1 :]
        async with listening(f"{home.url}/api/jobs/{heard.job}/events?after={after}") as rest:
            await rest.hung_up()
            assert rest.events == heard.events[cut + 1 :]


async def test_a_reader_who_comes_back_behind_the_end_gets_a_204_and_no_stream(
    client: httpx.AsyncClient, home: House, truth: Truth
) -> None:
    """A browser's EventSource reconnects after every end of a stream; only a 204 makes it stop."""
    async with listening(home.url, chat("!tokens 2")) as heard:
        assert await heard.end() == "completed"
    answer = await client.get(f"/api/jobs/{heard.job}/events", headers={"Last-Event-ID": heard.events[-1].id or ""})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_events_are_neither_cached_nor_buffered_by_a_proxy(
    client: httpx.AsyncClient, home: House, truth: Truth
) -> None:
    async with listening(home.url, chat("!tokens 2")) as heard:
        assert await heard.end() == "completed"
        async with following(home.url, heard.job) as again:
            for headers in (heard.stream.headers, again.stream.headers):
                assert headers["content-type"].startswith("text/event-stream")
                assert headers["cache-control"] == "no-cache, no-transform"
                assert headers["x-accel-buffering"] == "no"
                assert headers["x-sluice-job"] == heard.job


async def test_a_watcher_who_leaves_cancels_nothing(client: httpx.AsyncClient, home: House, truth: Truth) -> None:
    async with listening(home.url, chat("!tokens 200"), headers=STAY) as owner:
        await owner.words(1)
    async with following(home.url, owner.job) as watcher:
        await watcher.words(10)
    assert (await truth.until_state(owner.job, "completed", "cancelled")).state == "completed"


async def test_a_watcher_may_choose_to_cancel_by_leaving(client: httpx.AsyncClient, home: House, truth: Truth) -> None:
    async with listening(home.url, chat("!tokens 100000"), headers=STAY) as owner:
        await owner.words(1)
    async with following(home.url, owner.job, **{"X-Sluice-On-Disconnect": "cancel"}) as watcher:
        await watcher.words(10)
    assert (await truth.until_state(owner.job, "completed", "cancelled")).why == "client_gone"


async def test_another_tenants_job_is_as_unknown_as_a_wrong_id(
    client: httpx.AsyncClient, home: House, truth: Truth
) -> None:
    async with listening(home.url, chat("!tokens 100000"), headers=STAY) as heard:
        await heard.words(1)
    await truth.redis.hset(truth.keys.job(heard.job), "tenant", "somebody else")
    answers = [
        await client.get(f"/api/jobs/{heard.job}"),
        await client.get(f"/api/jobs/{heard.job}/events"),
        await client.post(f"/api/jobs/{heard.job}/cancel"),
    ]
    unknown = (await client.get("/api/jobs/0192e0c0-0000-7000-8000-000000000000")).json()["error"]
    for answer in answers:
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == unknown["code"] == "job_not_found"
    assert (await truth.record(heard.job)).state == "running"
