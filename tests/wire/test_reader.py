"""The API's end of a log on a real server: the log, then live events, no gap, no event twice, and a loss is
reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from tests.support.proxy import Proxy
from tests.support.valkey import PATIENT, Valkey
from tests.support.waiting import eventually
from wire import reader as module
from wire.client import open_redis
from wire.events import START, Completed, EventId, LogEntry, Started, Timings, Usage, encode, token
from wire.keys import Keys
from wire.link import LinkLost
from wire.reader import BUFFER_BYTES, VOID, CursorUnknown, EventReader, FanIn, JobLost, Reader

JOB = "job-1"
STARTED = encode(Started(attempt=1, worker="w", model="m"))
END = encode(Completed(finish_reason="stop", usage=Usage(), timings=Timings()))


class Pipe:
    """The two ends of a log: the writes of a worker, and the readers of one API process."""

    def __init__(self, redis: Redis, keys: Keys, fan_in: FanIn) -> None:
        self.redis = redis
        self.keys = keys
        self.fan_in = fan_in
        self.events = EventReader(redis, keys, fan_in)

    async def accept(self) -> None:
        await self.redis.hset(self.keys.job(JOB), "state", "running")

    async def log(self, name: str, body: bytes) -> None:
        """Write to the log alone, as if the live message had been missed."""
        await self.redis.xadd(self.keys.events(JOB), {"e": body}, id=name)

    async def say(self, name: str, body: bytes) -> None:
        """Publish to the live readers alone, as if the log had the event already or not yet."""
        await self.redis.publish(self.keys.live(JOB), name.encode() + b" " + body)

    async def emit(self, name: str, body: bytes) -> None:
        await self.log(name, body)
        await self.say(name, body)

    async def words(self, first: int, count: int, attempt: int = 1) -> None:
        for seq in range(first, first + count):
            await self.emit(f"{attempt}-{seq}", word(seq))


GARBAGE = (b"nonsense", b"", b"\xff", b"1-x {}", b"-", b"99999999999999999999-1 {}", b"1-99999999999999999999 x")


def word(seq: int) -> bytes:
    return token(f" w{seq}")


@pytest.fixture
async def proxy(valkey: Valkey) -> AsyncIterator[Proxy]:
    async with Proxy(valkey.port) as proxy:
        yield proxy


@pytest.fixture
async def pipe(valkey: Valkey, proxy: Proxy, pool: str) -> AsyncIterator[Pipe]:
    """The client connects to Redis directly and the subscriber through the proxy, so that only its cable can be cut."""
    async with AsyncExitStack() as stack:
        redis = open_redis(valkey.url, PATIENT)
        stack.push_async_callback(redis.aclose)
        pipe = Pipe(redis, Keys(pool), FanIn(f"redis://127.0.0.1:{proxy.port}"))
        running = asyncio.create_task(pipe.fan_in.run())
        await asyncio.wait_for(pipe.fan_in.link.up.wait(), 5)
        await pipe.accept()
        yield pipe
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def read(reader: Reader, until: str) -> list[LogEntry]:
    """Bursts up to the event with this id, keep-alives left out."""
    heard: list[LogEntry] = []
    async with asyncio.timeout(10):
        while str(heard[-1].id if heard else None) != until:
            burst = await reader.next_burst()
            assert burst is not None, f"it ended at {heard[-1:]}"
            heard += burst
    return heard


def ids(entries: list[LogEntry]) -> list[str]:
    return [str(entry.id) for entry in entries]


def numbered(first: int, count: int, attempt: int = 1) -> list[str]:
    return [f"{attempt}-{seq}" for seq in range(first, first + count)]


async def quiet(reader: Reader) -> None:
    """Wait until the reader has read the log and waits for live events."""
    await eventually(lambda: not reader._behind or None, 5, "the log was read")


# The log, then live


async def test_a_reader_gets_the_log_first_then_live_events_and_none_twice(pipe: Pipe) -> None:
    await pipe.words(0, 5)
    async with pipe.events.open(JOB) as reader:
        await pipe.words(5, 5)  # subscribed already: these events are in the log *and* live
        heard = await read(reader, "1-9")
        await pipe.words(10, 5)
        heard += await read(reader, "1-14")
    assert ids(heard) == numbered(0, 15)
    assert heard[7].body == word(7)


async def test_a_reader_begins_behind_its_cursor(pipe: Pipe) -> None:
    await pipe.words(0, 10)
    async with pipe.events.open(JOB, EventId(1, 6)) as reader:
        assert ids(await read(reader, "1-9")) == numbered(7, 3)


async def test_a_long_log_is_read_in_pages(pipe: Pipe) -> None:
    count = 3 * module.PAGE + 7
    pipeline = pipe.redis.pipeline(transaction=False)
    for seq in range(count):
        pipeline.xadd(pipe.keys.events(JOB), {"e": word(seq)}, id=f"1-{seq}")
    await pipeline.execute()
    async with pipe.events.open(JOB) as reader:
        assert ids(await read(reader, f"1-{count - 1}")) == numbered(0, count)


async def test_a_gap_in_the_live_messages_is_filled_from_the_log(pipe: Pipe) -> None:
    await pipe.words(0, 3)
    async with pipe.events.open(JOB) as reader:
        heard = await read(reader, "1-2")
        await quiet(reader)
        for seq in (3, 4, 5):
            await pipe.log(f"1-{seq}", word(seq))  # their live messages are lost
        await pipe.emit("1-6", word(6))
        heard += await read(reader, "1-6")
    assert ids(heard) == numbered(0, 7)


async def test_the_first_event_of_a_later_attempt_is_no_gap(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    await pipe.words(0, 3)
    async with pipe.events.open(JOB) as reader:
        heard = await read(reader, "1-2")
        await quiet(reader)
        monkeypatch.setattr(Reader, "_page", _forbidden)  # the reader must not need the log for this
        await pipe.emit("4-0", STARTED)
        heard += await read(reader, "4-0")
    assert ids(heard) == ["1-0", "1-1", "1-2", "4-0"]


async def _forbidden(self: Reader) -> list[LogEntry]:
    raise AssertionError("the log was read")


async def test_a_later_attempt_that_arrives_from_its_middle_is_a_gap(pipe: Pipe) -> None:
    await pipe.words(0, 3)
    async with pipe.events.open(JOB) as reader:
        heard = await read(reader, "1-2")
        await quiet(reader)
        await pipe.log("2-0", STARTED)
        await pipe.emit("2-1", word(1))
        heard += await read(reader, "2-1")
    assert ids(heard) == ["1-0", "1-1", "1-2", "2-0", "2-1"]


async def test_an_event_that_arrives_again_is_dropped(pipe: Pipe) -> None:
    async with pipe.events.open(JOB) as reader:
        await pipe.words(0, 3)
        heard = await read(reader, "1-2")
        await quiet(reader)
        await pipe.say("1-1", word(1))
        await pipe.say("1-2", word(2))
        await pipe.words(3, 1)
        heard += await read(reader, "1-3")
    assert ids(heard) == numbered(0, 4)


async def test_bursts_that_wait_are_returned_together(pipe: Pipe) -> None:
    async with pipe.events.open(JOB) as reader:
        await pipe.words(0, 1)
        await read(reader, "1-0")
        await quiet(reader)
        await pipe.words(1, 5)
        await eventually(lambda: any(entry.id == (1, 5) for entry in reader._live) or None, 5, "all five are here")
        assert ids(await reader.next_burst() or []) == numbered(1, 5)


async def test_a_thousand_readers_of_two_jobs_get_the_events_of_their_own_job(pipe: Pipe) -> None:
    """One subscriber connection is fanned out: channels are counted, and an event reaches the readers of its job
    alone."""
    other = pipe.keys.live("job-2").encode()
    async with pipe.events.open(JOB) as first, pipe.events.open(JOB) as also:
        async with pipe.events.open("job-2") as foreign:
            await pipe.words(0, 2)
            assert ids(await read(first, "1-1")) == ids(await read(also, "1-1")) == numbered(0, 2)
            assert not foreign._live
            assert await pipe.redis.pubsub_numsub(other) == [(other, 1)]
        await pipe.fan_in.settled()
        assert await pipe.redis.pubsub_numsub(other) == [(other, 0)]
        assert not await pipe.events.deserted(JOB)
    assert await pipe.events.deserted(JOB)
    assert pipe.fan_in.readers == []


# A slow caller


async def test_the_buffer_of_a_slow_caller_is_bounded_and_the_log_has_the_rest(pipe: Pipe) -> None:
    async with pipe.events.open(JOB) as reader:
        await pipe.words(0, 1)
        await read(reader, "1-0")
        await quiet(reader)
        big, count = token("x" * 10_000), 60  # 600 KB: more than twice the bound
        for seq in range(1, count + 1):
            await pipe.emit(f"1-{seq}", big)
        await eventually(lambda: reader._behind or None, 5, "it overflows")
        await pipe.fan_in.settled()
        assert reader._held <= BUFFER_BYTES + 2 * len(big)
        heard = await read(reader, f"1-{count}")
        assert ids(heard) == numbered(1, count)
        assert {entry.body for entry in heard} == {big}
        assert reader._held <= BUFFER_BYTES
        await pipe.words(count + 1, 1)  # and the reader is live again
        assert ids(await read(reader, f"1-{count + 1}")) == [f"1-{count + 1}"]


# Connections that break


async def test_after_a_reconnect_a_reader_gets_the_events_that_it_missed(pipe: Pipe, proxy: Proxy) -> None:
    async with pipe.events.open(JOB) as reader:
        await pipe.words(0, 3)
        heard = await read(reader, "1-2")
        await quiet(reader)
        proxy.refuse()
        proxy.cut()
        await eventually(lambda: pipe.fan_in.link.connection is None or None, 5, "the link is lost")
        await pipe.words(3, 4)
        with pytest.raises(LinkLost):
            async with pipe.events.open("job-2"):
                pass
        proxy.heal()
        heard += await read(reader, "1-6")
        await pipe.words(7, 2)
        heard += await read(reader, "1-8")
    assert ids(heard) == numbered(0, 9)


async def test_a_reader_that_left_while_the_link_was_down_is_not_subscribed_again(pipe: Pipe, proxy: Proxy) -> None:
    """A subscription without a reader would look like a caller who still reads, and keep a deserted job alive."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(pipe.events.open(JOB))
        proxy.refuse()
        proxy.cut()
        await eventually(lambda: pipe.fan_in.link.connection is None or None, 5, "the link is lost")
        await stack.aclose()
        proxy.heal()
        await asyncio.wait_for(pipe.fan_in.link.up.wait(), 5)
    assert await pipe.events.deserted(JOB)


