"""The wall clock of Redis's machine is stepped by an hour while jobs run (libfaketime under the server).

Nothing expires that should live, nothing lives past its deadline, and jobs are let in all the while.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.support.house import Houses
from tests.support.listener import chat, listening, words
from tests.support.truth import Truth, truth_of
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

DEADLINE = 8.0
LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")


def libfaketime() -> Path:
    """The system's, else the one in the wheel of that name (its module is not imported: that would preload it here)."""
    for folder in LIBRARIES:
        for library in sorted(Path(folder).glob("**/faketime/libfaketime.so.1")):
            return library
    return Path(str(distribution("libfaketime").locate_file("libfaketime/vendor/libfaketime/src/libfaketime.so.1")))


class SteppedServer(Valkey):
    """A Valkey whose wall clock, and nothing else of it, is off by the number in a file."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True)
        self.offset = home / "offset"
        self._write(0)
        env = {
            "LD_PRELOAD": str(libfaketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self.offset),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        super().__init__(home, env=env)

    def step(self, seconds: int) -> None:
        """Set the clock this far off the true time; returns when the server has that time."""
        self._write(seconds)
        wait_until(lambda: abs(self.time() - time.time() - seconds) < 5, 5, "the clock is stepped")

    def time(self) -> int:
        """The server's own TIME in seconds."""
        return int(self.command_line("TIME").split(b"\r\n")[2])

    def _write(self, seconds: int) -> None:
        new = self.offset.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self.offset)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SteppedServer]:
    server = SteppedServer(tmp_path / "stepped")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stepped_house(server: SteppedServer, tmp_path: Path) -> Iterator[Houses]:
    houses = Houses(tmp_path, server)
    yield houses
    houses.stop()


@pytest.fixture
async def stepped_truth(server: SteppedServer) -> AsyncIterator[Truth]:
    async with truth_of(server.url) as truth:
        yield truth


@pytest.mark.parametrize("step", [3600, -3600], ids=["an hour on", "an hour back"])
async def test_a_stepped_clock_moves_no_deadline(
    server: SteppedServer, stepped_house: Houses, stepped_truth: Truth, step: int
) -> None:
    settings = {"SLUICE_SLOTS": "2", "SLUICE_DEADLINE_SECONDS": str(DEADLINE)}
    home = await stepped_house(apis=2, workers=1, **settings)
    began = time.monotonic()
    async with (
        listening(home.url, chat("!tokens 600")) as short,  # 3 s: ends in time
        listening(home.url, chat("!tokens 100000")) as endless,  # does not: its deadline must end it
        listening(home.url, chat("!tokens 10")) as waiting,  # until the short one has ended
    ):
        await short.words(50)
        server.step(step)
        async with listening(home.apis[1].url, chat("!tokens 5")) as late:  # let in at the stepped clock
            await endless.words(len(endless.text.split()) + 300)  # 1.5 s: every watcher has looked at the clock
            server.step(0)  # and back: another step
            assert await short.end() == "completed"
            assert short.text == words(600)
            assert [await waiting.end(), await late.end()] == ["completed", "completed"]
        assert await endless.end() == "failed"
        ended = time.monotonic() - began
        assert endless.of("failed")[0]["code"] == "deadline"
    assert ended >= DEADLINE - 1
    assert ended < DEADLINE + 6  # the watchers look once a second, on a machine that has other work
    for heard in (short, endless, waiting, late):
        record = await stepped_truth.record(heard.job)
        assert (record.attempt, record.tries) == (1, 0)  # no worker was taken for dead
        await stepped_truth.check_ended_once(heard.job)
    assert not await stepped_truth.leftovers()
