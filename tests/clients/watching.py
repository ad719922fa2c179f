"""Finding a job whose client does not show its headers."""

from __future__ import annotations

from tests.support.listener import PATIENCE
from tests.support.truth import Truth
from tests.support.waiting import eventually


async def running_job(truth: Truth) -> str:
    """The only job that runs: the houses of client tests have one caller at a time."""

    async def look() -> str | None:
        running = [job for job, state in (await truth.states()).items() if state == "running"]
        return running[0] if len(running) == 1 else None

    return await eventually(look, PATIENCE, "one job runs")
