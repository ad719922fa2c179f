"""The answer cache: the same request, allowed to, is given the answer that was made before."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import httpx

from tests.support.house import Houses
from tests.support.listener import Listener, chat, listening, words
from tests.support.truth import Truth
from tests.support.valkey import Valkey

LOCAL = "/api/v1/local-llm/generate"
ALLOW = {"X-Sluice-Cache": "allow"}
STREAM = {"model": "qwen2.5:0.5b", "stream": True}


async def answered(url: str, prompt: str = "!tokens 4", **fields: Any) -> dict[str, Any]:
    async with httpx.AsyncClient(timeout=20) as client:
        answer = await client.post(url + LOCAL, json={"prompt": prompt, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_the_same_request_is_answered_once_by_whichever_api_it_comes_in(house: Houses, truth: Truth) -> None:
    home, made = await house(apis=2), set[str]()
    for count in COUNTS:
        first, again = [await answered(api.url, f"!tokens {count}", use_cache=True) for api in home.apis]
        made |= {first["id"], again["id"]}
        assert (first["response"], first["cached"]) == (words(count), False)
        if again["cached"]:
            break
    assert again == {**first, "cached": True}
    assert set(await truth.states()) == made


COUNTS = (6, 7, 8)  # of requested words, until an answer is cached: a look that takes long is a miss, by design
OF_ONE = {"provider_preference": "simulated"}  # a name for the worker's engine


async def test_a_caller_that_does_not_allow_it_or_sends_another_request_gets_an_answer_of_its_own(
    house: Houses,
) -> None:
    home = await house()
    allow = {"use_cache": True}
    wishes: list[dict[str, Any]] = [allow, {}, {"use_cache": False}, {**allow, "temperature": 0.5}, {**allow, **OF_ONE}]
    answers = [await answered(home.url, **wish) for wish in wishes]
    assert [answer["cached"] for answer in answers] == [False] * 5
    assert len({answer["id"] for answer in answers}) == 5


async def test_a_cached_stream_is_sent_again_from_its_start(house: Houses) -> None:
    home = await house()
    async with httpx.AsyncClient(base_url=home.url, timeout=20) as client:
        for count in COUNTS:
            body = {**STREAM, "messages": [{"role": "user", "content": f"!tokens {count}"}]}
            first, again = [await client.post("/v1/chat/completions", json=body, headers=ALLOW) for _ in range(2)]
            if again.headers["x-sluice-cache"] == "hit":
                break
    assert [answer.headers["x-sluice-cache"] for answer in (first, again)] == ["miss", "hit"]
    assert "by=cache" in again.headers["x-sluice-route"]
    assert frames(again.text) == frames(first.text) and len(frames(first.text)) > 6


def frames(text: str) -> list[str]:
    """The lines of a stream, without the second in which each was sent."""
    return [re.sub(r'"created":\d+', "", line) for line in text.splitlines() if line.startswith("data:")]


async def test_an_answer_that_is_being_made_is_shared(house: Houses, truth: Truth) -> None:
    home = await house(workers=0)
    async with contextlib.AsyncExitStack() as stack:
        heard: list[Listener] = []
        for count in COUNTS:
            body = chat(f"!tokens {count}")
            heard += [await stack.enter_async_context(listening(home.url, body, headers=ALLOW)) for _ in range(2)]
            if heard[-2].job == heard[-1].job:
                break
        home.start_worker()
        assert {await listener.end() for listener in heard} == {"completed"}
    assert heard[-2].job == heard[-1].job
    assert set(await truth.states()) == {listener.job for listener in heard}


async def test_a_request_that_failed_is_tried_again(house: Houses, truth: Truth) -> None:
    home = await house()
    body = {"prompt": "!fault context_too_long", "use_cache": True}
    async with httpx.AsyncClient(base_url=home.url, timeout=20) as client:
        answers = [await client.post(LOCAL, json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [413, 413]
    assert list((await truth.states()).values()) == ["failed", "failed"]


async def test_an_answer_that_its_caller_has_forgotten_is_not_sent_to_the_next(house: Houses, truth: Truth) -> None:
    home = await house()
    first = await answered(home.url, use_cache=True)
    await truth.jobs.forget(first["id"])
    again = await answered(home.url, use_cache=True)
    assert again["id"] != first["id"] and again["cached"] is False


async def test_an_answer_that_began_anew_or_came_from_a_fallback_is_not_sent_to_the_next(
    house: Houses, truth: Truth
) -> None:
    home = await house()
    changes: list[dict[Any, Any]] = [{"attempt": 2}, {"model": "fallback"}]
    for changed in changes:
        for count in COUNTS:
            kept = await answered(home.url, f"!tokens {count}", use_cache=True)
            await truth.redis.hset(truth.keys.job(kept["id"]), mapping=changed)
            again, later = [await answered(home.url, f"!tokens {count}", use_cache=True) for _ in range(2)]
            assert again["id"] != kept["id"] and again["cached"] is False, changed
            if later["cached"]:
                break
        assert (later["id"], later["cached"]) == (again["id"], True)


async def test_without_its_redis_every_request_is_answered_anew(house: Houses, fresh_valkey: Valkey) -> None:
    home = await house(SLUICE_CACHE_URL=fresh_valkey.url)
    for count in COUNTS:
        jobs = [await answered(home.url, f"!tokens {count}", use_cache=True) for _ in range(2)]
        if jobs[1]["cached"]:
            break
    assert [job["cached"] for job in jobs] == [False, True]
    for put_away in (fresh_valkey.pause, fresh_valkey.kill):
        put_away()
        assert (await answered(home.url, f"!tokens {count}", use_cache=True))["cached"] is False


async def test_a_queue_keeps_nothing_of_a_cache_that_has_a_redis_of_its_own(
    house: Houses, valkey: Valkey, fresh_valkey: Valkey
) -> None:
    home = await house(SLUICE_CACHE_URL=fresh_valkey.url)
    for _ in COUNTS:
        await answered(home.url, use_cache=True)
        here, there = (server.command_line("KEYS", "sluice:answer:*") for server in (valkey, fresh_valkey))
        if there != b"*0\r\n":
            break
    assert here == b"*0\r\n" and there.startswith(b"*1\r\n")


async def test_a_cache_that_is_switched_off_keeps_nothing(house: Houses, valkey: Valkey) -> None:
    home = await house(SLUICE_CACHE_SECONDS="0")
    assert [(await answered(home.url, use_cache=True))["cached"] for _ in range(2)] == [False, False]
    assert valkey.command_line("KEYS", "sluice:answer:*") == b"*0\r\n"
