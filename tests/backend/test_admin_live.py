"""The live stream of the admin page, from real processes: history, snapshots, trouble, shutdown."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.backend.inside import parts_in
from tests.support.child import free_port
from tests.support.house import House, Houses, MakesHouse
from tests.support.listener import Listener, chat, listening
from tests.support.truth import Truth, truth_of
from tests.support.valkey import Valkey
from tests.support.waiting import eventually
from wire.jobs import Bounds
from wire.records import JobClass, JobRequest, Message
from wire.worker_info import WorkerInfo

BOUNDS = Bounds(1_000, 1_000, 3, 600_000)
WORKER = {
    "id", "pool", "engine", "detail", "host", "slots", "running", "state", "beat_age_ms", "since", "job_seconds",
    "tokens_per_second", "models", "gpus",
}  # fmt: skip
POINT = {"at", "depth", "running", "wait_ms", "first_token_ms", "tokens_per_second"}
Snapshot = dict[str, Any]


@pytest.fixture
async def truth(redis_url: str) -> AsyncIterator[Truth]:
    async with truth_of(redis_url) as truth:
        yield truth


@pytest.fixture(scope="module")
def staffed(module_house: MakesHouse, tmp_path_factory: pytest.TempPathFactory) -> House:
    """One worker with a GPU, whose speed is 200 tokens a second."""
    program = tmp_path_factory.mktemp("staffed") / "nvidia-smi"
    card = "0, GPU-2d1, NVIDIA H100 80GB HBM3, 1024, 81559, 37, [N/A], 71.52"
    program.write_text(f"#!{sys.executable}\nprint({card!r})\n")
    program.chmod(0o755)
    house = module_house(apis=0, workers=0, SLUICE_SIMULATED_RATE="200")
    house.start_worker(PATH=f"{program.parent}:{house.env['PATH']}")
    house.start_api().wait_ready(workers=1)
    return house


def watching(home: House) -> Any:
    return listening(f"{home.url}/api/admin/events")


async def accept(truth: Truth, tenant: str, cls: JobClass, prompt: str) -> str:
    job = secrets.token_hex(8)
    request = JobRequest(model="qwen2.5:0.5b", messages=(Message(role="user", content=prompt),))
    assert await truth.jobs.accept(job, request, BOUNDS, tenant=tenant, cls=cls) == "ok"
    return job


async def snapshot_with(heard: Listener, true: Callable[[Snapshot], Any], what: str) -> Snapshot:
    """The first snapshot from now on that `true` accepts."""
    begin = len(heard.frames)

    def look() -> Snapshot | None:
        assert not heard.closed, heard.broken
        view = [frame.json() for frame in heard.frames[begin:] if frame.event == "snapshot"]
        return next(filter(true, view), None)

    return await eventually(look, 20, what)


def classes(view: Snapshot) -> dict[str, Snapshot]:
    return {row["class"]: row for row in view["queue"]["classes"]}


async def test_history_comes_first_and_then_a_snapshot_at_once(staffed: House) -> None:
    async with watching(staffed) as heard:
        await heard.until(lambda heard: len(heard.of("snapshot")) >= 2, "two snapshots")
        assert heard.stream.headers["content-type"].startswith("text/event-stream")
        assert heard.stream.headers["cache-control"] == "no-cache, no-transform"
        first, *rest = heard.kinds
        assert first == "history" and set(rest) <= {"snapshot", "trouble"}  # trouble: a look that took too long
        [worker] = heard.of("snapshot")[-1]["workers"]
        assert worker.keys() == WORKER
        assert (worker["engine"], worker["slots"], worker["running"], worker["state"]) == ("simulated", 1, 0, "idle")
        assert 0 <= worker["beat_age_ms"] < 5_000
        assert heard.of("snapshot")[-1]["point"].keys() == POINT


async def test_a_job_that_arrives_runs_and_ends_is_seen_live(staffed: House) -> None:
    async with watching(staffed) as heard:
        async with listening(staffed.url, chat("!tokens 100000")) as job:
            await job.words(1)
            view = await snapshot_with(heard, lambda view: view["workers"][0]["tokens_per_second"], "its speed")
            assert (view["queue"]["depth"], view["queue"]["running"], view["queue"]["waiting"]) == (1, 1, 0)
            assert (view["workers"][0]["running"], view["workers"][0]["state"]) == (1, "full")
            at_full_speed = lambda view: 100 < view["workers"][0]["tokens_per_second"] < 300  # noqa: E731
            view = await snapshot_with(heard, at_full_speed, "200 tokens a second")
            assert view["point"]["tokens_per_second"] == view["workers"][0]["tokens_per_second"]
        view = await snapshot_with(heard, lambda view: view["queue"]["depth"] == 0, "an empty queue")
        assert view["workers"][0]["state"] == "idle"
    async with watching(staffed) as later:  # a later listener gets the history
        await later.until(lambda heard: heard.of("history"), "the history")
        points = later.of("history")[0]["points"]
        assert any(point["running"] == 1 for point in points)
        assert all(point.keys() == POINT for point in points)


async def test_a_worker_s_gpu_comes_with_its_beat(staffed: House) -> None:
    async with watching(staffed) as heard:
        view = await snapshot_with(heard, lambda view: view["workers"][0]["gpus"], "its GPU")
    [gpu] = view["workers"][0]["gpus"]
    assert gpu == {
        "name": "NVIDIA H100 80GB HBM3",
        "memory_used_mb": 1024,
        "memory_total_mb": 81559,
        "utilization_percent": 37,
        "temperature_c": None,
        "power_w": 72,
    }


async def test_a_worker_of_another_make_that_says_odd_things_is_shown(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=0)
    await truth.workers.register("odd-1", 1, WorkerInfo("", {}))
    odd = b'{"tokens": "many", "gpus": [1, {"name": "X"}], "models": {"m": {}}, "later": null}'
    await truth.redis.hset(truth.keys.worker("odd-1"), "info", odd)
    async with watching(home) as heard:
        view = await snapshot_with(heard, lambda view: view["workers"], "it")
    [worker] = view["workers"]
    assert (worker["engine"], worker["state"], worker["tokens_per_second"]) == ("", "not_asking", None)
    assert ([gpu["name"] for gpu in worker["gpus"]], worker["models"]) == (["X"], [{"name": "m", "loaded": False}])


async def test_the_queue_is_shown_by_class_and_tenant(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=0)
    for tenant, cls in [("ada", "interactive"), ("ada", "interactive"), ("bob", "interactive"), ("bob", "batch")]:
        await accept(truth, tenant, cls, "hello")  # type: ignore[arg-type]
    async with watching(home) as heard:
        view = await snapshot_with(heard, lambda view: view["queue"]["waiting"] == 4, "four waiting jobs")
    assert (view["queue"]["depth"], view["queue"]["running"], view["workers"]) == (4, 0, [])
    assert classes(view)["interactive"] == {
        "class": "interactive",
        "waiting": 3,
        "returned": 0,
        "tenants": [{"tenant": "ada", "waiting": 2}, {"tenant": "bob", "waiting": 1}],
    }
    assert classes(view)["batch"]["tenants"] == [{"tenant": "bob", "waiting": 1}]


async def test_a_killed_worker_falls_silent_is_gone_and_its_job_is_back(house: Houses) -> None:
    home = await house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 100000")) as job, watching(home) as heard:
        await job.words(1)
        home.worker.kill()
        silent_or_gone = lambda view: not view["workers"] or view["workers"][0]["state"] == "silent"  # noqa: E731
        view = await snapshot_with(heard, silent_or_gone, "its silence")
        if view["workers"]:
            assert view["workers"][0]["beat_age_ms"] > 4_000
        else:
            assert heard.of("trouble"), "only a look that failed, which counts the silence anew, may let it be missed"
        view = await snapshot_with(heard, lambda view: not view["workers"], "its end")
        assert (classes(view)["interactive"]["returned"], view["queue"]["waiting"]) == (1, 1)


async def test_a_worker_that_drains_asks_for_nothing(house: Houses) -> None:
    home = await house(apis=1, workers=1)
    async with listening(home.url, chat("!tokens 100000")) as job, watching(home) as heard:
        await job.words(1)
        home.worker.term()
        await snapshot_with(heard, lambda view: view["workers"][0]["state"] == "not_asking", "that it drains")


async def test_a_redis_that_is_away_is_reported_and_the_stream_goes_on(
    durable_house: Houses, fresh_valkey: Valkey
) -> None:
    home = await durable_house(apis=1, workers=0)
    async with watching(home) as heard:
        await heard.until(lambda heard: heard.of("snapshot"), "a snapshot")
        fresh_valkey.pause()
        await heard.until(lambda heard: heard.of("trouble"), "the trouble")
        assert heard.of("trouble")[0]["error"]["code"] == "queue_unavailable"
        async with watching(home) as other:
            await other.until(lambda heard: heard.of("trouble"), "the trouble, also for a new listener")
            assert other.kinds[0] == "history"
        fresh_valkey.resume()
        await snapshot_with(heard, lambda view: True, "a snapshot again")


async def test_without_sql_only_the_waiting_times_are_missing(redis_url: str) -> None:
    nowhere = f"postgresql://127.0.0.1:{free_port()}/nobody"
    async with parts_in(redis_url, DATABASE_URL=nowhere) as home:
        watching_on = asyncio.create_task(home.admin.monitor.run())
        sent = b""
        async with asyncio.timeout(20):
            async for chunk in home.admin.monitor.join().chunks():
                sent += chunk
                if b"event: snapshot" in sent:
                    break
        assert sent.startswith(b"event: history")
        assert b'"wait_ms":null' in sent and b"event: trouble" not in sent
        watching_on.cancel()
        await asyncio.gather(watching_on, return_exceptions=True)


async def test_a_process_that_leaves_does_not_wait_for_its_listeners(house: Houses) -> None:
    """Also where any other ASGI server runs the app."""
    home = await house(apis=0, workers=0)
    api = home.start_api()
    api.stop()
    plain = f"uvicorn --factory backend.app:create_app --port {api.port} --timeout-graceful-shutdown 60"
    api.command[2:] = plain.split()
    api.start()
    await api.ready()
    async with watching(home) as heard:
        await heard.until(lambda heard: heard.of("snapshot"), "a snapshot")
        api.term()
        assert await api.wait_for_exit(20) == -signal.SIGTERM  # as uvicorn leaves, once it has shut down
        await heard.hung_up()
        assert heard.broken is None


async def test_one_look_serves_all_listeners_and_each_is_let_go(staffed: House) -> None:
    async with watching(staffed) as one, watching(staffed) as other:
        for heard in (one, other):
            await heard.until(lambda heard: len(heard.of("snapshot")) >= 3, "three snapshots")
    seen = {frame.data for frame in one.frames if frame.event == "snapshot"}
    assert sum(frame.data in seen for frame in other.frames if frame.event == "snapshot") >= 2
