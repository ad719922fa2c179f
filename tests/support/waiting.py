"""Waiting for what no signal announces: polls with a deadline, and an error that names what did not happen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")
PAUSE = 0.01  # seconds between two looks: cheap beside any process start, short beside any deadline


def wait_until(true: Callable[[], bool], within: float, what: str) -> None:
    """Block until `true()`. `within` in seconds."""
    end = time.monotonic() + within
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within} s: {what}")
        time.sleep(PAUSE)


@overload
async def eventually(look: Callable[[], Awaitable[T | None]], within: float, what: str) -> T: ...
@overload
async def eventually(look: Callable[[], T | None], within: float, what: str) -> T: ...
async def eventually(look: Callable[[], object], within: float, what: str) -> object:
    """The first answer of `look`, a function or a coroutine function, but None and False. `within` in seconds."""
    end = time.monotonic() + within
    while True:
        answer = look()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within} s: {what}")
        await asyncio.sleep(PAUSE)
