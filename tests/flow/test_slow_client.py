"""A client that reads a byte a second costs the others nothing and the API little, and gets everything in the end."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.support.house import Houses
from tests.support.listener import Listener, chat, listening, words
from tests.support.truth import Truth
from wire.events import Completed, Started, Timings, Usage, encode, token
from wire.jobs import FINISHED
from wire.worker_info import WorkerInfo
from wire.workers import new_incarnation

EVENTS = 12_000  # of a kilobyte each: three times what the kernel takes for a stalled connection
BATCH = 500
WATCHERS = 6
STAY = {"X-Sluice-On-Disconnect": "continue"}
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
    """Six clients read a byte a second. The kernel takes some megabytes for each; the rest must not pile up in the API.

    The test itself is the worker here: no engine writes twelve megabytes in a second.
    """
    home = await house(apis=1, workers=0)
    async with contextlib.AsyncExitStack() as stack:
        caller = await stack.enter_async_context(listening(home.url, chat("a long story"), headers=STAY))
        slow = [await _slow(stack, home.url, caller.job) for _ in range(WATCHERS)]
        life = new_incarnation("test")
        await truth.workers.register(life, 1, WorkerInfo("none", {}))
        await truth.workers.ask(life, True)
        assert await truth.jobs.start(caller.job, life, 1, encode(Started(attempt=1, worker=life, model="m")))
        await caller.until(lambda heard: heard.of("started"), "its start")
        before = rss(home.api.pid)
        for first in range(1, EVENTS, BATCH):
            await truth.workers.beat(life)
            await _say(truth, caller.job, range(first, first + BATCH))
            await caller.until(lambda heard, first=first: len(heard.events) >= first + BATCH, "this batch")
        grown = (rss(home.api.pid) - before) / MiB
        end = Completed(finish_reason="stop", usage=Usage(), timings=Timings())
        assert await truth.jobs.finish(caller.job, life, 1, EVENTS + 1, "completed", encode(end)) == FINISHED
        assert await caller.end() == "completed"
        assert grown < 24, f"{grown:.0f} MiB more"
        for heard in slow:
            heard.stream.bytes_per_second = 0
        assert [await heard.end() for heard in slow] == ["completed"] * WATCHERS
        assert all(heard.events == caller.events for heard in slow)
    assert caller.events == await truth.frames(caller.job)


async def _say(truth: Truth, job: str, numbers: range) -> None:
    """These events, a kilobyte each, into the log and to the readers."""
    pipeline = truth.redis.pipeline(transaction=False)
    for seq in numbers:
        body = token(f"{seq} ".ljust(1000, "."))
        pipeline.xadd(truth.keys.events(job), {"e": body}, id=f"1-{seq}")
        pipeline.publish(truth.keys.live(job), b"1-%d %b" % (seq, body))
    await pipeline.execute()


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
