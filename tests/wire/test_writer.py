"""The worker's end of a log on a real server: fenced, without a gap, one call a burst, over every lost connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from tests.support.proxy import Proxy
from tests.support.valkey import PATIENT, Valkey
from tests.support.waiting import eventually
from wire.client import open_redis
from wire.events import Restarted, Started, encode, token
from wire.keys import Keys
from wire.writer import EventWriter, Outbox, Stale

JOB, LIFE = "job-1", "worker-1"
STARTED = encode(Started(attempt=1, worker=LIFE, model="m"))


class Desk:
    """A worker's writer, the attempt that it holds, and the keys of that attempt in Redis."""

    def __init__(self, redis: Redis, keys: Keys, writer: EventWriter) -> None:
        self.redis = redis
        self.keys = keys
        self.writer = writer
        self.stale = 0  # how often the outbox called `on_stale`
        self.outboxes: list[Outbox] = []

    def became_stale(self) -> None:
        self.stale += 1

    async def begin(self, attempt: int = 1) -> Outbox:
        """Begin an attempt as `start` does: the fence stands, and `started` is in the log."""
        await self.own(attempt)
        await self.redis.xadd(self.keys.events(JOB), {"e": STARTED}, id=f"{attempt}-0")
        return self.outbox(attempt)

    def outbox(self, attempt: int = 1) -> Outbox:
        outbox = Outbox(self.writer, (JOB, LIFE, attempt), STARTED, self.became_stale)
        self.outboxes.append(outbox)
        return outbox

    async def own(self, attempt: int, life: str = LIFE) -> None:
        await self.redis.hset(self.keys.job(JOB), mapping={"state": "running", "fence": f"{attempt}@{life}"})

    async def log(self) -> list[tuple[str, bytes]]:
        rows: Any = await self.redis.xrange(self.keys.events(JOB))
        return [(name.decode(), fields[b"e"]) for name, fields in rows]

    async def text(self) -> str:
        return "".join(orjson.loads(body).get("text", "") for _, body in await self.log())


@pytest.fixture
async def proxy(valkey: Valkey) -> AsyncIterator[Proxy]:
    async with Proxy(valkey.port) as proxy:
        yield proxy


@pytest.fixture
async def desk(valkey: Valkey, proxy: Proxy, pool: str) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        redis = open_redis(valkey.url, PATIENT)
        stack.push_async_callback(redis.aclose)
        keys = Keys(pool)
        desk = Desk(redis, keys, EventWriter(f"redis://127.0.0.1:{proxy.port}", keys))
        running = asyncio.create_task(desk.writer.link.run())
        await asyncio.wait_for(desk.writer.link.up.wait(), 5)
        yield desk
        for outbox in desk.outboxes:
            outbox.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def drained(outbox: Outbox) -> int:
    return await asyncio.wait_for(outbox.drained(), 10)


# What is written


async def test_the_first_token_goes_out_at_once_and_a_burst_behind_it_together(desk: Desk) -> None:
    outbox = await desk.begin()
    outbox.put("a")
    for text in ("b", "c", "d"):
        outbox.put(text)
    assert await drained(outbox) == 3
    log = await desk.log()
    assert log == [("1-0", STARTED), ("1-1", token("a")), ("1-2", token("bcd", n=3))]


async def test_merging_keeps_every_part_and_the_count_of_tokens(desk: Desk) -> None:
    outbox = await desk.begin()
    outbox.put("a", tokens=2)
    outbox.put(thinking="t1")
    outbox.put("b", "t2", [{"n": 1}], [{"p": 0.5}], tokens=3)
    outbox.put(tool_calls=[{"n": 2}], logprobs=[{"p": 0.25}])
    await drained(outbox)
    merged = token("b", "t1t2", [{"n": 1}, {"n": 2}], [{"p": 0.5}, {"p": 0.25}], 5)
    assert (await desk.log())[1:] == [("1-1", token("a", n=2)), ("1-2", merged)]


async def test_output_that_costs_no_token_goes_out_too(desk: Desk) -> None:
    outbox = await desk.begin()
    outbox.put("a")
    outbox.put(thinking="t", tokens=0)
    await drained(outbox)
    outbox.put("b")
    await drained(outbox)
    assert (await desk.log())[1:] == [("1-1", token("a")), ("1-2", token("", "t", n=0)), ("1-3", token("b"))]


