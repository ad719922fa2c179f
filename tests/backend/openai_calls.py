"""Callers of `/v1` for tests: the official client on a house of each kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from openai import AsyncOpenAI

from tests.support.processes import Api


@asynccontextmanager
async def openai_client(api: Api) -> AsyncIterator[AsyncOpenAI]:
    """Unmodified, with another base URL; nothing is sent twice by itself, so that a test sees every answer."""
    async with AsyncOpenAI(base_url=api.url + "/v1", api_key="none", max_retries=0, timeout=30) as client:
        yield client


@asynccontextmanager
async def plain_client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """For what the official client would not send."""
    async with httpx.AsyncClient(base_url=api.url, timeout=30) as client:
        yield client
