"""A client that reads a byte a second costs the others nothing and the API little, and gets everything in the end."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from tests.flow.listener import Listener, chat, listening, words
from tests.flow.truth import Truth
from tests.support.house import Houses

WORDS = 300_000  # 2.3 MB of text: far more than the buffers of kernel and server hold for a stalled connection
WATCHERS = 20
MiB = 1024 * 1024


async def test_a_slow_client_beside_fifty_fast_ones(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=1, SLUICE_SLOTS="51", SLUICE_SIMULATED_RATE="200")
    async with contextlib.AsyncExitStack() as stack:
        slow = await stack.enter_async_context(listening(home.url, chat("!tokens 400"), bytes_per_second=1))
        fast = [await stack.enter_async_context(listening(home.url, chat("!tokens 200"))) for _ in range(50)]
        assert [await heard.end() for heard in fast] == ["completed"] * 50
        assert {heard.text for heard in fast} == {words(200)}
        await truth.until_state(slow.job, "completed")
        assert not slow.of("completed")  # it is still reading
        slow.stream.bytes_per_second = 0
        assert await slow.end() == "completed"
        assert slow.text == words(400)
        assert slow.events == await truth.frames(slow.job)


async def test_slow_readers_of_a_long_answer_cost_bounded_memory(house: Houses, truth: Truth) -> None:
    """Twenty who read a byte a second: without a bound each would hold the 10 MB of frames that are sent to it."""
    home = await house(apis=1, workers=1, SLUICE_SIMULATED_RATE="0")
    async with contextlib.AsyncExitStack() as stack:
        warm = await stack.enter_async_context(listening(home.url, chat("!tokens 1000")))
        assert await warm.end() == "completed"
        before = rss(home.api.pid)
        fast = await stack.enter_async_context(listening(home.url, chat(f"!tokens {WORDS}")))
        slow = [await _slow(stack, home.url, fast.job) for _ in range(WATCHERS)]
        most, ending = 0, asyncio.create_task(fast.end(60))
        while not ending.done():
            most = max(most, rss(home.api.pid))
            await asyncio.wait([ending], timeout=0.1)
        assert await ending == "completed"
        assert fast.text == words(WORDS)
        assert (most - before) / MiB < 40, f"{(most - before) / MiB:.0f} MiB more"
        for heard in slow:
            heard.stream.bytes_per_second = 0
        assert [await heard.end() for heard in slow] == ["completed"] * WATCHERS
        assert all(heard.text == words(WORDS) for heard in slow)


async def _slow(stack: contextlib.AsyncExitStack, url: str, job: str) -> Listener:
    stream = listening(f"{url}/api/jobs/{job}/events", bytes_per_second=1)
    return await stack.enter_async_context(stream)


def rss(pid: int) -> int:
    """Resident bytes of a process; 0 where there is no /proc."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0