async def test_an_event_is_published_as_it_is_logged(desk: Desk) -> None:
    subscriber = desk.redis.pubsub()
    await subscriber.subscribe(desk.keys.live(JOB))
    outbox = await desk.begin()
    outbox.put("a")
    await drained(outbox)
    outbox.put("b")
    await drained(outbox)
    assert await published(desk, subscriber) == [b"1-1 " + token("a"), b"1-2 " + token("b")]


async def published(desk: Desk, subscriber: PubSub) -> list[bytes]:
    """All messages so far; closes the subscriber."""
    await desk.redis.publish(desk.keys.live(JOB), b"the last")
    heard: list[bytes] = []
    async with asyncio.timeout(5):
        async for message in subscriber.listen():
            if message["type"] == "message":
                heard.append(message["data"])
                if heard[-1] == b"the last":
                    break
    await subscriber.aclose()
    return heard[:-1]


async def test_an_event_that_is_no_token_takes_its_number(desk: Desk) -> None:
    outbox = await desk.begin(2)
    outbox.put_event(Restarted())
    outbox.put("a")
    assert await drained(outbox) == 3
    assert [name for name, _ in await desk.log()] == ["2-0", "2-1", "2-2"]


async def test_jobs_share_one_connection_and_keep_apart(desk: Desk, proxy: Proxy) -> None:
    before = proxy.accepted
    outboxes = []
    for number in range(20):
        job = f"job-{number}"
        await desk.redis.hset(desk.keys.job(job), "fence", f"1@{LIFE}")
        outbox = Outbox(desk.writer, (job, LIFE, 1), STARTED, desk.became_stale)
        desk.outboxes.append(outbox)
        outboxes.append(outbox)
    for word in range(30):
        for number, outbox in enumerate(outboxes):
            outbox.put(f"{number}.{word} ")
        await asyncio.sleep(0)
    await asyncio.gather(*map(drained, outboxes))
    assert proxy.accepted == before
    for number in range(20):
        rows: Any = await desk.redis.xrange(desk.keys.events(f"job-{number}"))
        text = "".join(orjson.loads(fields[b"e"]).get("text", "") for _, fields in rows)
        assert text == "".join(f"{number}.{word} " for word in range(30))


# The fence


@pytest.mark.parametrize(
    "fence", [f"2@{LIFE}", "1@worker-2", f"11@{LIFE}", ""], ids=["later", "another life", "prefix", "no owner"]
)
async def test_a_stale_owner_cannot_emit_and_learns_it_once(desk: Desk, fence: str) -> None:
    subscriber = desk.redis.pubsub()
    await subscriber.subscribe(desk.keys.live(JOB))
    outbox = await desk.begin()
    outbox.put("first")
    await drained(outbox)
    before = await desk.log()
    await desk.redis.hset(desk.keys.job(JOB), "fence", fence)
    for text in ("stale ", "and ", "more"):
        outbox.put(text)
    for _ in range(2):
        with pytest.raises(Stale):
            await drained(outbox)
    assert desk.stale == 1
    assert await desk.log() == before
    assert await published(desk, subscriber) == [b"1-1 " + token("first")]  # it reached no reader either


async def test_a_job_that_redis_forgot_makes_its_owner_stale(desk: Desk) -> None:
    outbox = await desk.begin()
    await desk.redis.delete(desk.keys.job(JOB), desk.keys.events(JOB))
    outbox.put("a")
    with pytest.raises(Stale):
        await drained(outbox)
    assert (await desk.log(), desk.stale) == ([], 1)


async def test_a_number_is_never_written_twice(desk: Desk) -> None:
    """After a lost reply the event is sent again under the same number: the log has it already, and the answer is 1."""
    await desk.begin()
    for _ in range(3):
        assert await desk.writer.emit(JOB, LIFE, 1, 1, token("a")) == 1
    assert (await desk.log())[1:] == [("1-1", token("a"))]


# Connections that break


async def test_tokens_that_are_put_while_redis_is_away_arrive_whole_and_once(desk: Desk, proxy: Proxy) -> None:
    outbox = await desk.begin()
    outbox.put("w0")
    await drained(outbox)
    proxy.refuse()
    proxy.cut()
    await eventually(lambda: desk.writer.link.connection is None or None, 5, "the link is lost")
    for number in range(1, 50):
        outbox.put(f" w{number}")
    proxy.heal()
    await drained(outbox)
    assert await desk.text() == " ".join(f"w{number}" for number in range(50))


