"""The parts of a cluster, and how Kubernetes replaces each: the new one first, then the old one as its manifest says.

A process that was told to stop is no longer counted: while it drains, the next is replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.cluster.lives import is_asking, owned_by
from tests.images.nginx import Nginx
from tests.support.child import Child
from tests.support.house import House
from tests.support.processes import START, Api, Worker
from tests.support.truth import Truth
from tests.support.valkey import Valkey
from tests.support.waiting import eventually

# Seconds. In the manifests it is 5, for proxies on other machines, which learn late; here the only proxy knows at once.
PRE_STOP = 0.3
MANY = 3  # so many times as long as one process may take to start: here several start at once, beside fifty streams


class Cluster:
    """APIs behind the page's nginx, workers, and the queue's server. nginx's upstreams stand for a Service's endpoints.

    `grace`: seconds that a process may take to leave after its signal.
    """

    def __init__(self, home: Path, house: House, server: Valkey, truth: Truth, grace: float) -> None:
        self.nginxes: list[Nginx] = []
        self._home = home
        self._house = house
        self._server = server
        self._truth = truth
        self._grace = grace
        self._apis: list[Api] = []
        self._workers: list[Worker] = []
        self._leaving: list[Child] = []

    @property
    def entrance(self) -> str:
        return self.nginxes[-1].url

    @property
    def database_url(self) -> str:
        return self._house.env["DATABASE_URL"]

    async def start(self, apis: int, workers: int) -> None:
        self._workers = [self._house.start_worker() for _ in range(workers)]
        self._apis = [self._house.start_api() for _ in range(apis)]
        for api in self._apis:
            await api.ready(MANY * START)
            await api.sees_workers(workers, MANY * START)
        self._start_nginx()

    def stop(self) -> None:
        for nginx in self.nginxes:
            nginx.stop()
            print(nginx.tail())

    # -- one after the other -----------------------------------------------------------------------------------
    async def replace_apis(self) -> list[int]:
        """How many streams each API had open when it was no endpoint any more."""
        open_streams = []
        for old in list(self._apis):
            new = self._house.start_api()
            await new.ready(MANY * START)
            await self._endpoints(*self._apis, new)
            await self._endpoints(*(api for api in self._apis if api is not old))
            open_streams.append(await streams_of(old))
            await asyncio.sleep(PRE_STOP)
            self._tell_to_stop(old)
        await self._all_have_left()
        return open_streams

    async def replace_workers(self, *, hurried: int) -> list[int]:
        """How many jobs each worker ran when it got SIGTERM. The last `hurried` get the signal twice, and so give
        their jobs back; the others end them."""
        running = []
        for number, old in enumerate(list(self._workers)):
            new = self._house.start_worker()
            await is_asking(self._truth, new)
            self._workers = [*(worker for worker in self._workers if worker is not old), new]
            running.append(await owned_by(self._truth, old))
            self._tell_to_stop(old)
            if number >= len(self._workers) - hurried:
                await old.wait_for_action("worker.draining")
                old.term()
        await self._all_have_left()
        return running

    async def replace_nginx(self) -> None:
        """The process's address is what is in front of it: new connections come to the new one."""
        old = self.nginxes[-1]
        self._start_nginx()
        await asyncio.sleep(PRE_STOP)
        old.quit()
        self._leaving.append(old)
        await self._all_have_left()

    @asynccontextmanager
    async def server_away(self) -> AsyncIterator[None]:
        """A StatefulSet of one: the old process has ended before the new one is begun, on the same volume."""
        self._server.term()
        await self._has_left(self._server)
        yield
        self._server.start()
        for api in self._apis:
            await api.ready()

    # -- steps -------------------------------------------------------------------------------------------------
    def _start_nginx(self) -> None:
        nginx = Nginx(self._home / f"nginx{len(self.nginxes)}", [api.port for api in self._apis])
        nginx.start()
        self.nginxes.append(nginx)

    async def _endpoints(self, *apis: Api) -> None:
        self._apis = list(apis)
        await self.nginxes[-1].reload([api.port for api in apis])

    def _tell_to_stop(self, child: Child) -> None:
        child.term()
        self._leaving.append(child)

    async def _all_have_left(self) -> None:
        """Waits until all have ended within their grace, by themselves."""
        for child in self._leaving:
            await self._has_left(child)
        self._leaving.clear()

    async def _has_left(self, child: Child) -> None:
        await eventually(lambda: child.returncode, self._grace, f"{child.name} has left")
        assert child.returncode == 0, child.tail()


async def streams_of(api: Api) -> int:
    answer = await api.get("/metrics/streams")
    assert answer is not None and answer.status_code == 200, api.tail()
    return int(answer.json()["streams"])
