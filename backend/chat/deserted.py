"""What becomes of a job whose caller has gone away before its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from itertools import repeat

import structlog
from redis.exceptions import RedisError

from backend.chat.disconnect import OnDisconnect
from backend.pool.pools import Pools
from wire.ids import JobId

PATIENT_TRIES = 40
PATIENT_SECONDS = 3.0  # so long may other API processes take to subscribe again: they may follow a deserted job
SOON_SECONDS = 0.1  # the job is unknown to every caller, and may be a short one
AGAIN_SECONDS = 1.0
log = structlog.get_logger()


class Deserted:
    """Cancels jobs that were deserted, in the background. `stop` ends that when this process itself is leaving."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._later: set[asyncio.Task[None]] = set()
        self._stopped = False

    def left(self, job: JobId, on_disconnect: OnDisconnect) -> None:
        """The caller of this job went away before its end."""
        if on_disconnect.seconds is not None and not self._stopped:
            self._soon(self._cancel_later(job, on_disconnect.seconds))

    def withdraw(self, job: JobId) -> None:
        """The caller was refused, although the job may have been accepted: it must not run without any caller."""
        self._soon(self._withdraw(job))

    def refused(self, job: JobId) -> None:
        """The request of this job is refused: the job is cancelled, unless another request has joined it."""
        self._soon(self._refuse(job))

    def stop(self) -> None:
        """From now on no disconnect cancels a job."""
        self._stopped = True

    def close(self) -> None:
        """This process is leaving: jobs whose callers are in their grace run on."""
        for task in self._later:
            task.cancel()

    def _soon(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _cancel_later(self, job: JobId, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await _patiently(lambda: self._cancel(job), repeat(PATIENT_SECONDS, PATIENT_TRIES))

    async def _withdraw(self, job: JobId) -> None:
        """Looks for the job twice: a Redis that hung may read the cancel before the accept."""
        for _ in range(2):
            if await _patiently(lambda: self._pools.cancel(job, "client_gone"), soon()):
                return
            await asyncio.sleep(AGAIN_SECONDS)

    async def _refuse(self, job: JobId) -> None:
        async def unless_joined() -> None:
            if await self._pools.deserted(job):
                await self._pools.cancel(job, "refused")

        await _patiently(unless_joined, soon())

    async def _cancel(self, job: JobId) -> None:
        """Cancel, unless another caller follows the job in any API process; never because this process is leaving."""
        if not self._stopped and await self._pools.deserted(job):
            state = await self._pools.cancel(job, "client_gone")
            log.info("the caller is gone", action="job.deserted", job_id=job, state=state)


def soon() -> Iterator[float]:
    """Pauses that begin short and become `PATIENT_SECONDS`: no other process has to be waited for."""
    for number in range(PATIENT_TRIES):
        yield min(SOON_SECONDS * 2**number, PATIENT_SECONDS)


async def _patiently(act: Callable[[], Awaitable[object]], pauses: Iterable[float]) -> object:
    """Act as soon as Redis answers, with a try before each pause. Returns the result; None where Redis stays away."""
    for pause in pauses:
        with suppress(RedisError, OSError):
            return await act()
        await asyncio.sleep(pause)
    return None
