"""Recorders that die, race and repeat, a Redis that forgets its group, a database that is away: once, never lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog.testing
from sqlalchemy import event

from backend.history.books.jobs import JobsBook
from backend.history.finished import GROUP, Ended
from backend.history.recorder import Recorder
from backend.store.database import Database, DatabaseAway
from backend.store.migrate import migrate
from backend.store.tables import jobs
from tests.backend.recording import Play
from tests.support.postgres import Postgres, run_apart
from tests.support.valkey import Valkey
from tests.support.waiting import eventually

WITHIN = 20.0


@pytest.fixture
async def play(redis_url: str, database_url: str) -> AsyncIterator[Play]:
    play = Play(redis_url, Database(database_url))
    yield play
    await play.aclose()


@contextlib.asynccontextmanager
async def running(*recorders: Recorder) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(recorder.run()) for recorder in recorders]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes


async def until_recorded(play: Play, *names: str) -> None:
    async def look() -> bool | None:
        recorded = {row.id for row in await play.rows(jobs)}
        return True if recorded >= set(names) and await play.acknowledged() else None

    await eventually(look, WITHIN, "all are recorded and acknowledged")


async def recorded_once(play: Play, names: list[str]) -> None:
    assert sorted(row.id for row in await play.rows(jobs)) == sorted(names)


async def test_an_entry_that_comes_twice_is_one_row(play: Play) -> None:
    job = await play.completed()
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            await play.redis.xadd(play.keys.finished, {"job": job, "state": "completed"})
            await play.recorder().turn()
    assert [line for line in lines if line["log_level"] == "error"] == []
    await recorded_once(play, [job])


async def test_recorders_that_race_write_each_job_once(play: Play) -> None:
    async with running(*(play.recorder() for _ in range(4))):
        names = [await play.completed() for _ in range(60)]
        await until_recorded(play, *names)
    await recorded_once(play, names)


async def test_two_recorders_may_write_the_same_jobs_at_once(play: Play) -> None:
    names = [await play.completed() for _ in range(20)]
    for name in names:
        await play.awaits(name)
    await play.redis.xgroup_create(play.keys.finished, "others", id="0")
    entries: Any = await play.redis.xrange(play.keys.finished)
    ended = [Ended(entry.decode(), fields[b"job"].decode(), "completed") for entry, fields in entries]
    one, other = play.recorder(), play.recorder()
    await asyncio.gather(one._until_kept(ended), other._until_kept(ended[::-1]))
    await recorded_once(play, names)


async def test_a_recorder_that_died_before_it_wrote_has_left_its_entries_to_others(play: Play) -> None:
    job = await play.completed()
    await play.recorder()._next()
    assert not await play.acknowledged()
    async with running(play.recorder(left_behind_ms=0)):
        await until_recorded(play, job)


async def test_a_recorder_that_died_between_sql_and_its_acknowledgement_has_recorded_once(play: Play) -> None:
    job = await play.begin()
    await play.awaits(job)
    await play.complete(job, "once")
    died = play.recorder()
    await died._until_kept(await died._next())
    before = await play.answer(job)
    async with running(play.recorder(left_behind_ms=0)):
        await until_recorded(play, job)
    await recorded_once(play, [job])
    assert await play.answer(job) == before


async def test_a_group_made_anew_misses_nothing_and_doubles_nothing(play: Play) -> None:
    first = await play.completed()
    recorder = play.recorder()
    async with running(recorder):
        await until_recorded(play, first)
        await play.redis.xgroup_destroy(play.keys.finished, GROUP)
        second = await play.completed()
        await until_recorded(play, first, second)
    await recorded_once(play, [first, second])


async def test_a_stream_that_is_gone_is_waited_for_anew(play: Play) -> None:
    async with running(play.recorder()):
        first = await play.completed()
        await until_recorded(play, first)
        await play.redis.delete(play.keys.finished)
        second = await play.completed()
        await until_recorded(play, second)
    await recorded_once(play, [first, second])


async def test_recorders_that_are_no_more_are_taken_off_the_list(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    await play.completed()
    await play.recorder().turn()
    left = play.recorder()
    await play.completed()
    await left._next()
    monkeypatch.setattr("backend.history.finished.FORGOTTEN_MS", -1)
    await play.recorder()._finished.forget_the_dead()
    kept: Any = await play.redis.xinfo_consumers(play.keys.finished, GROUP)
    assert [consumer["name"].decode() for consumer in kept] == [left._finished._name]


async def test_it_heeds_a_cancellation_at_any_moment(play: Play) -> None:
    """While it waits for Redis, reads, writes or acknowledges; and what it was at is recorded by the next."""
    names = []
    for step in range(30):
        names.append(await play.completed())
        task = asyncio.create_task(play.recorder(left_behind_ms=0).run())
        await asyncio.sleep(step / 1000)
        task.cancel()
        async with asyncio.timeout(10):
            with pytest.raises(asyncio.CancelledError):
                await task
    async with running(play.recorder(left_behind_ms=0)):
        await until_recorded(play, *names)
    await recorded_once(play, names)


@pytest.fixture
def waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder waits for Redis longer than a test waits for it."""
    for module in ("backend.history.finished", "tests.backend.recording"):
        monkeypatch.setattr(f"{module}.BLOCK_MS", 30_000)


