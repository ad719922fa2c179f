"""Whatever a worker's credentials may write into Redis: no process ends, and a chat works afterwards.

One house for all of them: an API and a worker on a real server with the manifests' own users. Each poison is written
with the worker's rights; then the operator's pages are read and a chat is answered, by the same processes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from redis import Redis

from tests.deploy.locked import PASSWORDS, LockedValkey, locked_valkey
from tests.support.house import House
from tests.support.waiting import wait_until
from wire.keys import Keys

WITHIN = 40.0  # a poisoned life is reaped ten seconds after its last beat
KEYS = Keys("default")

# `:x` is a key of the pool; `W` the living worker, `J` a job that has ended, `G` one that never was; `LAST` the last id
# that a stream can have; `HUGE` a number of thirty digits.
POISONS = {
    # what the API's loops read
    "an ended job whose name is no text": "XADD :finished * job \xff state completed",
    "an ended job without a name": "XADD :finished * nonsense \x00",
    "an ended job that never was": "XADD :finished * job G state banana",
    "an ended job in the far future": "XADD :finished 99999999999999-0 job J state completed",
    "the last id that `finished` can have": "XADD :finished LAST job J",
    "a beat that is no number": "HSET :beats evil abc",
    "a beat of thirty digits": "HSET :beats evil HUGE",
    "a life whose name is no text": "HSET :beats \xff 1",
    "a life that nobody lives": "HSET :beats evil 1",
    "a job that takes longer than the world": 'HSET :worker:W info {"job_seconds":1e308}',
    "a worker with numbers for names": 'HSET :worker:W info {"engine":5,"host":{},"models":{"m":{"x":[]}}}',
    "counts beyond 64 bits": 'HSET :worker:W info {"tokens":1e300,"protocol":-1,"gpus":[1,{"name":{}}]}',
    "info that is no JSON": "HSET :worker:W info \xff{",
    "a skew that is no number": "HSET :clock skew abc",
    "a skew that is not a number": "HSET :clock skew nan",
    "an infinite skew": "HSET :clock skew inf",
    "steps that are no number": "HSET :clock steps abc",
    "an epoch that is no number": "HSET :clock epoch abc run x",
    "a clock that is a text": "SET :clock x",
    "a circuit that is no JSON": "HSET :circuits simulated|m nonsense",
    "a circuit of other types": 'HSET :circuits \xff {"state":5,"opened":1e300}',
    "a circuit that opens in the year 5138": 'HSET :circuits e|m {"state":"open","opened":99999999999999,"reason":"x"}',
    "circuits that are a text": "SET :circuits x",
    "a model whose name is no text": 'HSET :models \xff {"context_length":"abc","capabilities":5}',
    "a model that is a list": "HSET :models m [1]",
    "models that are a text": "SET :models x",
    # the worker's own keys
    "an order of an attempt beyond 64 bits": "XADD :inbox:W * do run job J attempt HUGE",
    "an order that is no text": "XADD :inbox:W * do \xff",
    "an order for a job that is no text": "XADD :inbox:W * do run job \xff attempt 1",
    "the last id that an inbox can have": "XADD :inbox:W LAST do drain",
    "an inbox that is a text": "SET :inbox:W x",
    "a worker that is a text": "SET :worker:W x",
    "a worker that is gone": "DEL :worker:W",
    "a worker without a beat": "HDEL :beats W",
    "a worker whose beat is no number": "HSET :beats W abc",
    "slots that are no number": "HSET :worker:W slots abc",
    "jobs it owns that never were": "SADD :owned:W G \xff",
    "jobs it owns that are a text": "SET :owned:W x",
    "loaded models that are a text": "SET :loaded:W x",
    # what the scripts read of the queue
    "a free worker that never was": "ZADD :idle 1e300 ghost",
    "free workers that are a text": "SET :idle x",
    "a returned job that never was": "ZADD :front:interactive 0 G",
    "a returned job that has ended": "ZADD :front:interactive 0 J",
    "a returned job that is no text": "ZADD :front:interactive -inf \xff",
    "returned jobs that are a text": "SET :front:interactive x",
    "a tenant without jobs": "ZADD :ring:interactive -inf nobody",
    "tenants that are a text": "SET :ring:batch x",
    "a deadline of a job that never was": "ZADD :due 0 G",
    "a deadline of a job that has ended": "ZADD :due 0 J",
    "deadlines that are a text": "SET :due x",
    "a demand for nothing": "XADD :demand * nonsense \xff",
    "the last id that `demand` can have": "XADD :demand LAST job G",
    "demand that is a text": "SET :demand x",
    "arrivals that are no number": "SET :arrivals abc",
    "as many arrivals as there can be": "SET :arrivals 9223372036854775807",
    "bytes that are no number": "HSET :bytes total abc",
    "more bytes than fit": "HSET :bytes total 99999999999999",
    "bytes that are a text": "SET :bytes x",
    "the last id that the dead letters can have": "XADD :dead LAST job G",
    "dead letters that are a text": "SET :dead x",
    "ended jobs that are a text": "SET :finished x",
    "beats that are a text": "SET :beats x",
    # a job's own keys
    "a record of numbers that are none": "HSET :job:J attempt abc accepted HUGE due - given:x y tenant \xff",
    "a record in no state": "HSET :job:J state banana",
    "a record that is a text": "SET :job:J x",
    "a log of what is no event": "XADD :events:J * e nonsense",
    "a log that is a text": "SET :events:J x",
    "a published event of a job that is nonsense": "PUBLISH :live:J nonsense",
}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockedValkey]:
    with locked_valkey(tmp_path_factory.mktemp("locked")) as server:
        yield server


@pytest.fixture(scope="module")
def house(locked: LockedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    def url(user: str) -> str:
        return f"redis://{user}:{PASSWORDS[user]}@127.0.0.1:{locked.port}/0"

    house = House(tmp_path_factory.mktemp("house"), url("api"), {})
    try:
        house.start_worker(REDIS_URL=url("worker"))
        house.start_api().wait_ready(workers=1)
        yield house
    finally:
        house.stop()
        print(house.report())


@pytest.fixture(scope="module")
def evil(locked: LockedValkey) -> Iterator[Redis]:
    with Redis(port=locked.port, username="worker", password=PASSWORDS["worker"]) as redis:
        yield redis


def chat(house: House) -> str | None:
    """The id of a job that was answered; None where it was refused or was not answered in time."""
    body = {"messages": [{"role": "user", "content": "!tokens 3"}], "stream": False}
    try:
        answer = httpx.post(house.url + "/api/chat", json=body, timeout=15)
    except httpx.TimeoutException:
        return None
    return answer.headers["X-Sluice-Job"] if answer.status_code == 200 and answer.json()["done"] else None


def reads(house: House, path: str) -> bool:
    return httpx.get(house.url + path).status_code == 200


def write(evil: Redis, house: House, poison: str) -> None:
    living = [worker["id"] for worker in httpx.get(house.url + "/health/detailed").json()["workers"]]
    names = {
        "W": max(living, key=len),
        "J": chat(house) or "",
        "G": secrets.token_hex(8),
        "LAST": "18446744073709551615-18446744073709551615",
        "HUGE": "9" * 30,
    }

    def meant(word: str) -> bytes:
        if word.startswith(":"):
            parts = [names.get(part, part) for part in word.split(":")]
            return (KEYS.prefix + ":".join(parts)).encode()
        return names.get(word, word).encode("latin-1")

    evil.execute_command(*map(meant, poison.split(" ")))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("poison", POISONS)
def test_no_process_ends_and_a_chat_works(house: House, evil: Redis, poison: str) -> None:
    processes = [child.pid for child in house.children()]
    house.api.wait_ready(workers=1)
    write(evil, house, POISONS[poison])
    for path in ("/api/models", "/health/ready", "/health/detailed", "/api/admin/jobs", "/api/admin/dead"):
        wait_until(partial(reads, house, path), WITHIN, f"{path} is answered")
    for _ in range(2):
        wait_until(lambda: chat(house), WITHIN, "a chat is answered")
    assert [child.pid for child in house.children() if child.alive] == processes


def test_no_loop_of_the_house_met_an_unforeseen_error(house: House) -> None:
    """After all poisons: each was foreseen, and costs no traceback."""
    wait_until(lambda: chat(house), WITHIN, "a chat is answered")
    lines = [line for child in (*house.apis, *house.workers) for line in child.log_lines()]
    unforeseen = [line for line in lines if line.get("action") in ("loop.failed", "house.broken", "worker.broken")]
    assert not unforeseen, unforeseen
