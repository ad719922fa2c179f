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
    """The script's exit status and all that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-",
        env={"SLUICE_PORT": str(port)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate((SCRIPTS / "smoke.py").read_bytes())
    return process.returncode, printed.decode()


async def test_a_chat_through_the_queue_is_answered(house: Houses) -> None:
    status, printed = await smoke(await house(apis=1, workers=1))
    assert status == 0, printed
    assert "was answered" in printed


async def test_a_house_without_a_worker_is_no_success(house: Houses) -> None:
    """The API is ready all the while: probes alone would have called this rollout good."""
    status, printed = await smoke(await house(apis=1, workers=0, SLUICE_DEADLINE_SECONDS="1"))
    assert status == 1, printed
    assert printed.count("without an answer") == 2, "a cold pool gets two requests"


async def test_a_pool_that_is_warm_at_the_second_question_is_a_success() -> None:
    """A real API's answer at a deadline is in the test above; this stand-in's second answer is a success."""
    answers = iter([{"error": "Nobody took it in time.", "code": "deadline"}, DONE, {"state": "completed"}])

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(next(answers), headers={"X-Sluice-Job": "1"})

    api = web.Application()
    api.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(api) as server:
        status, printed = await ask(server.port or 0)
    assert status == 0 and "once more" in printed and "was answered" in printed, printed
    assert next(answers, None) is None
