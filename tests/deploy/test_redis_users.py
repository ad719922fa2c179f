"""The queue's users on a real server, as the redis base makes them: each can do what it needs and nothing else."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, RedisError

from backend.orchestrator.leadership import Leadership
from tests.deploy.locked import FOLDER, PASSWORDS, LockedValkey, locked_valkey, make_users
from tests.deploy.rendering import ROOT
from tests.support.house import House
from tests.support.valkey import PATIENT, Valkey
from tests.support.waiting import wait_until
from wire.client import open_redis
from wire.jobs import Bounds, JobPipe
from wire.keys import Keys, idempotency, orchestrator
from wire.records import JobRecord, JobRequest
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRegistry

# Debian's Redis 7.0, the oldest that is promised to work, in a package without a service: its one program is the server
# server when it is called so.
OLDEST = "redis-check-rdb"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockedValkey]:
    with locked_valkey(tmp_path_factory.mktemp("locked")) as server:
        yield server


def url(server: Valkey, user: str) -> str:
    return f"redis://{user}:{PASSWORDS[user]}@127.0.0.1:{server.port}/0"


def client(server: Valkey, user: str) -> Redis:
    password = PASSWORDS.get(user, "none")
    return Redis(port=server.port, username=user, password=password, decode_responses=True)


def refused(redis: Redis, *command: str) -> bool:
    try:
        redis.execute_command(*command)
    except NoPermissionError:
        return True
    except RedisError:  # the user may, and the server has another objection
        return False
    return False


@pytest.fixture(scope="module")
def admin(locked: LockedValkey) -> Redis:
    return client(locked, "admin")


# The processes


@pytest.fixture
def house(locked: LockedValkey, tmp_path: Path, admin: Redis) -> Iterator[House]:
    """An API and a worker as their users, with nothing refused so far."""
    admin.flushall()
    admin.execute_command("ACL", "LOG", "RESET")
    house = House(tmp_path, url(locked, "api"), {})
    try:
        house.start_worker(REDIS_URL=url(locked, "worker"))
        house.start_api().wait_ready(workers=1)
        yield house
    finally:
        house.stop()
        print(house.report())


def test_nothing_that_the_api_and_the_workers_do_is_refused_to_their_users(house: House, admin: Redis) -> None:
    """A day of both: every dialect, a cancel, a resumed stream, a lost worker, a dead letter, every reading."""
    with httpx.Client(base_url=house.url, timeout=60) as browser:
        talk_in_every_dialect(browser)
        cancel_one(browser)
        lose_a_worker(house, browser)
        read_everything(browser)
    house.stop()
    assert refusals(admin.execute_command("ACL", "LOG")) == []
    assert admin.xlen(Keys("default").demand) == 0


def talk_in_every_dialect(browser: httpx.Client) -> None:
    words = [{"role": "user", "content": "!tokens 5"}]
    headers = {"Idempotency-Key": "one"}
    for _ in range(2):  # the same key: the second joins the first
        whole(browser.post("/api/chat", json={"messages": words, "stream": False}, headers=headers))
    whole(browser.post("/api/generate", json={"prompt": "!tokens 5", "stream": False}))
    whole(browser.post("/v1/chat/completions", json={"model": "qwen2.5:0.5b", "messages": words}))
    turn = {"input": {"messages": [{"type": "human", "content": "!tokens 5"}]}}
    whole(browser.post("/api/lc/chat/stream", json=turn))
    answer = whole(browser.post("/api/chat", json={"messages": words}))
    whole(browser.get(f"/api/jobs/{answer.headers['X-Sluice-Job']}/events"))


def whole(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code == 200, answer.text
    return answer


def begin(browser: httpx.Client, tokens: int) -> str:
    """Submits a job whose caller goes away at its first token; returns its id."""
    body = {"messages": [{"role": "user", "content": f"!tokens {tokens}"}]}
    headers = {"X-Sluice-On-Disconnect": "continue"}
    with browser.stream("POST", "/api/chat", json=body, headers=headers) as answer:
        assert answer.status_code == 200
        next(answer.iter_bytes())
        return str(answer.headers["X-Sluice-Job"])


def cancel_one(browser: httpx.Client) -> None:
    job = begin(browser, 100_000)
    assert browser.post(f"/api/jobs/{job}/cancel").is_success or browser.delete(f"/api/jobs/{job}").is_success


def lose_a_worker(house: House, browser: httpx.Client) -> None:
    """The job of a killed worker goes back to the queue and to another worker."""
    job = begin(browser, 300)
    house.worker.kill()
    house.start_worker(REDIS_URL=str(house.worker.env["REDIS_URL"]))

    def ended() -> bool:
        return browser.get(f"/api/jobs/{job}").json().get("state") == "completed"

    wait_until(ended, 40, "the lost worker's job is completed by another")


def read_everything(browser: httpx.Client) -> None:
    """Reads every path that takes no argument and whose answer has an end."""
    paths = browser.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        if "get" in methods and "{" not in path and "event-stream" not in str(methods["get"]):
            wait_until(partial(reads, browser, path), 30, f"{path} is answered")


def reads(browser: httpx.Client, path: str) -> bool:
    """Whether the path was answered, or refused to a caller who shall try again: a busy machine refuses so."""
    with browser.stream("GET", path) as answer:
        assert answer.status_code < 500 or "retry-after" in answer.headers, (path, answer.status_code)
        return answer.status_code < 500


def refusals(log: Sequence[dict[str, Any]]) -> list[str]:
    """The refusals of the log: user, reason, command or key."""
    return [f"{entry['username']}: {entry['reason']} {entry['object']} ({entry['context']})" for entry in log]


CALL = r"(?:call|peek|put)\('([A-Z_]+)'"  # a command as the scripts write it
DIRECT = {"HGETALL", "XREAD", "XRANGE", "XREVRANGE"}  # what a worker calls itself


def test_a_worker_may_call_what_the_scripts_call_and_nothing_more() -> None:
    """The test reads the file: a script's commands are checked as its caller's, so none of them can be left out."""
    scripts = "".join(path.read_text() for path in (ROOT / "wire" / "scripts").glob("*.lua"))
    [line] = [line for line in read_lines("users.acl") if line.startswith("user worker ")]
    allowed = {word[1:].upper() for word in line.split() if re.fullmatch(r"\+[a-z_]+", word)}
    assert allowed == set(re.findall(CALL, scripts)) | DIRECT | {"XADD", "TIME", "INFO", "EVALSHA"}


@pytest.mark.parametrize("user", ["api", "worker"])
def test_every_command_of_every_script_is_allowed(locked: LockedValkey, user: str) -> None:
    """The check includes scripts that a short day never runs."""
    scripts = "".join(path.read_text() for path in (ROOT / "wire" / "scripts").glob("*.lua"))
    called = set(re.findall(CALL, scripts)) | {"XADD"}  # `append`
    assert len(called) > 35
    with client(locked, user) as redis:
        for command in sorted(called - {"TIME", "INFO"}):
            assert not refused(redis, *arguments(redis, command)), command
        assert not refused(redis, "TIME") and not refused(redis, "INFO", "memory")


def arguments(redis: Redis, command: str) -> list[str]:
    """As few arguments as the command takes, all of them names of keys that do not exist."""
    count = max(abs(KNOWN.get(command, 0)), 2)
    return [command, *["sluice:{acl}:none"] * (count - 1)]


# Arity of commands that take more than a key; with too few arguments the server refuses before it checks the user.
KNOWN = {
    "HSET": 4, "HSETNX": 4, "HINCRBY": 4, "HMGET": 3, "HGET": 3, "HDEL": 3, "HEXISTS": 3, "SET": 3, "PEXPIRE": 3,
    "PUBLISH": 3, "SADD": 3, "SREM": 3, "SISMEMBER": 3, "SMISMEMBER": 3, "XADD": 5, "XDEL": 3, "XRANGE": 4,
    "XREVRANGE": 4, "XTRIM": 4, "ZADD": 4, "ZINTER": 3, "ZRANGE": 4, "ZRANGEBYSCORE": 4, "ZREVRANGE": 4, "ZRANK": 3,
    "ZREM": 3, "ZSCORE": 3, "HINCRBYFLOAT": 4, "ZINCRBY": 4, "ZCOUNT": 4, "XREAD": 4, "LRANGE": 4, "SETEX": 4,
}  # fmt: skip


# What the users may not do


DANGEROUS = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"),
    ("CONFIG", "GET", "*"),
    ("SHUTDOWN",),
    ("DEBUG", "SLEEP", "0"),
    ("ACL", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("CLIENT", "LIST"),
    ("MONITOR",),
    ("REPLICAOF", "203.0.113.7", "6379"),
    ("MODULE", "LIST"),
    ("SAVE",),
    ("GET", "another-applications-key"),
    ("PUBLISH", "another-applications-channel", "x"),
)


@pytest.mark.parametrize("user", ["api", "worker", "keda", "probe"])
def test_no_user_may_harm_the_server_or_look_beyond_our_keys(locked: LockedValkey, user: str) -> None:
    with client(locked, user) as redis:
        assert [command for command in DANGEROUS if not refused(redis, *command)] == []


NO_BUSINESS = (
    ("EVAL", "return 1", "0"),
    ("EVAL_RO", "return 1", "0"),
    ("FUNCTION", "LIST"),
    ("FUNCTION", "FLUSH"),
    ("FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('x', function() return 1 end)"),
    ("FCALL", "x", "0"),
    ("SCRIPT", "FLUSH"),
    ("SCRIPT", "KILL"),
    ("SCAN", "0"),
    ("RANDOMKEY",),
    ("XGROUP", "DESTROY", "sluice:{acl}:none", "recorders"),
)
NO_BUSINESS_OF_A_WORKER = (
    *NO_BUSINESS,
    ("SCRIPT", "EXISTS", "0" * 40),
    ("XGROUP", "CREATE", "sluice:{acl}:none", "another", "0"),
    ("XREADGROUP", "GROUP", "recorders", "me", "STREAMS", "sluice:{acl}:none", ">"),
    ("XACK", "sluice:{acl}:none", "recorders", "1-1"),
    ("SUBSCRIBE", "sluice:{acl}:live:1"),
    ("MULTI",),
    ("RENAME", "sluice:{acl}:none", "sluice:{acl}:other"),
    ("RESTORE", "sluice:{acl}:none", "0", "x"),
    ("EXPIRE", "sluice:{acl}:none", "1"),
    ("UNLINK", "sluice:{acl}:none"),
    ("APPEND", "sluice:{acl}:none", "x"),
    ("SETRANGE", "sluice:{acl}:none", "536870911", "x"),
)


@pytest.mark.parametrize("user", ["api", "worker"])
def test_a_command_that_no_process_calls_is_refused(locked: LockedValkey, user: str) -> None:
    with client(locked, user) as redis:
        commands = NO_BUSINESS if user == "api" else NO_BUSINESS_OF_A_WORKER
        assert [command for command in commands if not refused(redis, *command)] == []


@pytest.mark.parametrize("oldest", [False, True], ids=["newest", "oldest"])
async def test_a_running_job_outlives_a_restart_of_the_locked_server(oldest: bool, tmp_path: Path) -> None:
    """Servers before Valkey 9 check a script's writes against the default user when they replay the append-only file:
    where that user is off and may do nothing, every accepted job and every given one is lost."""
    program = oldest_server(tmp_path) if oldest else None
    with locked_valkey(tmp_path, appendonly=True, program=program) as server:
        before = await play_a_job(server)
        written(server)
        server.restart()
        api = open_redis(url(server, "api"), PATIENT)
        record = await JobPipe(api, Keys("default")).record("a-job")
        await api.aclose()
    assert before is not None and before == record
    assert (before.state, before.owner) == ("running", "w")


async def play_a_job(server: LockedValkey) -> JobRecord | None:
    """A job that is accepted by the API, given to a worker and started by it."""
    api, worker = open_redis(url(server, "api"), PATIENT), open_redis(url(server, "worker"), PATIENT)
    keys, bounds = Keys("default"), Bounds(10, 10, 3, 60_000)
    try:
        registry = WorkerRegistry(worker, keys)
        await registry.register("w", 1, WorkerInfo("simulated", {}))
        await registry.ask("w", True)
        assert await JobPipe(api, keys).accept("a-job", JobRequest(model="m"), bounds, tenant="t") == "ok"
        assert await JobPipe(worker, keys).start("a-job", "w", 1, b'{"type":"started"}') is not None
        return await JobPipe(api, keys).record("a-job")
    finally:
        await api.aclose()
        await worker.aclose()


def written(server: LockedValkey) -> None:
    with client(server, "admin") as admin:
        wait_until(lambda: not admin.info("persistence")["aof_buffer_length"], 10, "its file is written")


def oldest_server(folder: Path) -> str:
    program = shutil.which(OLDEST)
    assert program, "install Debian's redis-tools: the oldest server that is promised to work is tested, never skipped"
    (folder / "redis-server").symlink_to(program)
    return str(folder / "redis-server")


def test_the_oldest_server_is_one_that_checks_the_default_user(tmp_path: Path) -> None:
    program = oldest_server(tmp_path)
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert "v=7.0." in version, f"a server that is too new proves nothing: {version}"


@pytest.mark.parametrize("key", [idempotency("somebodys"), orchestrator("default")])
def test_a_worker_may_not_touch_what_api_processes_keep_among_themselves(locked: LockedValkey, key: str) -> None:
    with client(locked, "worker") as worker, client(locked, "api") as api:
        assert refused(worker, "GET", key)
        assert not refused(api, "GET", key)


def test_the_api_may_take_keep_and_leave_the_lease_of_marking(locked: LockedValkey) -> None:
    async def live() -> list[bool]:
        redis = open_redis(url(locked, "api"), PATIENT)
        lease = Leadership(redis, orchestrator("default"))
        try:
            results = [await lease.take(), await lease.keep()]
            await lease.leave()
            return [*results, await lease.keep()]
        finally:
            await redis.aclose()

    assert asyncio.run(live()) == [True, True, False]


def test_keda_may_ping_and_read_the_length_of_a_demand(locked: LockedValkey, admin: Redis) -> None:
    """As its client does: HELLO with user and password, its own name (which it may be refused), PING, XLEN."""
    admin.xadd(Keys("default").demand, {"job": "1"})
    with client(locked, "keda") as keda:
        assert keda.ping() is True
        assert keda.xlen(Keys("default").demand) == 1
        assert keda.xlen(Keys("another").demand) == 0
    with Redis(port=locked.port, username="keda", password=PASSWORDS["keda"], protocol=3) as keda:
        assert keda.xlen(Keys("default").demand) == 1


def test_keda_may_do_nothing_else(locked: LockedValkey) -> None:
    keys = Keys("default")
    commands = (
        ("XLEN", keys.dead),
        ("XLEN", keys.finished),
        ("XRANGE", keys.demand, "-", "+"),
        ("XADD", keys.demand, "*", "job", "1"),
        ("DEL", keys.demand),
        ("HGETALL", keys.job("1")),
        ("SUBSCRIBE", keys.live("1")),
        ("INFO",),
        ("EVAL", "return 1", "0"),
    )
    with client(locked, "keda") as keda:
        assert [command for command in commands if not refused(keda, *command)] == []


def test_the_kubelet_may_ping_and_do_nothing_else(locked: LockedValkey) -> None:
    with client(locked, "probe") as probe:
        assert probe.ping() is True
        assert refused(probe, "XLEN", Keys("default").demand)


def test_a_caller_without_a_name_is_refused(locked: LockedValkey) -> None:
    for command in (("PING",), ("INFO",), ("XLEN", Keys("default").demand)):
        assert locked.command_line(*command).startswith(b"-NOAUTH"), command


def test_the_file_holds_no_password(tmp_path: Path) -> None:
    assert make_users(tmp_path / "users.acl", **PASSWORDS).returncode == 0
    written = (tmp_path / "users.acl").read_text()
    assert not any(password in written for password in PASSWORDS.values())
    assert (tmp_path / "users.acl").stat().st_mode & 0o077 == 0


def test_a_password_that_could_be_guessed_is_refused(tmp_path: Path) -> None:
    done = make_users(tmp_path / "users.acl", **{**PASSWORDS, "keda": "short"})
    assert done.returncode != 0 and "16" in done.stderr
    assert not (tmp_path / "users.acl").exists()


def test_the_server_keeps_what_it_is_given(admin: Redis) -> None:
    """The manifest's own configuration, less what this test needs otherwise (port, folder, append-only file)."""
    wanted = dict(line.split(" ", 1) for line in read_lines("valkey.conf"))
    assert wanted["appendonly"] == "yes" and wanted["appendfsync"] == "everysec"
    assert wanted["maxmemory-policy"] == "noeviction" and wanted["maxmemory"] == "2gb"
    assert wanted["dir"] == "/data" and wanted["aclfile"] == "/run/users/users.acl"  # where the volumes are
    assert admin.config_get("maxmemory")["maxmemory"] == str(2 * 2**30)
    assert admin.config_get("latency-tracking")["latency-tracking"] == "no"


def read_lines(name: str) -> list[str]:
    return [line for line in (FOLDER / name).read_text().splitlines() if line and not line.startswith("#")]
