"""Whether this process can let jobs in, and if not, why."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request

from backend.chat.service import ChatService
from backend.errors import queue_refuses
from backend.pool.pools import Pools
from backend.store.schema import Schema
from wire.client import WrongServer, check_server
from wire.reader import FanIn


class Readiness:
    """Answers whether this process can let jobs in. `answer_seconds`: how long Redis may take for its answer."""

    def __init__(
        self, redis: Redis, fan_in: FanIn, pools: Pools, chat: ChatService, schema: Schema, answer_seconds: float
    ) -> None:
        self._redis = redis
        self._fan_in = fan_in
        self._pools = pools
        self._chat = chat
        self._schema = schema
        self._answer_seconds = answer_seconds

    @property
    def readers(self) -> int:
        """How many readers follow a job in this process."""
        return len(self._fan_in.readers)

    async def why_not(self) -> str:
        """Why no job can be let in, a sentence; "" when jobs can be let in."""
        if self._chat.draining:
            return "draining: this process is shutting down"
        try:
            async with asyncio.timeout(self._answer_seconds):
                await check_server(self._redis)
                await self._pools.own.jobs.admits()
        except (RedisError, OSError, TimeoutError) as error:
            refusal = queue_refuses(error)
            return f"redis: {refusal.message}" if refusal else "redis: it does not answer"
        except WrongServer as wrong:
            return f"redis: {wrong}"
        if self._fan_in.link.connection is None:
            return "starting: not yet subscribed to events"
        return self._schema.reason


def readiness_of(request: Request) -> Readiness:
    readiness: Readiness = request.state.readiness
    return readiness
