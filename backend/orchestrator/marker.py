"""Busy workers' pods are marked, so that Kubernetes takes idle ones when it scales down.

One API process at a time (`lease.py`) looks at what the workers own, every two seconds, and writes what has changed
into the annotation `controller.kubernetes.io/pod-deletion-cost`: a hundred a job, 0 for a pod whose worker runs none.
What others write there is put right by the next list. A pod whose name is longer than a host's may be (63) has another
host name, so it stays as it is.

It is a preference, not a promise. A job that is given between two looks may be on a pod that is still marked idle; if
that pod is chosen, its worker gets SIGTERM, takes no more and finishes what it runs, as any worker that is told to
stop. So a mark that comes late costs some waiting, never an answer, and an API server that is away, or says no, is no
reason to disturb anybody: the lease is left to whoever may reach it, and it is tried again later.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.orchestrator.cluster import Cluster, ClusterError, NoCluster, open_cluster
from backend.orchestrator.leadership import Leadership
from backend.pool.look import Looks
from wire import keys
from wire.workers import WorkerRecord

COST = 100  # a job; between two workers' numbers there is room for what somebody writes by hand
EVERY_SECONDS = 2.0  # a look at the pools is good for so long anyway, and Kubernetes scales by minutes
LEARN_SECONDS = 60.0  # pods come and go, and hands write annotations: a list that is older is asked for anew
PATCHES = 20  # a look: ten a second are nothing to an API server, a busy big pool's would be
LONGEST_SECONDS = 60.0  # between two tries of an API server that is away
log = structlog.get_logger()


class Marker:
    """`run` it as a task. `every`: seconds between two looks."""

    def __init__(self, cluster: Cluster, lease: Leadership, looks: Looks, every: float = EVERY_SECONDS) -> None:
        self._cluster = cluster
        self._lease = lease
        self._looks = looks
        self._every = every
        self._marked: dict[str, int | None] | None = None  # pod → cost as it stands there; None: the lease is not ours
        self._strangers: frozenset[str] = frozenset()  # busy hosts that are no pod
        self._learned = 0.0
        self._failures = 0
        self._trouble = ""

    async def run(self) -> None:
        """Mark until cancelled; the next process follows at once then."""
        try:
            while True:
                await asyncio.sleep(await self.look())
        finally:
            await self._leave()
            self._cluster.close()

    async def look(self) -> float:
        """One look; seconds until the next."""
        try:
            if await self._ours():
                await self._mark(costs((await self._looks.newest()).workers))
                self._is_well()
        except ClusterError as error:
            return await self._stand_back(error)
        except (RedisError, OSError):  # the watchers say so; whose lease it is will be seen
            self._marked = None
        except Exception:  # nothing here is worth the process's life
            log.exception("marking pods failed", action="orchestrator.failed")
            self._marked = None
        return self._every

    async def _ours(self) -> bool:
        held = await self._lease.keep()  # also where a look failed: it is still ours then
        if held and self._marked is not None:
            return True
        self._marked = None
        if not held and not await self._lease.take():
            return False
        self._marked = {}
        await self._learn(())
        if not held:
            log.info("this process marks busy pods", action="orchestrator.leads")
        return True

    async def _mark(self, wanted: dict[str, int]) -> None:
        if self._old(wanted):
            await self._learn(wanted)
        for pod, cost in changes(self._marked or {}, wanted)[:PATCHES]:
            if self._marked is None or not await self._lease.keep():
                self._marked = None
                return
            if await self._cluster.mark(pod, cost):
                self._marked[pod] = cost
            else:
                del self._marked[pod]  # until it is listed again

    def _old(self, wanted: dict[str, int]) -> bool:
        """The list does not know a busy host, or was made too long ago."""
        unknown = {host for host, cost in wanted.items() if cost} - set(self._marked or ()) - self._strangers
        return bool(unknown) or asyncio.get_running_loop().time() - self._learned > LEARN_SECONDS

    async def _learn(self, hosts: Iterable[str]) -> None:
        self._marked = await self._cluster.pods()
        self._strangers = frozenset(hosts) - set(self._marked)
        self._learned = asyncio.get_running_loop().time()

    def _is_well(self) -> None:
        if self._trouble:
            log.info("pods are marked again", action="orchestrator.well")
        self._trouble, self._failures = "", 0

    async def _stand_back(self, error: ClusterError) -> float:
        """One warning a trouble; another process may be luckier meanwhile."""
        if (trouble := type(error).__name__) != self._trouble:
            log.warning("pods are not marked", action="orchestrator.failed", trouble=trouble, reason=str(error))
        self._trouble = trouble
        await self._leave()
        self._failures += 1
        return min(LONGEST_SECONDS, self._every * 2.0 ** min(self._failures, 10))

    async def _leave(self) -> None:
        self._marked = None
        with suppress(RedisError, OSError):
            await self._lease.leave()


async def open_marker(redis: Redis, pool: str, looks: Looks) -> Marker | None:
    """None, and an error in the log, where nothing says where Kubernetes is: chats are served all the same."""
    try:
        return Marker(await open_cluster(), Leadership(redis, keys.orchestrator(pool)), looks)
    except NoCluster as error:
        log.error("pods will not be marked", action="orchestrator.missing", reason=str(error))
        return None


def costs(workers: Iterable[WorkerRecord]) -> dict[str, int]:
    """Host → what its jobs are worth; its host is what a pod is called inside."""
    total: Counter[str] = Counter()
    for worker in workers:
        total[worker.info.host] += worker.owned * COST
    return dict(total)


def changes(marked: dict[str, int | None], wanted: dict[str, int]) -> list[tuple[str, int]]:
    """(pod, cost) where they differ: first those that became busy or idle, which is what decides."""
    found = [(pod, wanted.get(pod, 0)) for pod, cost in marked.items() if cost != wanted.get(pod, 0)]
    return sorted(found, key=lambda one: bool(one[1]) == bool(marked[one[0]]))
