"""Looks at a Redis that was given by `REDIS_URL`, before anything is trusted to it."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from wire.client import WrongServer, check_server, open_redis

PATIENCE = 3.0  # seconds until a Redis that does not answer counts as unreachable


class RedisRefused(Exception):
    """The queue cannot be kept there; the message gives the reason and the remedy."""


class RedisFacts(NamedTuple):
    """What a server reports about itself."""

    version: str
    persistent: bool  # its append-only file is on


async def inspect(url: str) -> RedisFacts:
    """Raises RedisRefused where Redis does not answer, is too old, or would drop jobs."""
    redis = open_redis(url, timeout=PATIENCE)
    try:
        async with asyncio.timeout(PATIENCE):
            return await _look(redis)
    except WrongServer as error:
        raise RedisRefused(f"REDIS_URL: {error}") from None
    except (RedisError, OSError, TimeoutError) as error:
        raise RedisRefused(_unreachable(url, error)) from None
    finally:
        await redis.aclose()


async def _look(redis: Redis) -> RedisFacts:
    await redis.ping()
    await check_server(redis)
    server: dict[str, Any] = await redis.info("server")
    persistence: dict[str, Any] = await redis.info("persistence")
    version = server.get("valkey_version") or server.get("redis_version", "of an unknown version")
    return RedisFacts(str(version), bool(persistence.get("aof_enabled")))


def _unreachable(url: str, error: Exception) -> str:
    why = str(error) or f"no answer within {PATIENCE:g} s"
    return (
        f"REDIS_URL: cannot work with Redis at {without_secrets(url)}: {why}. Start it, correct REDIS_URL, or unset "
        "REDIS_URL (also in .env): `sluice up` then starts a Valkey of its own."
    )


def without_secrets(url: str) -> str:
    """The URL as it may be shown: without user and password, and without parameters."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
