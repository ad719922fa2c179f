"""One caller's view of a job's events, through every pool that the job passes.

A log that ends with `rerouted` goes on in another pool, under the same id and with greater attempts. To the caller both
are one log, and any event of it is a place to go on from.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from redis.exceptions import RedisError
from starlette.requests import Request

from backend.pool.pools import Found, Pool, Pools
from wire.events import START, EventId, LogEntry
from wire.ids import JobId
from wire.reader import JobLost, Reader
from wire.rerouting import carry_on

AGAIN_SECONDS = 0.2


class Trail:
    """A reader like the wire's: call `next_burst` until it returns None. `pool`: where the latest event was."""

    def __init__(self, pools: Pools, stack: AsyncExitStack, job: JobId) -> None:
        self.job = job
        self.pool: Pool
        self._pools = pools
        self._stack = stack
        self._reader: Reader
        self._hung_up = False

    async def enter(self, pool: Pool, after: EventId = START, fresh: bool = False) -> None:
        """Go on in this pool; the subscription stands before this returns. Subscriptions in earlier pools stay, so that
        a count of the job's readers finds this reader in each pool."""
        self._reader = await self._stack.enter_async_context(pool.reader.open(self.job, after, fresh))
        self.pool = pool
        if self._hung_up:
            self._reader.hang_up()

    async def next_burst(self) -> list[LogEntry] | None:
        """New entries in order, as from the wire's reader; [] for a silence, None at the end. Raises JobLost."""
        while (burst := await self._reader.next_burst()) is None and self._reader.rerouted and not self._hung_up:
            await self._go_on()
        return burst

    async def _go_on(self) -> None:
        """Enter the pool that the job was sent to. A job that was lost on the way is let in there now."""
        try:
            if (target := await carry_on(self.pool.jobs, self.job)) is None:
                raise JobLost(self.job)
            await self.enter(self._pools.named(target.pool))
        except (RedisError, OSError):
            await asyncio.sleep(AGAIN_SECONDS)

    @property
    def at_end(self) -> bool:
        """The caller has the job's own end."""
        return self._reader.at_end

    @property
    def quiet(self) -> bool:
        return self._reader.quiet

    @property
    def waiting(self) -> bool:
        return self._reader.waiting

    def tell(self, news: LogEntry) -> None:
        self._reader.tell(news)

    def hang_up(self) -> None:
        """The caller is gone: the next burst is None."""
        self._hung_up = True
        self._reader.hang_up()


class Trails:
    """Opens trails, and knows those that are open."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self.open: set[Trail] = set()

    @asynccontextmanager
    async def follow(self, pool: Pool, job: JobId, after: EventId = START, fresh: bool = False) -> AsyncIterator[Trail]:
        """Follow a job from the event `after`, which is in this pool's log. `fresh`: the job does not exist yet. Raises
        LinkLost."""
        async with AsyncExitStack() as stack:
            trail = Trail(self._pools, stack, job)
            await trail.enter(pool, after, fresh)
            self.open.add(trail)
            try:
                yield trail
            finally:
                self.open.discard(trail)


async def pool_of(path: Sequence[Found], after: EventId) -> Pool:
    """The pool whose log goes on behind `after`. `path`: the job's, not empty. Raises CursorUnknown."""
    found = next((each for each in path if after.attempt <= each.record.attempt), path[-1])
    await found.pool.reader.check_cursor(found.record.id, after)
    return found.pool


def trails_of(request: Request) -> Trails:
    trails: Trails = request.state.trails
    return trails
