"""How soon an engine's server notices that its answer is no longer wanted."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ollama_worker.engines.base import Engine, Piece
from wire.records import JobRequest


async def seconds_to_close(disconnected: asyncio.Event, engine: Engine, ask: JobRequest) -> float:
    """Seconds from a stream's early end, behind its first piece, until the server sees its connection closed."""
    disconnected.clear()
    stream: Any = engine.generate(ask)
    assert isinstance(await anext(stream), Piece)
    since = time.monotonic()
    await stream.aclose()
    await asyncio.wait_for(disconnected.wait(), 10)
    return time.monotonic() - since
