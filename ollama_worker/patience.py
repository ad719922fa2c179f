"""How a worker calls a Redis that may be away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from wire.outage import AWAY, Part, redis_outage

T = TypeVar("T")


async def until_answered(call: Callable[[], Awaitable[T]], part: Part | None = None) -> T:
    """Repeat the call until Redis answers. A script may be called again, so a worker and its attempts outlive a restart
    of Redis. An attempt is bounded by its job's deadline, which the API processes watch.

    `part`: the part of the process's outage under which a failure is logged; None: this call logs one of its own, which
    an attempt's log lines mark with its job.
    """
    part = part or redis_outage().part("an attempt")
    while True:
        try:
            answer = await call()
        except AWAY as error:
            await part.met(error)
        else:
            part.over()
            return answer


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`, or None where `event` is set first: no wait holds up a worker that is stopped."""
    working, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        waiting.cancel()


async def once(call: Awaitable[T]) -> T | None:
    """One call, without waiting for a Redis that is away (None): a reap has the same effect a few seconds later."""
    try:
        return await call
    except AWAY:
        return None
