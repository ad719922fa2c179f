"""A process gets SIGTERM soon after its start: it ends, and leaves nothing that other processes would wait for."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.support.child import Child
from tests.support.house import House
from tests.support.processes import START, Api, PythonProcess, Worker, clean_environment
from tests.support.valkey import Valkey
from tests.support.waiting import eventually

MOMENTS = (0.0, 0.2, 0.5, 1.0, 2.0, 3.0)  # seconds after the start
SIGNALLED_WHILE_IT_IMPORTS = """
import os, runpy, signal, sys
number, module, moment = sys.argv[1:]

class Signal:
    def find_spec(self, name, *_):
        if name == moment:
            os.kill(os.getpid(), int(number))

sys.meta_path.insert(0, Signal())
sys.argv = [module]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def stopped_at_import(home: Path, module: str, moment: str, number: signal.Signals) -> int:
    """The exit status of `python -m module` where the signal comes as it begins to import `moment`."""
    command = [sys.executable, "-c", SIGNALLED_WHILE_IT_IMPORTS, str(int(number)), module, moment]
    child = Child("early", command, clean_environment(), home)
    child.start()
    try:
        return child.process.wait(START)
    finally:
        child.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("module", "moment"),
    [
        ("backend", "backend.process"),
        ("backend", "fastapi"),
        ("backend", "sqlalchemy.ext.asyncio"),
        ("ollama_worker", "ollama_worker.process"),
        ("ollama_worker", "pydantic"),
        ("ollama_worker", "redis.asyncio"),
    ],
)
def test_a_signal_during_the_imports_ends_the_process_at_once_and_is_no_failure(
    tmp_path: Path, module: str, moment: str, number: signal.Signals
) -> None:
    assert stopped_at_import(tmp_path, module, moment, number) == 0


def test_a_command_line_that_is_ended_early_has_not_succeeded(tmp_path: Path) -> None:
    """`sluice db migrate` may have done half of its work."""
    assert stopped_at_import(tmp_path, "sluice", "typer", signal.SIGTERM) == 128 + signal.SIGTERM


async def test_a_worker_that_is_stopped_at_any_moment_of_its_start_ends_and_is_registered_nowhere(
    tmp_path: Path, fresh_valkey: Valkey
) -> None:
    house = House(tmp_path, fresh_valkey.url, {})
    workers = [Worker(tmp_path / f"worker{at}", house.env) for at in MOMENTS]
    await stop_each_at_its_moment(workers)
    assert fresh_valkey.command_line("KEYS", "sluice:{default}:worker:*") == b"*0\r\n"
    assert fresh_valkey.command_line("HLEN", "sluice:{default}:beats") == b":0\r\n"


async def test_an_api_that_is_stopped_at_any_moment_of_its_start_ends(tmp_path: Path, fresh_valkey: Valkey) -> None:
    house = House(tmp_path, fresh_valkey.url, {})
    await stop_each_at_its_moment([Api(tmp_path / f"api{at}", house.env) for at in MOMENTS])


async def stop_each_at_its_moment(processes: list[Worker] | list[Api]) -> None:
    """Start them side by side, as new Pythons rather than forks of one that has imported everything."""
    try:
        await asyncio.gather(*(stop_at(process, at) for process, at in zip(processes, MOMENTS, strict=True)))
    finally:
        for process in processes:
            process.stop()


async def stop_at(process: PythonProcess, moment: float) -> None:
    """Start it, signal it `moment` seconds later, and wait for its end: 0, or the signal where Python itself starts."""
    process.command = [sys.executable, "-X", "utf8", *process.command[1:]]
    process.start()
    await asyncio.sleep(moment)
    process.term()
    status = await eventually(lambda: process.returncode, START, f"its end, {moment} s after its start")
    assert status in (0, -signal.SIGTERM), process.tail()