async def test_a_reader_that_left_while_the_link_was_made_again_is_not_subscribed_either(
    pipe: Pipe, proxy: Proxy
) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(pipe.events.open(JOB))
        greeted = pipe.fan_in.link._greet
        assert greeted is not None

        async def slow(connection: object) -> None:
            leaving = asyncio.create_task(stack.aclose())
            await greeted(connection)  # every channel is subscribed again; before the link is up, its last reader goes
            await leaving

        pipe.fan_in.link._greet = slow
        pipe.fan_in.link.up.clear()
        proxy.cut()
        await asyncio.wait_for(pipe.fan_in.link.up.wait(), 5)
    await eventually(lambda: _deserted(pipe), 5, "no subscription is left")


async def _deserted(pipe: Pipe) -> bool | None:
    return await pipe.events.deserted(JOB) or None


async def test_a_reader_that_comes_right_after_one_that_left_misses_no_event(pipe: Pipe) -> None:
    """UNSUBSCRIBE and SUBSCRIBE of its channel are both under way: the old confirmation must not pass for the new
    one."""
    for round_ in range(20):
        channel = pipe.keys.live(JOB).encode()
        passing = Reader(pipe.redis, pipe.keys, JOB, START)
        adding = asyncio.create_task(pipe.fan_in.add(channel, passing))
        await asyncio.sleep(0)
        pipe.fan_in.remove(channel, passing)  # the reader is gone before Redis has confirmed
        adding.cancel()
        await asyncio.gather(adding, return_exceptions=True)
        async with pipe.events.open(JOB, EventId(1, round_ - 1) if round_ else START) as reader:
            assert await pipe.redis.pubsub_numsub(channel) == [(channel, 1)]
            await pipe.words(round_, 1)
            assert ids(await read(reader, f"1-{round_}")) == [f"1-{round_}"]
        await pipe.fan_in.settled()


