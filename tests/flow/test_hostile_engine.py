"""Requests that break their engine's connection, each time: they fail, and their neighbours do not wait for them."""

from __future__ import annotations

import asyncio
import time

from tests.support.hostile import POISON, hostile
from tests.support.house import Houses
from tests.support.listener import chat, listening
from tests.support.truth import Truth
from wire.circuits import Circuits

OLLAMA = {"SLUICE_ENGINE": "ollama", "MODEL_NAME": "m:latest", "SLUICE_SLOTS": "2"}
TRIES = 3  # that a job has by default


async def test_two_poisonous_requests_fail_and_no_neighbour_waits_for_them(house: Houses, truth: Truth) -> None:
    """Their engine accepts the connection and drops it, whenever such a request comes."""
    async with hostile("ollama", "drops") as engine:
        home = await house(apis=1, workers=1, OLLAMA_BASE_URL=engine.url, **OLLAMA)
        async with listening(home.url, chat(POISON)) as first, listening(home.url, chat(POISON)) as second:
            await asyncio.gather(truth.until_state(first.job, "running"), truth.until_state(second.job, "running"))
            slowest = 0.0
            for _ in range(5):
                began = time.monotonic()
                async with listening(home.url, chat("hello")) as honest:
                    assert await honest.end() == "completed"
                    assert honest.text == "Hello"
                slowest = max(slowest, time.monotonic() - began)
            for poison in (first, second):
                assert await poison.end() == "failed"
                assert poison.of("failed")[0]["code"] == "stream_cut"
        print(f"\nthe slowest of five honest chats beside two poisonous ones: {slowest:.2f} s")
    for poison in (first, second):
        record = await truth.record(poison.job)
        assert (record.tries, record.attempt) == (TRIES, TRIES)
        await truth.check_ended_once(poison.job)
    assert engine.poisoned == 2 * TRIES
    circuits = await Circuits(truth.redis, truth.keys).all()
    assert [circuit.state for circuit in circuits.values()] in ([], ["closed"])
    home.worker.expect_alive()
