"""The question after a rollout: a real API, a real worker, and the script as the workflow pipes it."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.house import House, Houses
from tests.workflows.files import SCRIPTS

DONE = {"message": {"content": "Hello."}, "done": True}


async def smoke(house: House) -> tuple[int | None, str]:
    return await ask(int(house.url.rpartition(":")[2]))


async def ask(port: int) -> tuple[int | None, str]:
    """Its status and all that it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-",
        env={"SLUICE_PORT": str(port)},
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
    assert said.count("without an answer") == 2, "a cold pool is asked twice"


async def test_a_pool_that_is_warm_at_the_second_question_is_a_success() -> None:
    """What a real API says of a deadline is in the test above; this one's second answer is another one."""
    answers = iter([{"error": "Nobody took it in time.", "code": "deadline"}, DONE, {"state": "completed"}])

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(next(answers), headers={"X-Sluice-Job": "1"})

    api = web.Application()
    api.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(api) as server:
        status, said = await ask(server.port or 0)
    assert status == 0 and "once more" in said and "was answered" in said, said
    assert next(answers, None) is None
