"""The runner of each API process: it takes batches that no process works on, a few at a time, and holds them.

A hold lasts some seconds and is renewed while the process lives; a process that was killed leaves its batches to the
others. The hold only keeps two processes from doing the same work: the result does not depend on it (see `work`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog

from backend.batches import repository
from backend.batches.answering import AGAIN, Answering
from backend.batches.service import Batches
from backend.batches.states import CANCELLING
from backend.batches.work import Work, end_all
from backend.chat.service import ChatService
from backend.dialects.responses.service import Responses
from backend.files.service import Files
from backend.ids import BatchId
from backend.moments import now_ms
from backend.pool.pools import Pools
from backend.store.database import Database, DatabaseAway

HOLD_MS = 6_000  # five missed renewals
RENEW_SECONDS = 1.0  # also how soon a cancel is seen
LOOK_SECONDS = 1.0
AT_ONCE = 8  # batches that a process works on: each has few jobs in flight, and none waits for another's end
SWEEP_SECONDS = 600.0
log = structlog.get_logger()


class Runner:
    """Takes batches and works on them. `work`: makes the work on one batch."""

    def __init__(
        self,
        batches: Batches,
        database: Database,
        files: Files,
        chat: ChatService,
        work: Callable[[BatchId, str, asyncio.Event], Work],
    ) -> None:
        self._batches = batches
        self._database = database
        self._files = files
        self._chat = chat
        self._work = work
        self._me = secrets.token_hex(8)
        self._runs: dict[BatchId, asyncio.Task[None]] = {}
        self._swept = -SWEEP_SECONDS

    async def run(self) -> None:
        """Run until cancelled. SQL that is away, and anything else that may go wrong, is waited for."""
        try:
            while True:
                await self._try_turn()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._batches.wake.wait()
                self._batches.wake.clear()
        finally:
            await self._leave_all()

    async def _try_turn(self) -> None:
        try:
            await self._turn()
        except DatabaseAway:
            pass
        except Exception:
            log.exception("looking for batches failed", action="batch.look_failed")

    async def _turn(self) -> None:
        if self._chat.draining:  # the others may have them at once
            return await self._leave_all()
        self._runs = {batch_id: run for batch_id, run in self._runs.items() if not run.done()}
        now = now_ms()
        if room := AT_ONCE - len(self._runs):
            async with self._database.read() as tx:
                free = await repository.free(tx, now, room)
            for batch_id in free:
                if batch_id not in self._runs and await self._hold(batch_id):
                    self._runs[batch_id] = asyncio.create_task(self._carry(batch_id))
        await self._sweep()

    async def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._swept >= SWEEP_SECONDS:
            self._swept = now
            await self._files.sweep()

    async def _leave_all(self) -> None:
        runs, self._runs = self._runs, {}
        await end_all(set(runs.values()))

    # -- one batch -------------------------------------------------------------------------------------------------
    async def _carry(self, batch_id: BatchId) -> None:
        """Work on a batch for as long as it is held. After an error the hold runs out: that is the pause."""
        with structlog.contextvars.bound_contextvars(request_id=batch_id):
            log.info("working on a batch", action="batch.held", batch=batch_id)
            cancelling = asyncio.Event()
            work = asyncio.create_task(self._work(batch_id, self._me, cancelling).run())
            keep = asyncio.create_task(self._keep(batch_id, cancelling))
            try:
                await asyncio.wait({work, keep}, return_when=asyncio.FIRST_COMPLETED)
                for ended in (work, keep):
                    if ended.done():
                        ended.result()
            except AGAIN as error:
                log.warning("a batch waits", action="batch.waits", batch=batch_id, error=type(error).__name__)
            except asyncio.CancelledError:
                await end_all({work, keep})
                await self._let_go(batch_id)
                raise
            except Exception:
                log.exception("a batch broke", action="batch.broken", batch=batch_id)
            finally:
                await end_all({work, keep})

    async def _keep(self, batch_id: BatchId, cancelling: asyncio.Event) -> None:
        """Renew the hold until it is lost. A database that is away does not take it from its holder."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with suppress(DatabaseAway):
                if not await self._hold(batch_id):
                    return
                async with self._database.read() as tx:
                    batch = await repository.held(tx, batch_id, self._me)
                if batch is not None and batch.status == CANCELLING:
                    cancelling.set()

    async def _hold(self, batch_id: BatchId) -> bool:
        now = now_ms()
        async with self._database.write() as tx:
            return await repository.take(tx, batch_id, self._me, now, now + HOLD_MS)

    async def _let_go(self, batch_id: BatchId) -> None:
        with suppress(DatabaseAway):
            async with self._database.write() as tx:
                await repository.let_go(tx, batch_id, self._me)


@asynccontextmanager
async def running(runner: Runner) -> AsyncIterator[None]:
    """Inside, the runner works."""
    work = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        await end_all({work})


def build_runner(
    batches: Batches,
    database: Database,
    files: Files,
    *,
    chat: ChatService,
    pools: Pools,
    responses: Responses,
    window: int,
) -> Runner:
    """`window`: lines of a batch that are in flight at the same time."""
    breath, bounds = batches.breath, responses.bounds
    answering = partial(Answering, chat=chat, pools=pools, responses=responses, breath=breath)
    work = partial(
        Work, database=database, files=files, breath=breath, bounds=bounds, window=window, answering=answering
    )
    return Runner(batches, database, files, chat, work)
