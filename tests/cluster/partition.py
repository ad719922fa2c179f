"""What a partition divides: an API and a worker with its engine, each in a host of its own, and a queue between them.

    the test's host: Valkey, an API, a worker that can be started    far host: a worker and its engine
                                                                     another: an API

Each far host has two cables: one to the queue, which is cut, and one by which the test looks and sends. The test's host
is not this machine's own network either: other tests use that network meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from tests.cluster.hosts import Cable, Host
from tests.support.child import Child
from tests.support.house import PROMPT, House
from tests.support.processes import Api, Worker
from tests.support.scripted import CHAT, ScriptedEngine
from tests.support.valkey import Valkey

# Tokens a second at most. The far engine sends so slowly that a worker can be reaped within one answer, the near one
# so that what the reaped worker sends late comes within the same.
FAR_RATE, NEAR_RATE = 40.0, 60.0
Process = TypeVar("Process", bound=Child)


class FarHost(NamedTuple):
    host: Host
    queue: Cable  # the cable to cut
    other: Cable  # the cable by which the test looks and sends


class Divided(NamedTuple):
    """The whole house. Everything runs, but for a worker of the test's host, whose engine would be `near_engine`."""

    near: Host
    valkey: Valkey
    house: House
    api: Api
    far_api: Api
    far_worker: Worker
    far_engine: ScriptedEngine
    near_engine: ScriptedEngine
    api_cable: Cable
    worker_cable: Cable


@contextmanager
def divided(home: Path) -> Iterator[Divided]:
    """The whole house, whole and ready."""
    with Host() as near, near.entered(), far_host() as for_api, far_host() as for_worker, ExitStack() as stack:
        server = queue_for(home / "queue", for_api.queue, for_worker.queue)
        far_engine = ScriptedEngine(home / "far-engine", FAR_RATE, for_worker.other.there)
        for_worker.host.takes_in(far_engine)
        near_engine = ScriptedEngine(home / "engine", NEAR_RATE)
        for child in (server, far_engine, near_engine):
            stack.callback(child.stop)
            child.start()
        engine = {"SLUICE_ENGINE": "ollama", "MODEL_NAME": CHAT, "OLLAMA_BASE_URL": near_engine.url}
        house = House(home, server.url, engine)
        stack.callback(lambda: print(house.report()))
        stack.callback(house.stop)
        worker, far_api = a_worker_at(for_worker, house, far_engine.url, server), an_api_at(for_api, house, server)
        api = an_api_near(near, house)
        for process in (api, far_api):
            process.wait_ready(workers=1)
        yield Divided(
            near, server, house, api, far_api, worker, far_engine, near_engine, for_api.queue, for_worker.queue
        )


@contextmanager
def far_host() -> Iterator[FarHost]:
    with Host() as host:
        yield FarHost(host, host.cable(), host.cable())


def queue_for(home: Path, *cables: Cable) -> Valkey:
    """A durable server that listens at this end of each cable too."""
    ends = ["--bind", "127.0.0.1", *(cable.here for cable in cables)]
    return Valkey(home, appendonly=True, options=[*ends, "--protected-mode", "no"])


def started_on(host: Host, process: Process, among: list[Process]) -> Process:
    """Runs a process in the host; it ends with the house that it is `among`."""
    host.takes_in(process)
    among.append(process)
    process.start()
    return process


def an_api_near(near: Host, house: House) -> Api:
    return started_on(near, Api(house.home / "api", house.env), house.apis)


def a_worker_near(near: Host, house: House) -> Worker:
    return started_on(near, Worker(house.home / "worker", house.env), house.workers)


def a_worker_at(far: FarHost, house: House, engine: str, server: Valkey) -> Worker:
    """A worker. `engine`: the URL of its own."""
    env = {**house.env, "OLLAMA_BASE_URL": engine, "REDIS_URL": f"redis://{far.queue.here}:{server.port}"}
    return started_on(far.host, Worker(house.home / "far-worker", env, "far-worker"), house.workers)


class FarApi(Api):
    """An API that listens on an address of its own."""

    @property
    def url(self) -> str:
        return f"http://{self.env['SLUICE_HOST']}:{self.port}"


def an_api_at(far: FarHost, house: House, server: Valkey) -> Api:
    listens = {"SLUICE_HOST": far.other.there, "SLUICE_ALLOW_OPEN": "1"}
    env = {**house.env, **listens, **PROMPT, "REDIS_URL": f"redis://{far.queue.here}:{server.port}"}
    return started_on(far.host, FarApi(house.home / "far-api", env, "far-api"), house.apis)


class Monitor:
    """Every command that clients send to a server, as the server prints them; the scripts' own calls are left out."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.lines: list[str] = []

    def of(self, *words: str) -> list[str]:
        """The commands with all of these words in them."""
        return [line for line in self.lines if all(word in line for word in words)]

    async def listen(self) -> None:
        while line := await self._reader.readline():
            if b" lua] " not in line:
                self.lines.append(line.decode(errors="replace"))


@contextlib.asynccontextmanager
async def monitored(server: Valkey) -> AsyncIterator[Monitor]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"MONITOR\r\n")
    assert await reader.readline() == b"+OK\r\n"
    monitor = Monitor(reader)
    ear = asyncio.create_task(monitor.listen())
    try:
        yield monitor
    finally:
        ear.cancel()
        await asyncio.gather(ear, return_exceptions=True)
        writer.close()
