"""An outage is logged once, by the loop that meets it first, and no error ends a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import structlog.testing
from redis.exceptions import ConnectionError as Away

from wire.outage import Outage, redis_outage, repeat


class Enough(Exception):
    pass


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of a test, counted and not waited for."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("wire.outage.asyncio.sleep", sleep)
    return pauses


def turns(*outcomes: Exception | None) -> Iterator[Exception | None]:
    yield from outcomes
    yield Enough()


async def run(outcomes: Iterator[Exception | None], outage: Outage) -> list[str]:
    async def turn() -> None:
        if error := next(outcomes):
            raise error

    with structlog.testing.capture_logs() as lines, pytest.raises(Enough):
        await repeat(turn, outage.part("a loop"), fatal=(Enough,))
    return [line["action"] for line in lines]


async def test_an_outage_is_logged_once_and_so_is_its_end(quick: list[float]) -> None:
    assert await run(turns(None, *[Away()] * 6, None, None), redis_outage()) == ["redis.away", "redis.back"]
    assert [pause for pause in quick if pause] == [0.2, 0.4, 0.8, 1.0, 1.0, 1.0]


async def test_an_unforeseen_error_is_logged_once_a_kind_and_ends_no_loop() -> None:
    errors = [KeyError("a"), KeyError("b"), ZeroDivisionError()]
    assert await run(turns(*errors, None, KeyError("c")), redis_outage()) == ["loop.failed"] * 3


async def test_loops_of_one_process_log_one_outage_together() -> None:
    outage = redis_outage()
    first, second = outage.part("first"), outage.part("second")
    with structlog.testing.capture_logs() as lines:
        await first.met(Away())
        await second.met(TimeoutError())
        first.over()
        assert [line["action"] for line in lines] == ["redis.away"]
        second.over()
    assert [line["action"] for line in lines] == ["redis.away", "redis.back"]
    assert lines[0]["loop"] == "first" and lines[0]["error"] == "ConnectionError"


async def test_each_server_that_a_loop_needs_has_its_own_outage() -> None:
    class Gone(Exception):
        pass

    sql = Outage("SQL", "sql", (Gone,))
    failures = turns(Gone(), Away(), None)

    async def turn() -> None:
        if error := next(failures):
            raise error

    with structlog.testing.capture_logs() as lines, pytest.raises(Enough):
        await repeat(turn, redis_outage().part("it"), sql.part("it"), fatal=(Enough,))
    assert [line["action"] for line in lines] == ["sql.away", "redis.away", "redis.back", "sql.back"]


async def test_a_cancellation_ends_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    started = asyncio.Event()

    async def turn() -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(repeat(turn, redis_outage().part("it")))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
