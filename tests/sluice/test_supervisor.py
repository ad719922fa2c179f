"""The supervisor with small real children: they are started again, given up, and stopped in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from sluice.supervisor import Backoff, Child, ChildRefused, Supervisor, describe_exit

# Each life of a child appends its pid to the file that is its argument, and waits.
WAITS = "import os, signal, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"


@pytest.fixture
def lines() -> LogCapture:
    return LogCapture()


@pytest.fixture
async def house(lines: LogCapture) -> AsyncIterator[Supervisor]:
    log = structlog.wrap_logger(None, processors=[lines], wrapper_class=structlog.make_filtering_bound_logger(0))
    async with Supervisor(log, backoff=Backoff(first=0.05, longest=0.2)) as house:
        yield house


def child(program: str, *arguments: object, name: str = "child", **more: Any) -> Child:
    command = (sys.executable, "-S", "-c", program, *map(str, arguments))
    return Child(name, command, **more)


def lives(file: Path) -> list[int]:
    """The pids of all whole lives so far."""
    return (
        [int(line) for line in file.read_text().splitlines(keepends=True) if line[-1] == "\n"] if file.exists() else []
    )


async def until(true: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_killed_child_is_started_again_and_the_log_says_so(
    house: Supervisor, lines: LogCapture, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    house.start(child(WAITS, pids, name="worker-1"))
    await until(lambda: len(lives(pids)) == 1)
    os.kill(lives(pids)[0], signal.SIGKILL)
    await until(lambda: len(lives(pids)) == 2)
    line = next(entry for entry in lines.entries if entry.get("action") == "child_ended")
    assert line["child"] == "worker-1"
    assert line["event"] == "worker-1 ended (SIGKILL) and is started again in 0.05 s"
    assert line["log_level"] == "warning"


# The program touches its file every hundredth of a second, for the third argument's seconds; then it hangs.
TOUCHES = (
    "import os, pathlib, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n')\n"
    "for _ in range(int(float(sys.argv[3]) * 100)): pathlib.Path(sys.argv[2]).touch(); time.sleep(0.01)\n"
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
)


async def test_a_child_whose_file_stands_still_is_killed_and_started_again(
    house: Supervisor, lines: LogCapture, tmp_path: Path
) -> None:
    pids, alive = tmp_path / "pids", tmp_path / "alive" / "worker-1"
    house.start(child(TOUCHES, pids, alive, 0.1, name="worker-1", alive=alive, silence=0.6))
    await until(lambda: len(lives(pids)) == 2)
    line = next(entry for entry in lines.entries if entry.get("action") == "child_hangs")
    assert (line["child"], line["log_level"]) == ("worker-1", "error")
    assert (
        next(entry for entry in lines.entries if entry.get("action") == "child_ended")["code"] == 128 + signal.SIGKILL
    )


async def test_a_child_that_never_touches_its_file_hangs_too(house: Supervisor, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    house.start(child(STUBBORN, pids, alive=tmp_path / "alive" / "never", silence=0.3))
    await until(lambda: len(lives(pids)) == 2)


async def test_a_child_that_touches_its_file_lives_on(house: Supervisor, lines: LogCapture, tmp_path: Path) -> None:
    """The child runs for many times as long as it may be silent."""
    pids, alive, ended = tmp_path / "pids", tmp_path / "alive" / "child", tmp_path / "ended"
    program = f"{TOUCHES.splitlines()[0]}\n{TOUCHES.splitlines()[1]}\nopen(sys.argv[4], 'a').write('.')"
    house.start(child(program, pids, alive, 4, ended, alive=alive, silence=1.0))
    await until(ended.exists)
    assert len(lives(pids)) == 1
    assert not [entry for entry in lines.entries if entry.get("action") == "child_hangs"]


async def test_a_killed_guard_is_replaced_too(house: Supervisor, lines: LogCapture, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    house.start(child(WAITS, pids))
    await until(lambda: lives(pids))
    guard = next(entry["guard"] for entry in lines.entries if entry["action"] == "child_started")
    os.kill(guard, signal.SIGKILL)
    await until(lambda: len(lives(pids)) == 2)


async def test_a_child_that_keeps_dying_is_started_less_and_less_often(house: Supervisor, lines: LogCapture) -> None:
    house.start(child("raise SystemExit(3)"))
    await until(lambda: sum(entry["action"] == "child_ended" for entry in lines.entries) >= 4)
    pauses = [entry["restart_in"] for entry in lines.entries if entry["action"] == "child_ended"]
    assert pauses[:4] == [0.05, 0.1, 0.2, 0.2]


def test_a_child_that_settled_starts_from_the_first_pause_again() -> None:
    backoff = Backoff(first=0.2, longest=10, settled=30)
    assert backoff.after(previous=0, ran=0) == 0.2
    assert backoff.after(previous=0.2, ran=29) == 0.4
    assert backoff.after(previous=8, ran=1) == 10
    assert backoff.after(previous=8, ran=30) == 0.2


async def test_wrong_settings_end_the_house_with_the_child_s_own_words(house: Supervisor, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "api.log"
    house.start(child("print('SLUICE_PORT: must be a number'); raise SystemExit(2)", name="api", output=log))
    with pytest.raises(ChildRefused, match=r"api refuses to start \(exit code 2\):\nSLUICE_PORT: must be a number"):
        await asyncio.wait_for(house.refused(), 30)


async def test_a_refusal_ends_what_waits_for_the_house(house: Supervisor) -> None:
    house.start(child("raise SystemExit(2)"))
    with pytest.raises(ChildRefused):
        await asyncio.wait_for(house.unless_refused(asyncio.sleep(600)), 30)


async def test_work_that_fails_raises_its_own_error(house: Supervisor) -> None:
    async def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError):
        await house.unless_refused(fail())


async def test_groups_are_stopped_backwards_one_after_the_other(house: Supervisor, tmp_path: Path) -> None:
    ended, ready = tmp_path / "ended", tmp_path / "ready"
    program = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    time.sleep(float(sys.argv[2])); open(sys.argv[3], 'a').write(sys.argv[1]); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); open(sys.argv[4], 'a').write('.')\n"
        "while True: signal.pause()"
    )
    for name, seconds in (("c", 0), ("b", 0.1), ("a", 0.2)):  # the slower the child, the earlier it must get the signal
        house.start(child(program, name, seconds, ended, ready))
    await until(lambda: ready.exists() and ready.read_text() == "...")
    await house.stop()
    assert ended.read_text() == "abc"


async def test_a_hurried_stop_does_not_wait_for_the_grace(house: Supervisor, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    house.start(child(STUBBORN, first, grace=600))
    house.start(child(STUBBORN, second, grace=600))
    await until(lambda: lives(first) and lives(second))
    stopping = asyncio.create_task(house.stop())
    await asyncio.sleep(0)  # the stop reaches the last group meanwhile
    assert not stopping.done()
    house.hurry()
    await asyncio.wait_for(stopping, 30)


async def test_a_child_that_others_need_is_not_hurried(house: Supervisor, tmp_path: Path) -> None:
    ready, ended = tmp_path / "ready", tmp_path / "ended"
    slow = (
        "import pathlib, signal, sys, time\n"
        "def end(*_): time.sleep(0.3); pathlib.Path(sys.argv[2]).touch(); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); pathlib.Path(sys.argv[1]).touch()\n"
        "while True: signal.pause()"
    )
    house.start(child(slow, ready, ended, last=True))
    await until(ready.exists)
    house.hurry()
    await house.stop()
    assert ended.exists()


async def test_a_child_that_waits_to_be_started_again_can_be_stopped(house: Supervisor, lines: LogCapture) -> None:
    house._backoff = Backoff(first=600)
    house.start(child("raise SystemExit(3)"))
    await until(lambda: any(entry["action"] == "child_ended" for entry in lines.entries))
    await asyncio.wait_for(house.stop(), 30)


@pytest.mark.parametrize("turns", range(8))
async def test_a_child_stopped_while_it_is_being_started_does_not_stay(
    house: Supervisor, tmp_path: Path, turns: int
) -> None:
    pids = tmp_path / "pids"
    house.start(child(WAITS, pids, grace=600))
    for _ in range(turns):  # of the event loop: some before, some within, some after the start of its process
        await asyncio.sleep(0)
    await asyncio.wait_for(house.stop(), 30)
    for pid in lives(pids):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_output_is_appended_to_the_child_s_file(house: Supervisor, lines: LogCapture, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "child.log"
    house.start(child("print('a life')", output=log))
    await until(lambda: sum(entry["action"] == "child_ended" for entry in lines.entries) >= 2)
    assert log.read_text().splitlines()[:2] == ["a life", "a life"]


async def test_a_child_that_cannot_be_started_now_is_tried_again(
    house: Supervisor, lines: LogCapture, tmp_path: Path
) -> None:
    (tmp_path / "logs").touch()  # where a folder should be
    house.start(child(WAITS, tmp_path / "pids", output=tmp_path / "logs" / "child.log"))
    await until(lambda: any(entry["action"] == "child_not_started" for entry in lines.entries))
    (tmp_path / "logs").unlink()
    await until(lambda: lives(tmp_path / "pids"))


async def test_the_terminal_s_ctrl_c_reaches_no_child(house: Supervisor, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    house.start(child(WAITS, pids))
    await until(lambda: lives(pids))
    pid = lives(pids)[0]
    assert os.getpgid(pid) == pid != os.getpgid(0)
    assert os.getsid(pid) != os.getsid(0)


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "SIGKILL"), (137, "SIGKILL"), (255, "exit code 255")],
)
def test_an_exit_is_described(code: int, words: str) -> None:
    assert describe_exit(code) == words
