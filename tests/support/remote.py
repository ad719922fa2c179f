"""LangServe's own client, closed by the test that opened it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from langserve import RemoteRunnable


@asynccontextmanager
async def remote_runnable(url: str) -> AsyncIterator[RemoteRunnable[Any, Any]]:
    """The client without its finalizer, which starts a thread where the garbage collector happens to run; where that is
    in a thread pool that is just starting one, it waits for a lock that its own thread holds: for ever."""
    with patch("langserve.client._close_clients", lambda *clients: None):
        runnable: RemoteRunnable[Any, Any] = RemoteRunnable(url)
    yield runnable
    await runnable.async_client.aclose()
    runnable.sync_client.close()
