"""How a worker speaks to a Redis that may be away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from wire.outage import AWAY, Part, redis_outage

T = TypeVar("T")


async def until_answered(call: Callable[[], Awaitable[T]], part: Part | None = None) -> T:
    """Ask until Redis answers. Scripts may be asked again, so a worker and its attempts outlive a restart of Redis;
    what bounds an attempt is its deadline, which somebody else watches.

    `part`: of the outage that the process tells of; None: this call tells of its own, an attempt's with its job's id.
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
    """The result of `work`, or None where `event` is set first: waiting never holds up a worker told to stop."""
    working, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        waiting.cancel()


async def once(call: Awaitable[T]) -> T | None:
    """On the way out nothing waits for a Redis that is away: a reaped life says the same a few seconds later."""
    try:
        return await call
    except AWAY:
        return None