async def test_lost_replies_double_no_event(desk: Desk, proxy: Proxy) -> None:
    outbox = await desk.begin()
    for round_ in range(5):
        proxy.blackhole("down")
        outbox.put(f"a{round_} ")
        await eventually(lambda: _logged(desk, f"a{round_} "), 5, "it is in the log")  # noqa: B023
        outbox.put(f"b{round_} ")  # its reply will never come
        proxy.cut()
        proxy.heal()
        await drained(outbox)
    assert await desk.text() == "".join(f"a{round_} b{round_} " for round_ in range(5))
    assert [name for name, _ in await desk.log()] == [f"1-{seq}" for seq in range(11)]


async def _logged(desk: Desk, text: str) -> bool | None:
    return (await desk.text()).endswith(text) or None


async def test_lost_commands_are_sent_again(desk: Desk, proxy: Proxy) -> None:
    outbox = await desk.begin()
    proxy.blackhole("up")
    outbox.put("a")
    outbox.put("b")
    await asyncio.sleep(0.05)  # the command is on its way to nowhere
    proxy.cut()
    proxy.heal()
    await drained(outbox)
    assert await desk.text() == "ab"


async def test_after_a_reconnect_the_log_is_filled_up_byte_for_byte(desk: Desk, proxy: Proxy) -> None:
    """Redis came back with fewer events: the log's last id shows which are missing, `started` included."""
    outbox = await desk.begin()
    for number in range(10):
        outbox.put(f"w{number} ")
        await drained(outbox)
    whole = await desk.log()
    for kept in (7, 1, 0):
        await desk.redis.delete(desk.keys.events(JOB))
        for name, body in whole[:kept]:
            await desk.redis.xadd(desk.keys.events(JOB), {"e": body}, id=name)
        proxy.cut()
        await eventually(lambda: desk.writer.link.connection is None or None, 5, "the link is lost")
        outbox.put(f"after {kept} ")
        await drained(outbox)
        log = await desk.log()
        assert log[: len(whole)] == whole
        assert log[-1][1] == token(f"after {kept} ")
        whole = log
    assert desk.stale == 0


async def test_resend_fills_the_log_without_a_new_token(desk: Desk) -> None:
    """The resend that follows where `finish` answers that its number is not the next."""
    outbox = await desk.begin()
    for text in "abc":
        outbox.put(text)
        await drained(outbox)
    whole = await desk.log()
    await desk.redis.delete(desk.keys.events(JOB))
    await asyncio.wait_for(outbox.resend(), 5)
    assert await desk.log() == whole


async def test_resend_by_a_stale_owner_is_refused(desk: Desk) -> None:
    outbox = await desk.begin()
    outbox.put("a")
    await drained(outbox)
    await desk.redis.delete(desk.keys.events(JOB))
    await desk.own(2, "worker-2")
    with pytest.raises(Stale):
        await asyncio.wait_for(outbox.resend(), 5)
    assert await desk.log() == []


async def test_an_attempt_that_became_stale_while_the_link_was_down_writes_nothing(desk: Desk, proxy: Proxy) -> None:
    outbox = await desk.begin()
    proxy.refuse()
    proxy.cut()
    await eventually(lambda: desk.writer.link.connection is None or None, 5, "the link is lost")
    outbox.put("stale")
    await desk.own(2, "worker-2")
    await desk.redis.xadd(desk.keys.events(JOB), {"e": STARTED}, id="2-0")
    proxy.heal()
    with pytest.raises(Stale):
        await drained(outbox)
    assert [name for name, _ in await desk.log()] == ["1-0", "2-0"]
    assert desk.stale == 1


async def test_a_script_that_redis_forgot_is_loaded_again(desk: Desk) -> None:
    """NOSCRIPT: after a SCRIPT FLUSH, or a failover to a server that never had it."""
    outbox = await desk.begin()
    outbox.put("a")
    await drained(outbox)
    await desk.redis.script_flush()
    outbox.put("b")
    outbox.put("c")
    await drained(outbox)
    assert await desk.text() == "abc"


async def test_a_closed_outbox_stops_mending(desk: Desk, proxy: Proxy) -> None:
    outbox = await desk.begin()
    proxy.refuse()
    proxy.cut()
    await eventually(lambda: desk.writer.link.connection is None or None, 5, "the link is lost")
    outbox.put("a")
    await eventually(lambda: outbox._mending is not None or None, 5, "it mends")
    outbox.close()
    proxy.heal()
    await asyncio.wait_for(desk.writer.link.up.wait(), 5)
    assert outbox._mending is not None
    await asyncio.wait({outbox._mending}, timeout=5)
    assert outbox._mending.cancelled()
    assert await desk.text() == ""
