"""A pool is scaled by its demand: from no worker to eight and back, and no job notices."""

from __future__ import annotations

import asyncio

import pytest

from tests.cluster.callers import Callers
from tests.cluster.scaler import MOST, Scaler
from tests.cluster.verdict import check_all
from tests.support.house import Houses
from tests.support.truth import Truth
from tests.support.waiting import eventually

SETTINGS = {"SLUICE_SIMULATED_RATE": "20", "SLUICE_GRACE_SECONDS": "60", "SLUICE_REDIS_SECONDS": "5"}
TOKENS = range(20, 80)  # one to four seconds: some are busy long after others have nothing to do
FEW = 5  # workers that a second, smaller wave needs, which comes when there are fewer already
WITHIN = 90.0  # seconds


@pytest.mark.timeout(300)
@pytest.mark.parametrize("slots", [1, 4])
async def test_workers_come_and_go_with_the_demand_and_no_job_is_cut(
    durable_house: Houses, durable_truth: Truth, slots: int
) -> None:
    house = durable_house.build(**SETTINGS)
    await house.start_api().ready()
    async with Scaler(house, durable_truth, slots) as scaler:
        async with Callers(lambda: house.url, MOST * slots + 2, TOKENS) as wave:
            wave.patient = True  # a crowd at once, while eight processes start: a caller that is told to try again does
            await all_take_jobs(durable_truth)
            ending = asyncio.create_task(wave.finish())
            await scaler.until(range(1, FEW), WITHIN)
            async with Callers(lambda: house.url, FEW * slots, TOKENS) as second:
                second.patient = True
                await scaler.until(range(FEW, MOST), WITHIN)
                await second.finish()
            await ending
        await scaler.until(range(1), WITHIN)
        await scaler.all_have_left()
    assert scaler.most == MOST
    assert any(running for _, running in scaler.told_to_stop), "none was busy: nothing was at stake"
    await check_all(durable_truth, wave, second)
    assert await durable_truth.workers.beats() == {}


async def all_take_jobs(truth: Truth) -> None:
    """Waits until as many workers as allowed are in the pool, each with a job."""

    async def look() -> bool | None:
        lives = await truth.workers.all()
        return True if len(lives) == MOST and all(life.owned for life in lives) else None

    await eventually(look, WITHIN, f"{MOST} workers run jobs")
