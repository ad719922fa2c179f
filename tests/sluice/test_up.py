"""`sluice up` as a process, with a real Valkey: it starts, survives deaths of its children, and leaves nothing."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis
from redis.exceptions import RedisError

from sluice.address import healthy
from tests.sluice.conftest import PATIENT, Ups
from tests.sluice.family import alive, find, named
from tests.support.child import free_port
from tests.support.valkey import Valkey

# With the signal as a terminal has it: these tests themselves may run under nohup.
OF_A_TERMINAL = (
    "import runpy, signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "runpy.run_module('tests.sluice.standins.up', run_name='__main__')"
)


async def test_a_house_comes_up_and_stops_in_order(ups: Ups) -> None:
    up = ups()
    await up.up()
    assert healthy(f"http://127.0.0.1:{up.port}")
    await up.workers_listen(1)
    up.term()
    assert await up.wait_for_exit(PATIENT) == 0
    assert (up.data_dir / "ended").read_text().splitlines() == ["api with redis", "worker with redis"]
    up.family_ends(0)


async def test_ctrl_c_is_a_clean_stop(ups: Ups) -> None:
    up = ups()
    await up.up()
    up.signal(signal.SIGINT)
    assert await up.wait_for_exit(PATIENT) == 0
    up.family_ends(0)


async def test_a_second_ctrl_c_does_not_wait_for_a_worker_that_will_not_end(ups: Ups) -> None:
    up = ups(WORKER_STUBBORN="1", SLUICE_GRACE_SECONDS="600")
    await up.up()
    await up.workers_listen(1)
    up.signal(signal.SIGINT)
    await up.wait_for_action("stopping", PATIENT)
    up.signal(signal.SIGINT)
    assert await up.wait_for_exit(PATIENT) == 0
    up.family_ends(0)


async def test_kill_9_of_the_parent_leaves_no_orphan_and_keeps_the_order(ups: Ups) -> None:
    up = ups(SLUICE_WORKERS="2")
    await up.up()
    await up.workers_listen(2)
    assert len(up.look()) == 8  # API, two workers, Valkey, and a guard for each
    up.kill()
    up.family_ends()
    ended = (up.data_dir / "ended").read_text().splitlines()
    assert sorted(ended) == ["api with redis", "worker with redis", "worker with redis"]


async def test_kill_9_of_the_parent_ends_a_worker_that_will_not_end(ups: Ups) -> None:
    up = ups(WORKER_STUBBORN="1", SLUICE_GRACE_SECONDS="0")
    await up.up()
    await up.workers_listen(1)
    up.kill()
    up.family_ends()


async def test_the_next_up_waits_until_a_killed_one_has_ended(ups: Ups) -> None:
    killed = ups(WORKER_STUBBORN="1", SLUICE_GRACE_SECONDS="0")  # the killed house's worker is killed 3 s later
    await killed.up()
    await killed.workers_listen(1)
    killed.kill()
    after = ups(PORT=str(killed.port))
    await after.up()
    assert not alive(killed.family)


@pytest.mark.parametrize("program", ["standins.worker", "standins.api", "valkey-server"])
async def test_a_killed_child_is_started_again(ups: Ups, program: str) -> None:
    up = ups()
    await up.up()
    await up.workers_listen(1)
    before = named(up.look(), program)
    os.kill(before, signal.SIGKILL)
    await up.wait_for_action("child_ended", PATIENT, code=137)
    after = await up.see(lambda: find(up.look(), program), f"{program} runs again")
    assert after != before


async def test_queued_jobs_survive_a_restart(ups: Ups) -> None:
    up = ups()
    await up.up()
    up.redis().set("yesterday", "kept")
    up.term()
    await up.wait_for_exit(PATIENT)
    await up.up()
    assert up.redis().get("yesterday") == b"kept"


async def test_the_embedded_valkey_may_fill_a_part_of_the_memory_and_refuses_more(ups: Ups) -> None:
    up = ups(SLUICE_VALKEY_MB="64")
    await up.up()
    memory: Any = up.redis().info("memory")
    assert (memory["maxmemory"], memory["maxmemory_policy"]) == (64 * 1024**2, "noeviction")


async def test_acknowledged_writes_survive_kill_9_of_valkey(ups: Ups) -> None:
    up = ups()
    valkey = named(await up.up(), "valkey-server")
    up.redis().set("acknowledged", "kept")
    os.kill(valkey, signal.SIGKILL)
    assert await up.see(lambda: get_or_none(up.redis(), "acknowledged"), "Valkey answers again") == b"kept"


def get_or_none(redis: Redis, key: str) -> bytes | None:
    """The value; None while Redis is away."""
    try:
        return cast("bytes | None", redis.get(key))
    except RedisError:
        return None


async def test_a_second_start_takes_less_than_five_seconds(ups: Ups) -> None:
    up, taken = ups(), list[float]()
    while len(taken) < 4 and min(taken[1:], default=5) >= 5:  # a loaded machine may be slow once
        began = time.monotonic()
        await up.up()
        taken.append(time.monotonic() - began)
        up.term()
        await up.wait_for_exit(PATIENT)
    assert min(taken[1:]) < 5, taken


async def test_a_second_up_on_the_same_folder_is_refused(ups: Ups) -> None:
    first, second = ups(), ups()
    await first.up()
    second.start()
    assert await second.wait_for_exit(PATIENT) == 1
    assert f"already runs on {first.data_dir} (pid {first.pid}, http://127.0.0.1:{first.port})" in second.tail()
    assert first.alive


async def test_two_houses_live_in_two_folders(ups: Ups, tmp_path: Path) -> None:
    first, other = ups(tmp_path / "one"), ups(tmp_path / "other")
    await first.up()
    await other.up()
    first.redis().set("own", "1")
    assert other.redis().get("own") is None


async def test_a_taken_port_is_named(ups: Ups, valkey: Valkey) -> None:
    up = ups(SLUICE_PORT=str(valkey.port))
    up.start()
    assert await up.wait_for_exit(PATIENT) == 1
    assert f"SLUICE_PORT: {valkey.port} is in use" in up.tail()


async def test_a_redis_that_is_not_there_is_reported_at_once(ups: Ups) -> None:
    closed_port = free_port()
    up = ups(REDIS_URL=f"redis://:secret@127.0.0.1:{closed_port}")
    up.start()
    assert await up.wait_for_exit(PATIENT) == 1
    assert f"REDIS_URL: cannot work with Redis at redis://127.0.0.1:{closed_port}" in up.tail()
    assert "secret" not in up.tail()


async def test_a_redis_that_accepts_and_never_answers_is_given_up(ups: Ups, fresh_valkey: Valkey) -> None:
    fresh_valkey.pause()
    up = ups(REDIS_URL=fresh_valkey.url)
    up.start()
    assert await up.wait_for_exit(PATIENT) == 1
    assert "REDIS_URL: cannot work with Redis" in up.tail()
    fresh_valkey.resume()


async def test_a_redis_that_would_forget_jobs_is_refused_with_the_command_to_type(ups: Ups, tmp_path: Path) -> None:
    forgetful = Valkey(tmp_path / "forgetful", options=["--maxmemory-policy", "allkeys-lru"])
    forgetful.start()
    try:
        up = ups(REDIS_URL=forgetful.url)
        up.start()
        assert await up.wait_for_exit(PATIENT) == 1
        assert "CONFIG SET maxmemory-policy noeviction" in up.tail()
    finally:
        forgetful.stop()


async def test_a_redis_that_is_given_is_used_and_not_stopped(ups: Ups, fresh_valkey: Valkey) -> None:
    up = ups(REDIS_URL=fresh_valkey.url)
    family = await up.up()
    assert not [command for command in family.values() if "valkey-server" in command]
    up.term()
    assert await up.wait_for_exit(PATIENT) == 0
    assert fresh_valkey.alive


async def test_redis_may_be_given_in_a_env_file(ups: Ups, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"REDIS_URL=redis://127.0.0.1:{free_port()}\n")
    up = ups()
    up.start()
    assert await up.wait_for_exit(PATIENT) == 1
    assert "REDIS_URL: cannot work with Redis" in up.tail()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "example.org"])
async def test_an_address_that_others_can_reach_is_refused(ups: Ups, host: str) -> None:
    up = ups(SLUICE_HOST=host)
    up.start()
    assert await up.wait_for_exit(PATIENT) == 2
    assert f"SLUICE_HOST {host} can be reached" in up.tail()
    assert "SLUICE_ALLOW_OPEN=1" in up.tail()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLUICE_PORT", "80000"),
        ("SLUICE_PORT", "http"),
        ("SLUICE_WORKERS", "-1"),
        ("SLUICE_ENGINE", "abacus"),
        ("REDIS_URL", "x"),
    ],
)
async def test_a_wrong_setting_is_named(ups: Ups, name: str, value: str) -> None:
    up = ups(home=None, **{name: value})
    up.start()
    assert await up.wait_for_exit(PATIENT) == 2
    assert f"sluice: {name}: " in up.tail()


async def test_a_worker_that_refuses_its_settings_ends_the_house(ups: Ups) -> None:
    up = ups(WORKER_REFUSES="1")
    up.start()
    assert await up.wait_for_exit(PATIENT) == 1
    assert "worker-1 refuses to start" in up.tail()
    assert "SLUICE_SLOTS" in up.tail()


async def test_a_broken_append_only_file_is_reported_and_not_retried(ups: Ups) -> None:
    up = ups()
    await up.up()
    up.redis().set("key", "x" * 1000)
    up.term()
    await up.wait_for_exit(PATIENT)
    log = next((up.data_dir / "valkey" / "appendonlydir").glob("*.incr.aof"))
    log.write_bytes(b"*3\r\n$3\r\nSET\r\nnonsense" + log.read_bytes())
    up.start()
    assert await up.wait_for_exit(PATIENT) == 1
    assert "valkey refuses to start" in up.tail()
    up.family_ends(0)


async def test_a_house_without_a_worker_runs(ups: Ups) -> None:
    up = ups(SLUICE_WORKERS="0")
    family = await up.up()
    assert not [command for command in family.values() if "standins.worker" in command]


async def test_the_queue_is_for_this_user_only(ups: Ups) -> None:
    """The same holds in folders that were made before, open to every user."""
    up = ups()
    (up.data_dir / "valkey").mkdir(parents=True)
    for folder in (up.data_dir, up.data_dir / "valkey"):
        folder.chmod(0o755)
    await up.up()
    socket = up.data_dir / "valkey" / "valkey.sock"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(up.data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((up.data_dir / "valkey").stat().st_mode) == 0o700
    settings = up.redis().config_get("*")
    assert settings["port"] == "0"
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"


async def test_a_long_data_folder_gets_its_socket_elsewhere(ups: Ups, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    up = ups(SLUICE_DATA_DIR=str(deep))
    await up.up()
    assert up.redis().ping()
    socket = Path(up.redis().connection_pool.connection_kwargs["path"])
    try:
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert deep not in socket.parents
    finally:
        up.clean_up()
        shutil.rmtree(socket.parent)


async def test_a_house_stopped_before_it_is_up_leaves_nothing(ups: Ups) -> None:
    up = ups()
    up.start()
    await up.see((up.data_dir / "valkey").exists, "it has begun")
    up.look()
    up.term()
    assert await up.wait_for_exit(PATIENT) == 0
    up.family_ends(5)


async def test_a_data_folder_may_be_called_anything(ups: Ups, tmp_path: Path) -> None:
    up = ups(SLUICE_DATA_DIR=str(tmp_path / 'my "data" 100% ü'))
    await up.up()
    assert up.redis().ping()


async def test_an_ollama_that_is_not_there_yet_does_not_keep_the_house_from_starting(ups: Ups) -> None:
    up = ups(SLUICE_ENGINE="auto", OLLAMA_BASE_URL=f"http://127.0.0.1:{free_port()}")
    await up.up()
    line = await up.wait_for_action("up", PATIENT)
    assert line["engine"] == "ollama"


async def test_a_redis_that_forgets_at_a_restart_is_used_with_a_warning(ups: Ups, valkey: Valkey) -> None:
    up = ups(REDIS_URL=valkey.url)
    await up.up()
    assert "CONFIG SET appendonly yes" in up.log.read_text()


async def test_a_closed_terminal_ends_the_house(ups: Ups) -> None:
    up = ups()
    up.command = [sys.executable, "-c", OF_A_TERMINAL]
    await up.up()
    up.signal(signal.SIGHUP)
    assert await up.wait_for_exit(PATIENT) == 0


async def test_nohup_keeps_the_house(ups: Ups) -> None:
    up = ups()
    up.command = ["nohup", *up.command]
    await up.up()
    await up.workers_listen(1)
    worker = named(up.look(), "standins.worker")
    up.signal(signal.SIGHUP)
    os.kill(worker, signal.SIGKILL)
    await up.wait_for_action("child_ended", PATIENT, code=137)  # `sluice up` still looks after its children