async def test_after_ten_silent_seconds_a_reader_looks_at_the_log_and_returns_an_empty_burst(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 1.0)  # ten in earnest
    async with pipe.events.open(JOB) as reader:
        await pipe.words(0, 1)
        await read(reader, "1-0")
        await quiet(reader)
        await pipe.log("1-1", word(1))  # its live message is lost, and nothing follows that would show the gap
        assert ids(await asyncio.wait_for(reader.next_burst(), 5) or []) == ["1-1"]
        assert await asyncio.wait_for(reader.next_burst(), 5) == []  # time for a keep-alive


async def test_a_redis_that_is_away_while_the_log_is_read_breaks_no_reader(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pipe.words(0, 2)
    ask, fails = pipe.redis.execute_command, {"XRANGE": 2, "HMGET": 2}

    async def failing(name: str, *args: object, **more: object) -> object:
        if fails.get(name, 0) > 0:
            fails[name] -= 1
            raise ConnectionError("away")
        return await ask(name, *args, **more)

    monkeypatch.setattr(pipe.redis, "execute_command", failing)
    async with pipe.events.open(JOB) as reader:
        heard = await read(reader, "1-1")
        reader.look_again()  # no event is new: the reader checks whether the job is still there
        waiting = asyncio.create_task(read(reader, "1-2"))
        await eventually(lambda: not fails["HMGET"] or None, 5, "both questions failed")
        await pipe.words(2, 1)
        assert ids(heard + await waiting) == numbered(0, 3)


# The end


async def test_the_end_is_the_last_burst(pipe: Pipe) -> None:
    async with pipe.events.open(JOB) as reader:
        await pipe.words(0, 2)
        await pipe.emit("1-2", END)
        assert ids(await read(reader, "1-2")) == numbered(0, 3)
        assert reader.at_end
        assert await reader.next_burst() is None


async def test_a_reader_that_resumes_behind_the_end_is_at_the_end(pipe: Pipe) -> None:
    await pipe.words(0, 2)
    await pipe.log("1-2", END)
    async with pipe.events.open(JOB, EventId(1, 2)) as reader:
        assert await asyncio.wait_for(reader.next_burst(), 5) is None
        assert reader.at_end


async def test_an_end_without_an_attempt_reaches_its_reader(pipe: Pipe) -> None:
    """A queued job that is cancelled ends at `0-1`."""
    async with pipe.events.open(JOB) as reader:
        await quiet_start(reader)
        await pipe.emit("0-1", b'{"type":"cancelled","reason":"asked"}')
        assert ids(await read(reader, "0-1")) == ["0-1"]
        assert await reader.next_burst() is None


async def quiet_start(reader: Reader) -> None:
    """Let the reader read the empty log."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.next_burst(), 0.2)


async def test_a_caller_who_hangs_up_gets_no_more(pipe: Pipe) -> None:
    async with pipe.events.open(JOB) as reader:
        waiting = asyncio.create_task(reader.next_burst())
        await asyncio.sleep(0)
        reader.hang_up()
        assert await asyncio.wait_for(waiting, 5) is None
        await pipe.words(0, 2)
        assert await reader.next_burst() is None


async def test_news_has_no_id_and_only_the_latest_counts(pipe: Pipe) -> None:
    async with pipe.events.open(JOB) as reader:
        await quiet_start(reader)
        reader.tell(LogEntry(None, b'{"type":"queued","position":2}'))
        await pipe.say("-", b'{"type":"queued","position":1}')
        await pipe.fan_in.settled()
        await pipe.words(0, 1)
        heard = await read(reader, "1-0")
        assert [entry.body for entry in heard] == [b'{"type":"queued","position":1}', word(0)]
        assert heard[0].id is None


# Redis came back with less


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader waits longer for missing events than `read` waits for the reader."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 60.0)


async def test_a_log_that_is_filled_up_again_is_read_on_without_a_restart(patient: None, pipe: Pipe) -> None:
    async with pipe.events.open(JOB) as reader:
        await pipe.words(0, 6)
        heard = await read(reader, "1-5")
        await pipe.redis.delete(pipe.keys.events(JOB))
        await pipe.words(0, 3)
        reader.look_again()
        waiting = asyncio.create_task(read(reader, "1-6"))
        await asyncio.sleep(0.3)  # the reader finds the log behind its cursor, and waits
        assert not waiting.done()
        await pipe.words(3, 4)  # the worker sends the missing events again, and goes on
        assert ids(heard + await waiting) == numbered(0, 7)


async def test_a_log_that_stays_behind_is_void(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.3)
    async with pipe.events.open(JOB) as reader:
        await pipe.words(0, 6)
        await read(reader, "1-5")
        await pipe.redis.delete(pipe.keys.events(JOB))
        await pipe.words(0, 3)
        reader.look_again()
        heard = await read(reader, "1-2")
        assert heard[0] == VOID and VOID.id is None
        assert ids(heard[1:]) == numbered(0, 3)


async def test_another_text_under_the_same_id_is_void_at_once(patient: None, pipe: Pipe) -> None:
    async with pipe.events.open(JOB) as reader:
        await pipe.words(0, 4)
        await read(reader, "1-3")
        await pipe.redis.delete(pipe.keys.events(JOB))
        for seq in range(5):
            await pipe.log(f"1-{seq}", token(f" other{seq}"))
        reader.look_again()
        heard = await read(reader, "1-4")
        assert heard[0] == VOID
        assert [entry.body for entry in heard[1:]] == [token(f" other{seq}") for seq in range(5)]


async def test_a_reader_that_resumed_notices_another_text_too(pipe: Pipe) -> None:
    """The reader has read only its cursor's own entry, which is enough to recognise the text."""
    await pipe.words(0, 4)
    async with pipe.events.open(JOB, EventId(1, 3)) as reader:
        reading = asyncio.create_task(read(reader, "1-4"))
        await eventually(lambda: reader._last_body or None, 5, "its cursor's entry was read")
        await pipe.redis.delete(pipe.keys.events(JOB))
        for seq in range(5):
            await pipe.log(f"1-{seq}", token(f" other{seq}"))
        reader.look_again()
        heard = await reading
        assert heard[0] == VOID and len(heard) == 6


async def test_a_later_attempt_in_a_shorter_log_is_void_at_once(patient: None, pipe: Pipe) -> None:
    """Ids only grow: the events that the log lacks before that attempt will never come."""
    async with pipe.events.open(JOB) as reader:
        await pipe.words(0, 6)
        await read(reader, "1-5")
        await pipe.redis.delete(pipe.keys.events(JOB))
        await pipe.emit("1001-0", STARTED)
        reader.look_again()
        await pipe.emit("1001-1", word(0))
        heard = await read(reader, "1001-1")
        assert heard[0] == VOID
        assert ids(heard[1:]) == ["1001-0", "1001-1"]


@pytest.mark.parametrize("heard_some", [False, True])
async def test_a_job_without_a_trace_is_lost(pipe: Pipe, heard_some: bool) -> None:
    async with pipe.events.open(JOB) as reader:
        if heard_some:
            await pipe.words(0, 2)
            await read(reader, "1-1")
        await pipe.redis.delete(pipe.keys.job(JOB), pipe.keys.events(JOB))
        reader.look_again()
        with pytest.raises(JobLost):
            await asyncio.wait_for(reader.next_burst(), 5)


# Cursors


async def test_a_cursor_is_checked_against_the_log(pipe: Pipe) -> None:
    await pipe.words(0, 3)
    await pipe.log("3-0", STARTED)
    for good in (START, EventId(1, 0), EventId(1, 2), EventId(3, 0)):
        await pipe.events.check_cursor(JOB, good)
    for wrong in (EventId(0, 1), EventId(1, 3), EventId(2, 0), EventId(3, 1), EventId(10**18, 0)):
        with pytest.raises(CursorUnknown) as unknown:
            await pipe.events.check_cursor(JOB, wrong)
        assert unknown.value.last == EventId(3, 0)


async def test_every_cursor_is_ahead_of_no_log(pipe: Pipe) -> None:
    with pytest.raises(CursorUnknown) as unknown:
        await pipe.events.check_cursor(JOB, EventId(1, 0))
    assert unknown.value.last == START


async def test_a_message_that_no_script_published_costs_no_event_and_no_connection(pipe: Pipe) -> None:
    """One garbage PUBLISH once dropped the one subscriber connection of its process, and with it all streams."""
    await pipe.accept()
    connection = pipe.fan_in.link.connection
    async with pipe.events.open(JOB) as reader:
        await pipe.emit("1-0", STARTED)
        for garbage in GARBAGE:
            await pipe.redis.publish(pipe.keys.live(JOB), garbage)
        await pipe.words(1, 3)
        await pipe.emit("1-4", END)
        heard = []
        async with asyncio.timeout(20):
            while (burst := await reader.next_burst()) is not None:
                heard += [entry for entry in burst if entry.id is not None]
    assert [entry.body for entry in heard] == [STARTED, word(1), word(2), word(3), END]
    assert pipe.fan_in.link.connection is connection


async def test_a_log_entry_that_is_no_event_is_returned_and_skipped(pipe: Pipe) -> None:
    await pipe.accept()
    for seq, body in enumerate([STARTED, b"nonsense", b'{"type":["x"]}', b'{"type":"rerouted","pool":5}', END]):
        await pipe.log(f"1-{seq}", body)
    async with pipe.events.open(JOB) as reader, asyncio.timeout(20):
        burst = await reader.next_burst()
        assert burst is not None and burst[-1].body == END and reader.at_end
        assert burst[1].fields() == {}


async def test_an_id_that_no_script_can_give_breaks_no_reader(pipe: Pipe) -> None:
    await pipe.accept()
    await pipe.log("1-0", STARTED)
    await pipe.log("18446744073709551615-1", b"x")
    async with pipe.events.open(JOB) as reader, asyncio.timeout(20):
        assert [entry.body for entry in await reader.next_burst() or ()] == [STARTED]
