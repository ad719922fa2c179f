"""The marks on busy workers' pods, so that Kubernetes takes idle pods when it scales down.

One API process at a time (`leadership.py`) looks at what the workers own, every two seconds, and writes what has
changed into the annotation `controller.kubernetes.io/pod-deletion-cost`: a hundred for each job, 0 for a pod whose
worker runs none. What others write there is put right by the next list. A pod whose name is longer than a host's name
may be (63) has another host name, so it stays as it is.

A mark is a preference, not a promise. A job that is given between two looks may be on a pod that is still marked idle.
If that pod is chosen, its worker gets SIGTERM, takes no more jobs and finishes what it runs, as any worker does. So a
mark that comes late costs some waiting, never an answer. An API server that is away or refuses disturbs no chat: this
process leaves the marking to a process that may reach the server, and tries again later.
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

COST = 100  # of a job; between two workers' numbers there is room for what a person writes by hand
EVERY_SECONDS = 2.0  # a look at the pools is good for so long anyway, and Kubernetes scales by minutes
LEARN_SECONDS = 60.0  # pods come and go, and people write annotations: an older list is fetched anew
PATCHES = 20  # in a look: ten a second are nothing to an API server, all of a busy big pool would be much
LONGEST_SECONDS = 60.0  # between two tries of an API server that is away
log = structlog.get_logger()


class Marker:
    """Marks pods for as long as its task runs (`run`). `every`: seconds between two looks."""

    def __init__(self, cluster: Cluster, leadership: Leadership, looks: Looks, every: float = EVERY_SECONDS) -> None:
        self._cluster = cluster
        self._leadership = leadership
        self._looks = looks
        self._every = every
        self._marked: dict[str, int | None] | None = None  # pod → its cost there; None: this process does not lead
        self._strangers: frozenset[str] = frozenset()  # busy hosts that are no pod
        self._learned = 0.0
        self._failures = 0
        self._trouble = ""

    async def run(self) -> None:
        """Mark until cancelled; then the next process follows at once."""
        try:
            while True:
                await asyncio.sleep(await self.look())
        finally:
            await self._leave()
            self._cluster.close()

    async def look(self) -> float:
        """Look and mark once. Returns the seconds until the next look."""
        try:
            if await self._ours():
                await self._mark(costs((await self._looks.newest()).workers))
                self._is_well()
        except ClusterError as error:
            return await self._stand_back(error)
        except (RedisError, OSError):  # the watchers log that; the next look finds out who leads
            self._marked = None
        except Exception:  # nothing here is worth the process's life
            log.exception("marking pods failed", action="orchestrator.failed")
            self._marked = None
        return self._every

    async def _ours(self) -> bool:
        held = await self._leadership.keep()  # also where a look failed: this process may lead still
        if held and self._marked is not None:
            return True
        self._marked = None
        if not held and not await self._leadership.take():
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
            if self._marked is None or not await self._leadership.keep():
                self._marked = None
                return
            if await self._cluster.mark(pod, cost):
                self._marked[pod] = cost
            else:
                del self._marked[pod]  # until it is listed again

    def _old(self, wanted: dict[str, int]) -> bool:
        """Whether the list lacks a busy host, or was made too long ago."""
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
        """Log each trouble once, and let another process lead, which may be luckier."""
        if (trouble := type(error).__name__) != self._trouble:
            log.warning("pods are not marked", action="orchestrator.failed", trouble=trouble, reason=str(error))
        self._trouble = trouble
        await self._leave()
        self._failures += 1
        return min(LONGEST_SECONDS, self._every * 2.0 ** min(self._failures, 10))

    async def _leave(self) -> None:
        self._marked = None
        with suppress(RedisError, OSError):
            await self._leadership.leave()


async def open_marker(redis: Redis, pool: str, looks: Looks) -> Marker | None:
    """None, and an error in the log, where no configuration names a Kubernetes: chats are served all the same."""
    try:
        return Marker(await open_cluster(), Leadership(redis, keys.orchestrator(pool)), looks)
    except NoCluster as error:
        log.error("pods will not be marked", action="orchestrator.missing", reason=str(error))
        return None


def costs(workers: Iterable[WorkerRecord]) -> dict[str, int]:
    """Host → what its jobs are worth. A worker's host is the name of its pod."""
    total: Counter[str] = Counter()
    for worker in workers:
        total[worker.info.host] += worker.owned * COST
    return dict(total)


def changes(marked: dict[str, int | None], wanted: dict[str, int]) -> list[tuple[str, int]]:
    """The (pod, cost) pairs to write: first pods that became busy or idle, because that decides a scale-down."""
    pairs = [(pod, wanted.get(pod, 0)) for pod, cost in marked.items() if cost != wanted.get(pod, 0)]
    return sorted(pairs, key=lambda pair: bool(pair[1]) == bool(marked[pair[0]]))
