"""One API over several pools: which pool a job goes to, and how it continues elsewhere when its engine fails early.

A prompt can make worker `one` fail; worker `two` answers such a prompt as plain words.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from tests.support.house import House, MakesHouse
from tests.support.listener import PATIENCE, Listener, chat, following, listening
from tests.support.processes import Worker
from tests.support.truth import Truth, truth_of
from tests.support.waiting import eventually

LONG = "!tokens 100000"
FAULT = "!fault unavailable"
STAY = {"X-Sluice-On-Disconnect": "continue"}
RULES = """
[models.alpha]
aliases = ["gpt-4o-mini"]
overflow = { after_seconds = 0.001, to = "beta" }

[models.frail]
fallback = ["beta"]

[models.weaker]
fallback = ["beta"]

[models.turns]
strategy = "round-robin"

[models.shares]
strategy = "weighted"

[pools.%s]
weight = 3
"""


class Pools:
    """A house over `one` and `two`, which have a worker each, and `zero`, which never had any."""

    def __init__(self, house: House, one: str, two: str) -> None:
        self.house = house
        self.one = one
        self.two = two

    @property
    def url(self) -> str:
        return self.house.url


@pytest.fixture(scope="module")
def home(module_house: MakesHouse, tmp_path_factory: pytest.TempPathFactory) -> Pools:
    routes = tmp_path_factory.mktemp("pools") / "routes.toml"
    one, two, zero = (f"{name}-{secrets.token_hex(4)}" for name in ("one", "two", "zero"))
    routes.write_text(RULES % one)
    house = module_house(apis=0, workers=0, SLUICE_POOL=one, OLLAMA_MAX_RETRIES="0")
    both = "turns,shares,either"
    house.start_worker(MODEL_NAME="alpha", SLUICE_MODELS=f"frail,weaker,{both}", SLUICE_SIMULATED_FAULTS="1")
    house.start_worker(
        MODEL_NAME="beta", SLUICE_MODELS=both, SLUICE_POOL=two, SLUICE_SLOTS="4", SLUICE_SIMULATED_FAULTS="0"
    )
    house.start_api(SLUICE_POOLS=f"{two},{zero},{one}", SLUICE_ROUTES=str(routes)).wait_ready(workers=2)
    return Pools(house, one, two)


@pytest.fixture
async def truths(home: Pools) -> AsyncIterator[dict[str, Truth]]:
    """By pool. Afterwards nothing runs: the next test finds idle workers."""
    async with (
        truth_of(home.house.redis_url, home.one) as one,
        truth_of(home.house.redis_url, home.two) as two,
        httpx.AsyncClient(base_url=home.url, timeout=30) as http,
    ):
        yield {home.one: one, home.two: two}
        for truth in (one, two):
            for job, state in (await truth.states()).items():
                if state in ("queued", "running"):
                    await truth.jobs.cancel(job, "test over")
        await eventually(lambda: _idle(http), 10, "that the API has seen idle workers")


async def _idle(http: httpx.AsyncClient) -> bool | None:
    detailed = await _detailed(http)
    return (detailed["jobs"] == 0 and all(one["running"] == 0 for one in detailed["workers"])) or None


async def _detailed(http: httpx.AsyncClient) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        answer = await http.get("/health/detailed")
        return answer.json() if answer.status_code == 200 else None

    return await eventually(look, PATIENCE, "the API reports what it sees")


def route(heard: Listener) -> dict[str, str]:
    """`X-Sluice-Route`, by field; a mark without a value is ""."""
    fields = (field.partition("=") for field in heard.stream.headers["x-sluice-route"].split("; "))
    return {name: value for name, _, value in fields}


async def went(home: Pools, model: str, prompt: str = "!tokens 1", **headers: str) -> dict[str, str]:
    """The route of a short job."""
    async with listening(home.url, chat(prompt, model=model), headers=headers) as heard:
        assert await heard.end() == "completed"
        return route(heard)


async def turn_of(home: Pools, messages: list[dict[str, str]]) -> dict[str, str]:
    """The route of a turn of a conversation."""
    async with listening(home.url, {"model": "beta", "messages": messages}) as heard:
        assert await heard.end() == "completed"
        return route(heard)


async def until_named(ask: Callable[[], Awaitable[dict[str, str]]]) -> dict[str, str]:
    """The first of three routes that names a worker: a look that takes long costs that news, by design."""
    for _ in range(3):
        route_taken = await ask()
        if "worker" in route_taken:
            return route_taken
    raise AssertionError(f"no worker is named: {route_taken}")


@contextlib.asynccontextmanager
async def busy(home: Pools, model: str) -> AsyncIterator[Listener]:
    """A job that runs for as long as the block lasts."""
    async with listening(home.url, chat(LONG, model=model)) as heard:
        await heard.words(1)
        yield heard


# -- where jobs go -----------------------------------------------------------------------------------------------
async def test_a_job_goes_to_the_pool_that_has_its_model(home: Pools, truths: dict[str, Truth]) -> None:
    for model, pool in (("alpha", home.one), ("beta", home.two)):
        route_taken = await until_named(partial(went, home, model))
        assert (route_taken["pool"], route_taken["model"], route_taken["by"]) == (pool, model, "least-wait")
        assert route_taken["worker"] in ("idle", "loaded", "warm")
    async with httpx.AsyncClient(base_url=home.url, timeout=30) as http:
        models = {one["name"]: one for one in (await http.get("/api/models")).json()["models"]}
        tags = [one["name"] for one in (await http.get("/api/tags")).json()["models"]]
    assert {"alpha", "gpt-4o-mini"} <= set(tags) and len(tags) == len(set(tags))
    assert (models["alpha"]["pool"], models["beta"]["pool"]) == (home.one, home.two)
    assert (models["alpha"]["aliases"], models["beta"]["aliases"]) == (["gpt-4o-mini"], [])
    assert sorted(models["turns"]["pools"]) == sorted([home.one, home.two])


async def test_an_alias_and_a_provider_are_understood(home: Pools, truths: dict[str, Truth]) -> None:
    route_taken = await went(home, "gpt-4o-mini")
    assert (route_taken["model"], route_taken["alias"]) == ("alpha", "gpt-4o-mini")
    for model in ("turns", "either"):
        route_taken = await went(home, f"{home.two}/{model}")
        assert (route_taken["pool"], route_taken["model"], route_taken["by"]) == (home.two, model, "name")
    assert (await went(home, "simulated/alpha"))["pool"] == home.one
    async with httpx.AsyncClient(base_url=home.url, timeout=30) as http:
        for unknown in (f"{home.two}/alpha", "nobody/alpha", "zero"):
            answer = await http.post("/api/chat", json=chat("x", model=unknown))
            assert answer.status_code == 404, answer.text


async def test_round_robin_and_weights_spread_jobs(home: Pools, truths: dict[str, Truth]) -> None:
    turns = Counter([(await went(home, "turns"))["pool"] for _ in range(4)])
    assert turns == {home.one: 2, home.two: 2}
    shares = Counter([(await went(home, "shares"))["pool"] for _ in range(4)])
    assert shares == {home.one: 3, home.two: 1}


async def test_a_busy_pool_is_avoided(home: Pools, truths: dict[str, Truth]) -> None:
    async with busy(home, "alpha"):
        assert (await went(home, "either"))["pool"] == home.two


async def test_a_waiting_caller_gets_its_position_and_its_pool(home: Pools, truths: dict[str, Truth]) -> None:
    async def waits() -> dict[str, str]:
        async with listening(home.url, chat("!tokens 1", model="alpha")) as heard:
            route_taken = {"position": heard.stream.headers.get("x-sluice-queue-position", ""), **route(heard)}
        await truths[home.one].until_state(heard.job, "cancelled")
        return route_taken

    async with busy(home, "alpha"):
        route_taken = await until_named(waits)
    assert (route_taken["worker"], route_taken["position"]) == ("queue", "1")
    assert "x-sluice-queue-position" not in (await _headers(home, "beta"))


async def _headers(home: Pools, model: str) -> Any:
    async with listening(home.url, chat("!tokens 1", model=model)) as heard:
        assert await heard.end() == "completed"
        return heard.stream.headers


async def test_only_a_caller_who_allows_it_overflows(home: Pools, truths: dict[str, Truth]) -> None:
    async with busy(home, "alpha"):
        async with listening(home.url, chat("!tokens 1", model="alpha")) as waits:
            assert route(waits)["pool"] == home.one
        route_taken = await went(home, "alpha", **{"X-Sluice-Overflow": "allow"})
        assert (route_taken["pool"], route_taken["model"], route_taken["overflow"]) == (home.two, "beta", "")


async def test_a_conversation_comes_back_to_the_worker_that_had_it(home: Pools, truths: dict[str, Truth]) -> None:
    async def named() -> dict[str, str]:
        name = {"X-Sluice-Conversation": secrets.token_hex(4)}
        assert (await went(home, "beta", **name)).get("worker") != "warm"
        return await went(home, "beta", **name)

    async def known_by_how_it_begins() -> dict[str, str]:
        turns = [("user", f"!say {secrets.token_hex(4)}"), ("assistant", "?"), ("user", "?")]
        messages = [{"role": role, "content": content} for role, content in turns]
        assert (await turn_of(home, messages[:1])).get("worker") != "warm"
        return await turn_of(home, messages)

    for comes_back in (named, known_by_how_it_begins):
        assert (await until_named(comes_back))["worker"] == "warm"
    async with httpx.AsyncClient(base_url=home.url, timeout=30) as http:
        answer = await http.post("/api/chat", json=chat("x"), headers={"X-Sluice-Conversation": "x" * 201})
        assert answer.status_code in (400, 422), answer.text


async def test_one_idempotency_key_is_one_job_whichever_pool_s_turn_it_is(
    home: Pools, truths: dict[str, Truth]
) -> None:
    key = {"Idempotency-Key": secrets.token_hex(8)}
    async with listening(home.url, chat("!tokens 5", model="turns"), headers=key) as first:
        assert await first.end() == "completed"
    for _ in range(3):
        async with listening(home.url, chat("!tokens 5", model="turns"), headers=key) as again:
            assert await again.end() == "completed"
        assert (again.job, again.events) == (first.job, first.events)
        assert (route(again)["pool"], route(again)["by"]) == (route(first)["pool"], "join")
    holders = [pool for pool, truth in truths.items() if first.job in await truth.states()]
    assert holders == [route(first)["pool"]]


# -- going on elsewhere ------------------------------------------------------------------------------------------
async def test_before_its_first_token_a_job_goes_on_in_another_pool_and_its_caller_just_reads_on(
    home: Pools, truths: dict[str, Truth]
) -> None:
    async with listening(home.url, chat(FAULT, model="weaker"), headers=STAY) as heard:
        assert await heard.end() == "completed"
    assert route(heard)["pool"] == home.one
    assert heard.of("rerouted") == [
        {"type": "rerouted", "pool": home.two, "model": "beta", "reason": "engine_unavailable"}
    ]
    assert "simulated" in heard.text and FAULT in heard.text
    assert [one["attempt"] for one in heard.of("started")] == [1, 2]
    assert heard.of("completed")[0]["model"] == "beta"
    left, there = await truths[home.one].record(heard.job), await truths[home.two].record(heard.job)
    assert (left.state, left.why, there.state, there.base) == ("failed", "rerouted", "completed", 1)

    async with httpx.AsyncClient(base_url=home.url, timeout=30) as http:
        status = (await http.get(f"/api/jobs/{heard.job}")).json()
        assert (status["state"], status["pool"], status["model"]) == ("completed", home.two, "beta")
        assert status["result"]["text"] == heard.text
        for place in range(len(heard.events) - 1):
            async with following(home.url, heard.job, heard.events[place].id or "") as rest:
                await rest.hung_up(5)
                assert rest.events == heard.events[place + 1 :]
        row = await eventually(lambda: _ended(http, heard.job), 10, "that its end is recorded")
        assert (row["pool"], row["state"], row["model"]) == (home.two, "completed", "beta")
        await eventually(lambda: _acknowledged(truths[home.one]), 10, "that where it left is acknowledged")
        rows = (await http.get("/api/admin/jobs", params={"state": "ended"})).json()["jobs"]
        assert [one["id"] for one in rows].count(heard.job) == 1
        assert (await http.get(f"/api/admin/jobs/{heard.job}")).json()["pool"] == home.two


async def _ended(http: httpx.AsyncClient, job: str) -> dict[str, Any] | None:
    rows = (await http.get("/api/admin/jobs", params={"state": "ended"})).json()["jobs"]
    return next((row for row in rows if row["id"] == job), None)


async def _acknowledged(truth: Truth) -> bool | None:
    [group] = await truth.redis.xinfo_groups(truth.keys.finished)
    return (group["pending"] == 0 and not group["lag"]) or None


@contextlib.contextmanager
def standing_still(worker: Worker) -> Iterator[None]:
    """The worker sends nothing meanwhile: its short answer must not end before it is cancelled."""
    worker.pause()
    try:
        yield
    finally:
        worker.resume()


async def has_gone_over(heard: Listener, there: Truth) -> None:
    await heard.until(lambda heard: heard.of("rerouted"), "it goes elsewhere")
    await there.until_state(heard.job, "running")


async def test_a_job_that_went_elsewhere_is_cancelled_there(home: Pools, truths: dict[str, Truth]) -> None:
    with standing_still(home.house.workers[1]):
        async with listening(home.url, chat(FAULT, model="weaker")) as heard:
            await has_gone_over(heard, truths[home.two])
            async with httpx.AsyncClient(base_url=home.url, timeout=30) as http:
                answer = await http.post(f"/api/jobs/{heard.job}/cancel")
            assert answer.json() == {"id": heard.job, "state": "cancelled"}
            assert await heard.end() == "cancelled"
    assert (await truths[home.two].record(heard.job)).why == "asked"


async def test_a_caller_who_leaves_cancels_the_job_where_it_went(home: Pools, truths: dict[str, Truth]) -> None:
    with standing_still(home.house.workers[1]):
        async with listening(home.url, chat(FAULT, model="weaker")) as heard:
            await has_gone_over(heard, truths[home.two])
        record = await truths[home.two].until_state(heard.job, "cancelled", "completed")
    assert (record.state, record.why) == ("cancelled", "client_gone")


async def test_a_job_lost_between_two_pools_is_followed_and_carried_on(home: Pools, truths: dict[str, Truth]) -> None:
    """Its worker wrote that it leaves and died: here the job is taken out of the pool that it came to."""
    async with listening(home.url, chat(FAULT, model="weaker"), headers=STAY) as heard:
        assert await heard.end() == "completed"
    there = truths[home.two]
    await there.redis.delete(there.keys.job(heard.job), there.keys.events(heard.job))
    async with following(home.url, heard.job, heard.events[1].id or "") as again:
        assert await again.end() == "completed"
    assert again.of("started")[0]["attempt"] == 2 and again.text == heard.text
    async with httpx.AsyncClient(base_url=home.url, timeout=30) as http:
        assert (await http.get(f"/api/jobs/{heard.job}")).json()["pool"] == home.two


async def test_an_engine_that_keeps_failing_is_avoided_and_reported(home: Pools, truths: dict[str, Truth]) -> None:
    for _ in range(5):
        async with listening(home.url, chat(FAULT, model="frail")) as heard:
            assert await heard.end() == "completed"
    async with httpx.AsyncClient(base_url=home.url, timeout=30) as http:
        circuits = (await _detailed(http))["circuits"]
        [circuit] = [one for one in circuits if one["model"] == "frail"]
        assert (circuit["pool"], circuit["engine"], circuit["state"]) == (home.one, "simulated", "open")
        assert (circuit["failures"], circuit["reason"]) == (5, "engine_unavailable")

        async def around() -> dict[str, str] | None:
            """Always with a fault: an answer from the first pool would close the circuit before it is seen."""
            route_taken = await went(home, "frail", FAULT)
            return route_taken if route_taken["pool"] == home.two else None

        route_taken = await eventually(around, 10, "that the open circuit is seen")
    assert (route_taken["model"], route_taken["fallback"]) == ("beta", "")
    assert (await went(home, "alpha"))["pool"] == home.one


async def test_live_jobs_of_all_pools_are_one_list(home: Pools, truths: dict[str, Truth]) -> None:
    async with busy(home, "alpha") as first, busy(home, "beta") as second:
        async with httpx.AsyncClient(base_url=home.url, timeout=30) as http:
            jobs, cursor = [], None
            while True:
                query = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
                page = (await http.get("/api/admin/jobs", params=query)).json()
                jobs += page["jobs"]
                if (cursor := page["next_cursor"]) is None:
                    break
            assert [(one["id"], one["pool"]) for one in jobs] == [(second.job, home.two), (first.job, home.one)]
            pools = {one["name"]: one for one in (await _detailed(http))["pools"]}
            assert (pools[home.one]["jobs"], pools[home.two]["jobs"]) == (1, 1)
            assert await _cancelled(http, second.job) == await _cancelled(http, first.job) == "cancelled"


async def _cancelled(http: httpx.AsyncClient, job: str) -> str:
    return str((await http.post(f"/api/admin/jobs/{job}/cancel")).json()["state"])
