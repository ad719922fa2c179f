"""The kubelet's question to a worker, asked of real ones: a hung one is started again, a waiting one is left alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.rendering import DEPLOY
from tests.support.house import House
from tests.support.processes import Worker
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until
from wire.keys import Keys

PROBE = DEPLOY / "bases" / "ollama-worker" / "alive.py"
LIMIT = "5"  # seconds instead of the manifest's minute: more than two beats
AT_ONCE = {"ALIVE_LIMIT_SECONDS": "0"}  # who says no to anything that stands still, says it now


def says_alive(worker: Worker, **env: str) -> bool:
    """One asking, as the kubelet's: a process of its own that remembers the last one in a file."""
    command = [sys.executable, str(PROBE), str(worker.pid)]
    done = subprocess.run(command, env={**worker.env, **env}, capture_output=True, text=True, check=False)
    assert done.stderr == "" and done.returncode in (0, 1), done.stderr
    return done.returncode == 0


@pytest.fixture
def house(tmp_path: Path, fresh_valkey: Valkey) -> Iterator[House]:
    house = House(tmp_path, fresh_valkey.url, {"ALIVE_LIMIT_SECONDS": LIMIT})
    yield house
    house.stop()
    print(house.report())
    for path in Path("/tmp").glob("alive-*"):
        path.unlink(missing_ok=True)


async def registered(worker: Worker) -> None:
    await worker.wait_for_action("worker.registered", within=30)


async def test_a_worker_that_hangs_is_found_and_one_that_beats_is_left_alone(
    house: House, fresh_valkey: Valkey
) -> None:
    worker = house.start_worker()
    await registered(worker)
    assert says_alive(worker)
    before = fresh_valkey.command_line("HVALS", Keys("default").beats)
    wait_until(lambda: fresh_valkey.command_line("HVALS", Keys("default").beats) != before, 10, "it beats")
    assert says_alive(worker, **AT_ONCE)  # it has moved since
    worker.pause()
    fresh_valkey.command_line("DEL", Keys("default").beats)  # as those do who reap it
    wait_until(lambda: not says_alive(worker), 20, "the probe says no")
    worker.resume()
    wait_until(lambda: says_alive(worker), 20, "it lives anew, and the probe says yes")


async def test_while_redis_is_away_no_worker_is_started_again(house: House, fresh_valkey: Valkey) -> None:
    worker = house.start_worker()
    await registered(worker)
    assert says_alive(worker)
    fresh_valkey.kill()
    assert all(says_alive(worker, **AT_ONCE) for _ in range(3))


async def test_one_that_waits_for_its_engine_is_left_alone(house: House) -> None:
    worker = house.start_worker(SLUICE_ENGINE="ollama", OLLAMA_URL="http://127.0.0.1:9")
    await worker.wait_for_action("engine.waiting", within=30)
    assert all(says_alive(worker, **AT_ONCE) for _ in range(3))
