"""What a person at a terminal sees of `sluice up`, and what goes into log files instead."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.tail import KEPT_WHOLE, Tail, loud, make_room
from tests.support.child import free_port
from tests.support.processes import clean_environment


class Terminal:
    """`sluice up`, with stand-ins, on a terminal."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self._screen: int | None
        self._screen, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.sluice.standins.up"],
            env=clean_environment(SLUICE_ENGINE="simulated", SLUICE_PORT=str(self.port)),
            cwd=home,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    async def shows(self, words: str, within: float = 60) -> None:
        """Reads on until these words have been shown."""
        assert self._screen is not None
        async with asyncio.timeout(within):
            while words not in self.shown:
                self.shown += (await asyncio.to_thread(os.read, self._screen, 4096)).decode()

    def end(self) -> None:
        try:
            self.stop()
        finally:
            self.process.kill()  # for a process that ignored the signal; its guards end the rest
            self.close()

    def stop(self) -> int:
        """Waits for the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def close(self) -> None:
        """Closes the window: whatever is written from now on fails."""
        if self._screen is not None:
            os.close(self._screen)
        self._screen = None


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.end()


async def test_a_terminal_shows_a_banner_and_the_children_s_warnings(terminal: Terminal, tmp_path: Path) -> None:
    await terminal.shows("Ctrl-C stops it.")
    await terminal.shows("sluice: worker-1: stand-in worker waits")
    assert f"Sluice is up: http://127.0.0.1:{terminal.port}" in terminal.shown
    assert f"curl -N http://127.0.0.1:{terminal.port}/api/chat" in terminal.shown
    assert str(tmp_path / ".sluice" / "logs") in terminal.shown
    assert "stand-in API listens" not in terminal.shown  # no warning
    assert "stand-in API listens" in (tmp_path / ".sluice" / "logs" / "api.log").read_text()
    assert not re.search(r"\{.*action", terminal.shown)  # nothing for machines


async def test_a_house_whose_terminal_is_gone_is_still_stopped_in_order(terminal: Terminal, tmp_path: Path) -> None:
    await terminal.shows("Ctrl-C stops it.")  # the house's API listens, and its worker
    await terminal.shows("sluice: worker-1: stand-in worker waits")
    terminal.close()
    assert terminal.stop() == 0
    assert (tmp_path / ".sluice" / "ended").read_text().splitlines() == ["api with redis", "worker with redis"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"level": "info", "event": "request answered"}', None),
        ('{"level": "warning", "event": "Ollama is slow"}', "Ollama is slow"),
        ('{"level": "error", "event": "no model"}', "no model"),
        ("ModuleNotFoundError: No module named 'x'", "ModuleNotFoundError: No module named 'x'"),
        ("17", None),
        ("", None),
    ],
)
def test_a_line_worth_a_person_s_attention_is_shown(line: str, sentence: str | None) -> None:
    assert loud(line) == sentence


def test_only_whole_new_lines_are_shown(tmp_path: Path) -> None:
    log, shown = tmp_path / "api.log", list[tuple[str, str]]()
    log.write_text("yesterday\n")
    tail = Tail({"api": log, "worker-1": tmp_path / "not-there-yet.log"})
    with log.open("a") as file:
        file.write("whole\nhal")
        file.flush()
        tail.look(lambda *line: shown.append(line))
        file.write("f\n")
    (tmp_path / "not-there-yet.log").write_text("first\n")
    tail.look(lambda *line: shown.append(line))
    assert shown == [("api", "whole"), ("api", "half"), ("worker-1", "first")]


def test_a_log_that_becomes_long_is_emptied_under_its_writer_and_followed_on(tmp_path: Path) -> None:
    log, shown = tmp_path / "api.log", list[str]()
    tail = Tail({"api": log})
    with log.open("ab", buffering=0) as file:
        file.write(b"x" * KEPT_WHOLE + b"\nhal")
        tail.look(lambda _, line: shown.append(line))
        assert log.stat().st_size == 0
        assert (tmp_path / "api.log.1").stat().st_size == KEPT_WHOLE + 4
        file.write(b"f\n")
        tail.look(lambda _, line: shown.append(line))
    assert shown[1:] == ["half"] and log.read_bytes() == b"f\n"


def test_a_log_that_somebody_else_emptied_is_followed_from_its_start(tmp_path: Path) -> None:
    log, shown = tmp_path / "api.log", list[str]()
    log.write_text("yesterday, at length\n")
    tail = Tail({"api": log})
    log.write_text("today\n")
    tail.look(lambda _, line: shown.append(line))
    assert shown == ["today"]


def test_a_long_log_is_moved_aside_and_a_short_one_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("short")
    make_room(log)
    assert log.exists()
    log.write_bytes(b"x" * (KEPT_WHOLE + 1))
    make_room(log)
    assert not log.exists()
    assert (tmp_path / "api.log.1").stat().st_size == KEPT_WHOLE + 1
