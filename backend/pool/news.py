"""Where waiting callers stand: position, ETA and reason, sent once at the start and then once a second at most.

However many callers wait, a process runs the `places` script once a second for each pool. The ETA is that of
`backend/pool/expected.py`: without a worker that takes jobs, or without a measured job, there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Literal

from starlette.requests import Request

from backend.pool.expected import eta
from backend.pool.look import Looks, PoolLook
from backend.pool.pools import Pool
from backend.pool.trail import Trail, Trails
from wire import places
from wire.events import LogEntry, Queued, encode
from wire.ids import JobId
from wire.outage import Outage, redis_outage, repeat

EVERY_SECONDS = 1.0
SOON_SECONDS = 0.02  # most jobs have started by then, and need no news at all
AT_ONCE = 500  # jobs a script call


class News:
    """Sends news to the readers of this process; `soon(reader)` asks for the first news of a caller that just came."""

    def __init__(self, trails: Trails, looks: Looks, outage: Outage | None = None) -> None:
        self._outage = outage or redis_outage()
        self._trails = trails
        self._looks = looks
        self._sent: dict[Trail, bytes] = {}
        self._new: set[Trail] = set()
        self._wake = asyncio.Event()

    def soon(self, reader: Trail) -> None:
        self._new.add(reader)
        self._wake.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(repeat(self._send_to_all, self._outage.part("news")))
            tasks.create_task(repeat(self._send_to_new, self._outage.part("first news")))

    async def place(self, pool: Pool, job: JobId) -> Queued | None:
        """Where one job stands, None when it waits for nothing."""
        snapshot = places.read(await pool.jobs.places([job]))
        return _news(snapshot.places[0], await self._look_at(pool))

    async def _send_to_all(self) -> None:
        await asyncio.sleep(EVERY_SECONDS)
        readers = [reader for reader in self._trails.open if reader.quiet]
        self._sent = {reader: self._sent[reader] for reader in readers if reader in self._sent}
        await self._send(readers)

    async def _send_to_new(self) -> None:
        await self._wake.wait()
        await asyncio.sleep(SOON_SECONDS)
        self._wake.clear()
        readers, self._new = [reader for reader in self._new if reader.quiet], set()
        await self._send(readers)

    async def _send(self, readers: list[Trail]) -> None:
        for group in _by_pool(reader for reader in readers if reader.waiting):
            for i in range(0, len(group), AT_ONCE):
                await self._send_in_pool(group[0].pool, group[i : i + AT_ONCE])

    async def _send_in_pool(self, pool: Pool, readers: Sequence[Trail]) -> None:
        snapshot = places.read(await pool.jobs.places([reader.job for reader in readers]))
        look = await self._look_at(pool)
        for reader, place in zip(readers, snapshot.places, strict=True):
            news = _news(place, look)
            if news is not None and (body := encode(news)) != self._sent.get(reader):
                self._sent[reader] = body
                reader.tell(LogEntry(None, body))

    async def _look_at(self, pool: Pool) -> PoolLook:
        """Empty for a pool that this process does not route over."""
        return (await self._looks.newest()).pools.get(pool.name, PoolLook())


def _by_pool(readers: Iterable[Trail]) -> list[list[Trail]]:
    groups: dict[str, list[Trail]] = {}
    for reader in readers:
        groups.setdefault(reader.pool.name, []).append(reader)
    return list(groups.values())


def _news(place: places.Place, look: PoolLook) -> Queued | None:
    if place.state == "queued":
        reason: Literal["waiting", "starting_worker"] = "waiting" if look.workers else "starting_worker"
        seconds = eta(look, place.position)
        return Queued(position=place.position, eta_seconds=seconds, reason=reason, detail=place.note or None)
    if place.state == "running" and place.note == "loading_model":
        return Queued(position=0, reason="loading_model")
    return None


def news_of(request: Request) -> News:
    news: News = request.state.news
    return news
