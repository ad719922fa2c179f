"""Which models the page offers, and its advice where no real model answers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from backend.dialects.native.models import advice
from backend.pool.expected import eta, expected
from backend.pool.look import look_at
from backend.pool.models.catalogue import engines_of, live_models
from backend.pool.pools import Pools
from tests.support.house import House, Houses
from tests.support.waiting import eventually
from wire.reader import FanIn
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRecord


async def models(home: House) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=home.url) as client:
        answer = await client.get("/api/models")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body.keys() == {"models", "engines", "workers", "advice", "limits"}
    return body


async def test_live_models_come_first_and_one_is_what_a_chat_gets_that_names_none(house: Houses) -> None:
    home = await house(apis=1, workers=0, SLUICE_MODELS="alpha", MODEL_NAME="zeta")
    home.start_worker(MODEL_NAME="zeta", SLUICE_MODELS="mid")
    await home.ready()

    async def with_the_worker() -> dict[str, Any] | None:
        body = await models(home)
        return body if any(model["live"] for model in body["models"]) else None

    body = await eventually(with_the_worker, 10, "the worker's models")  # a look at the pool is good for two seconds
    assert [(m["name"], m["live"], m["default"]) for m in body["models"]] == [
        ("mid", True, False),
        ("zeta", True, True),
        ("alpha", False, False),
    ]
    about = {"name", "default", "live", "loaded", "context_length", "capabilities", "pool", "pools", "aliases"}
    assert body["models"][0].keys() == about
    assert (body["models"][2]["loaded"], body["models"][2]["capabilities"]) == (False, [])


async def test_where_all_answers_are_simulated_the_advice_is_how_to_connect_a_model(house: Houses) -> None:
    home = await house(apis=1, workers=1)
    body = await models(home)
    assert (body["engines"], body["workers"]) == (["simulated"], 1)
    assert "SIMULATED" in body["advice"] and "OLLAMA_BASE_URL" in body["advice"]


async def test_a_pool_without_workers_still_offers_its_models_and_no_advice(house: Houses) -> None:
    home = await house(apis=1, workers=0, MODEL_NAME="tiny", MAX_CONTEXT_MESSAGES="7", SLUICE_MAX_BODY_BYTES="70000")
    body = await models(home)
    assert body["limits"] == {"messages": 7, "body_bytes": 70_000}
    assert [(m["name"], m["default"], m["live"]) for m in body["models"]] == [("tiny", True, False)]
    assert (body["engines"], body["workers"], body["advice"]) == ([], 0, None)


def test_beside_one_real_engine_a_simulated_one_needs_no_advice() -> None:
    def worker(engine: str) -> WorkerRecord:
        return WorkerRecord(engine, 1, 1, 0, True, 0, 0, WorkerInfo(engine, {}, detail=f"about {engine}"))

    assert advice([worker("simulated"), worker("simulated")]) == "about simulated"
    assert advice([worker("simulated"), worker("ollama")]) is None


ODD = {
    "nulls": b'{"job_seconds": null, "models": null, "engine": null, "host": null, "gpus": null}',
    "words": b'{"job_seconds": "long", "models": "many", "engine": 7, "protocol": "new"}',
    "a list": b'["models"]',
    "no JSON": b"models",
    "a model without any description": b'{"models": {"tiny": null, "other": {"context_length": null}}}',
}


@pytest.mark.parametrize("odd", ODD)
async def test_what_a_worker_tells_in_another_type_is_not_known(
    redis: Redis, redis_url: str, pool: str, odd: str
) -> None:
    own = Pools(redis, FanIn(redis_url), [pool]).own
    await own.workers.register("w", 2, WorkerInfo("simulated", {"tiny": {}}))
    await redis.hset(own.keys.worker("w"), "info", ODD[odd])
    await redis.hset(own.keys.models, mapping={"tiny": b"null", "other": b'{"context_length": "long"}', "odd": b"{"})
    look = await look_at(own)
    assert [(one.incarnation, one.slots) for one in look.workers] == [("w", 2)]
    assert (expected(look, 1).seconds, eta(look, 1)) == (0.0, None)
    kept = {"other"} if "without any" in odd else set()
    assert live_models(look.workers).keys() == engines_of(look.workers).keys() == kept
    assert {name: about.get("context_length", 0) for name, about in look.seen.items() if name == "other"} == {
        "other": 0
    }
