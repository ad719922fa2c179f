"""A model that loads for longer than a lease lasts costs its worker nothing, and an engine's process may die.

SLUICE_TEST_LOAD_BEATS=30 makes each load last a minute; here two beats are enough to see that they go on.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest

from tests.flow.test_cancel import cancel
from tests.support.house import House, Houses
from tests.support.listener import chat, listening
from tests.support.processes import ROOT
from tests.support.slow_library import SlowLibrary
from tests.support.truth import Truth
from tests.support.waiting import eventually
from tests.tiny_gguf import make_tiny_gguf

BEATS = int(os.environ.get("SLUICE_TEST_LOAD_BEATS", "2"))
GREEDY = {"temperature": 0, "num_predict": 40}


@pytest.fixture
def library(tmp_path: Path) -> SlowLibrary:
    return SlowLibrary(tmp_path / "library")


async def llama_house(house: Houses, library: SlowLibrary, gguf: Path) -> House:
    make_tiny_gguf(gguf, ctx=8192)
    env = {"SLUICE_ENGINE": "llama-cpp", "SLUICE_GGUF": str(gguf), "MODEL_NAME": "tiny", "SLUICE_SLOTS": "2"}
    return await house(apis=1, workers=1, **env, **library.env(str(ROOT)))


async def beats_go_on(truth: Truth) -> None:
    """Wait for some more beats of the one life, which stays the same."""
    [(life, first)] = (await truth.workers.beats()).items()

    async def look() -> bool:
        return (await truth.workers.beats())[life] >= first + BEATS

    await eventually(look, 30 + 3 * BEATS, "beats go on")


async def test_a_load_longer_than_a_lease_costs_no_life_and_holds_up_no_cancel(
    house: Houses, truth: Truth, library: SlowLibrary, tmp_path: Path
) -> None:
    home = await llama_house(house, library, tmp_path / "tiny.gguf")
    async with listening(home.url, chat("Hello", options=GREEDY)) as heard:
        await library.begun(1)
        async with listening(home.url, chat("Hello", options=GREEDY)) as other:
            await other.until(lambda heard: "started" in heard.kinds, "it has started")
            await cancel(home.url, other.job)
            assert await other.end() == "cancelled"
        await home.worker.lets_go_of(other.job)
        await beats_go_on(truth)
        assert any(news.get("reason") == "loading_model" for news in heard.of("queued"))
        library.open()
        assert await heard.end() == "completed"
        await an_embedding_freezes_no_chat(home, truth, library)
    record = await truth.record(heard.job)
    assert (record.attempt, record.tries) == (1, 0)
    assert not [line for line in home.api.log_lines() if line.get("action") == "worker.reaped"]
    assert not await truth.leftovers()


async def an_embedding_freezes_no_chat(home: House, truth: Truth, library: SlowLibrary) -> None:
    library.close()
    async with httpx.AsyncClient(timeout=30 + 3 * BEATS) as client:
        body = {"model": "tiny", "input": "water"}
        vectors = asyncio.create_task(client.post(f"{home.url}/v1/embeddings", json=body))
        await library.begun(2)
        async with listening(home.url, chat("Hello", options={"temperature": 0, "num_predict": 400})) as heard:
            assert await heard.end() == "completed"
        await beats_go_on(truth)
        library.open()
        assert (await vectors).status_code == 200


async def test_an_engines_process_that_dies_is_started_again_and_dies_with_its_worker(
    house: Houses, truth: Truth, library: SlowLibrary, tmp_path: Path
) -> None:
    library.open()
    home = await llama_house(house, library, tmp_path / "tiny.gguf")
    async with listening(home.url, chat("Hello", options={"temperature": 0, "num_predict": 2000})) as heard:
        await heard.words(10)
        os.kill(await library.begun(1), signal.SIGKILL)
        assert await heard.end() == "completed"
        assert "restarted" not in heard.kinds, "the second attempt goes on behind the text of the first"
    record = await truth.record(heard.job)
    assert (record.attempt, record.tries) == (2, 1)
    line = await home.worker.wait_for_action("engine.process_ended")
    assert "SIGKILL" in line["how"]
    second = await library.begun(2)
    home.worker.kill()
    await eventually(lambda: not Path(f"/proc/{second}").exists() or None, 10, "it ends with its worker")
