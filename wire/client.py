"""Redis clients with the settings that this design needs, which are not the library's defaults.

redis-py waits 5 s and retries ten times by default: a refused connection would take seconds, and a BLOCK that is longer
than the timeout fails. Every write here is idempotent, so one retry on a broken (not a slow) connection is safe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

CONNECTIONS = 64  # a thousand awaits at once queue for these instead of failing


class _Steady(AbstractConnection):
    """A connection that mends two faults in how redis-py sends.

    redis-py waits with `asyncio.wait_for`, which on Python 3.11 swallows a cancellation that comes as the write ends: a
    loop that was cancelled then runs for ever. And under uvloop a write to a connection that was reset a moment ago
    raises RuntimeError, where callers expect a lost connection.
    """

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        limit, self.socket_timeout = self.socket_timeout, None  # without a timeout redis-py awaits the write directly
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            raise RedisTimeoutError("Timeout writing to socket") from None
        except RuntimeError as error:
            await self.disconnect(nowait=True)
            raise RedisConnectionError(f"connection to Redis lost: {error}") from error
        finally:
            self.socket_timeout = limit


def open_redis(url: str, timeout: float, connections: int = CONNECTIONS) -> Redis:
    """A client that answers or raises within about `timeout` seconds. Replies are bytes."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        protocol=2,
    )
    # The URL decides the kind of connection: TCP, TLS or a unix socket.
    pool.connection_class = type("Steady", (_Steady, pool.connection_class), {})
    return Redis.from_pool(pool)


class WrongServer(Exception):
    """Redis answers, but is set up so that jobs could be lost; the message has the command that mends it."""


async def check_server(redis: Redis) -> None:
    """Raises WrongServer where jobs could be evicted, or the server is too old for the scripts' flags (Redis 7)."""
    info = await redis.info("server")
    major = int(str(info.get("valkey_version") or info.get("redis_version", "0")).split(".")[0])
    if major < 7:
        raise WrongServer(f"Redis {major} is too old: Sluice needs Redis 7 or Valkey 8, or newer.")
    policy = (await redis.info("memory")).get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise WrongServer(
            f"Redis has maxmemory-policy {policy} and would drop queued jobs when it is full. "
            "Run: CONFIG SET maxmemory-policy noeviction (and set it in its configuration file)."
        )


UNREACHABLE = (RedisConnectionError, RedisTimeoutError, OSError)