async def test_a_recorder_that_waits_for_redis_keeps_no_process_from_leaving(waits_long: None, play: Play) -> None:

    async def blocked() -> bool | None:
        clients: Any = await play.redis.info("clients")
        return clients["blocked_clients"] == 1 or None

    task = asyncio.create_task(play.recorder().run())
    await eventually(blocked, WITHIN, "it waits")
    task.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_write_that_fails_is_written_again(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = JobsBook.write, iter([DatabaseAway("one"), DatabaseAway("two")])

    async def write(*given: Any) -> None:
        for failure in failures:
            raise failure
        await real(*given)

    monkeypatch.setattr(JobsBook, "write", write)
    monkeypatch.setattr("wire.outage.FIRST_SECONDS", 0.01)
    job = await play.completed()
    await play.recorder().turn()
    await recorded_once(play, [job])


async def test_a_transaction_is_all_or_nothing(play: Play) -> None:
    job = await play.begin()
    await play.awaits(job)
    await play.complete(job)

    def refuse(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE messages"):
            raise asyncio.CancelledError

    event.listen(play.database.engine.sync_engine, "before_cursor_execute", refuse)
    with pytest.raises(asyncio.CancelledError):
        await play.recorder().turn()
    event.remove(play.database.engine.sync_engine, "before_cursor_execute", refuse)
    await recorded_once(play, [])
    async with running(play.recorder(left_behind_ms=0)):
        await until_recorded(play, job)
    assert (await play.answer(job)).status == "complete"


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server of this test's own, to stop and start again."""
    server = Postgres()
    server.start()
    yield server
    server.remove()


async def test_nothing_is_lost_while_postgresql_is_away(redis_url: str, own_postgres: Postgres) -> None:
    url = own_postgres.new_database()
    run_apart(lambda: migrate(url))
    play = Play(redis_url, Database(url))
    async with contextlib.aclosing(play), running(play.recorder(), play.recorder()):
        names = [await play.completed()]
        await until_recorded(play, *names)
        own_postgres.kill()
        names += [await play.completed() for _ in range(20)]
        with pytest.raises(DatabaseAway):
            await play.rows(jobs)
        assert not await play.acknowledged()
        own_postgres.start()
        await until_recorded(play, *names)
        await recorded_once(play, names)


async def test_it_waits_for_a_schema(redis_url: str, empty_database_url: str) -> None:
    play = Play(redis_url, Database(empty_database_url))
    async with contextlib.aclosing(play), running(play.recorder()):
        job = await play.completed()
        with pytest.raises(DatabaseAway):
            await play.rows(jobs)
        await migrate(empty_database_url)
        await until_recorded(play, job)


async def test_it_goes_on_where_redis_was_away(fresh_valkey: Valkey, database_url: str) -> None:
    play = Play(fresh_valkey.url, Database(database_url))
    async with contextlib.aclosing(play), running(play.recorder()):
        names = [await play.completed()]
        await until_recorded(play, *names)
        fresh_valkey.written()
        fresh_valkey.restart()
        names.append(await play.completed())
        await until_recorded(play, *names)
        await recorded_once(play, names)


async def test_a_redis_that_lost_everything_gets_its_group_again(fresh_valkey: Valkey, database_url: str) -> None:
    play = Play(fresh_valkey.url, Database(database_url))
    async with contextlib.aclosing(play), running(play.recorder()):
        names = [await play.completed()]
        await until_recorded(play, *names)
        fresh_valkey.flush()
        names.append(await play.completed())
        await until_recorded(play, *names)
        await recorded_once(play, names)
