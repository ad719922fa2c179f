"""The question after a rollout: a real API, a real worker, and the script as the workflow pipes it."""

from __future__ import annotations

import asyncio
import sys

from tests.support.house import House, Houses
from tests.workflows.files import SCRIPTS


async def smoke(house: House) -> tuple[int | None, str]:
    """Its status and all that it says."""
    port = house.url.rpartition(":")[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-",
        env={"SLUICE_PORT": port},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate((SCRIPTS / "smoke.py").read_bytes())
    return process.returncode, said.decode()


async def test_a_chat_through_the_queue_is_answered(house: Houses) -> None:
    status, said = await smoke(await house(apis=1, workers=1))
    assert status == 0, said
    assert "was answered" in said


async def test_a_house_whose_queue_nobody_serves_is_no_success(house: Houses) -> None:
    """The API is ready all the while: probes alone would have called this rollout good."""
    status, said = await smoke(await house(apis=1, workers=0, SLUICE_DEADLINE_SECONDS="1"))
    assert status == 1, said
    assert "without an answer" in said
