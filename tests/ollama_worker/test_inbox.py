"""A worker's orders, where the connection that brings them fails."""

from __future__ import annotations

import pytest

from tests.ollama_worker.standing import standing
from tests.support.proxy import Proxy
from tests.support.truth import Truth
from tests.support.valkey import PATIENT, Valkey
from tests.support.waiting import eventually
from wire.client import open_redis


async def test_a_job_whose_order_is_on_its_way_is_not_given_back_as_unknown(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beats are answered, the inbox is not: a cut connection is noticed only after seconds."""
    monkeypatch.setattr("ollama_worker.life.BEAT_SECONDS", 0.05)
    async with Proxy(valkey.port) as cable:
        redis, inbox = open_redis(valkey.url, PATIENT), open_redis(f"redis://127.0.0.1:{cable.port}", 30)
        async with standing(redis, valkey.url, "here", inbox=inbox) as life:
            cable.blackhole()
            await life.submit("waits")
            beat = await beat_of(life.truth)
            await eventually(lambda: later(life.truth, beat + 5), 10, "five more beats")
            cable.heal()
            record = await life.ended("waits")
        assert (record.state, record.attempt) == ("completed", 1)
        await inbox.aclose()
        await redis.aclose()


async def beat_of(truth: Truth) -> int:
    [beat] = (await truth.workers.beats()).values()
    return beat


async def later(truth: Truth, beat: int) -> bool | None:
    return await beat_of(truth) >= beat or None
