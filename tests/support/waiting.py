"""Waiting for what no signal announces: polls with a deadline, and an error that names what did not happen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar, overload

T = TypeVar("T")
# Seconds between two looks, the least and the most: a twentieth of the wait so far. A look is often a request, and a
# hundred of them a second would take the processor from what is waited for.
PAUSES = (0.01, 0.05)


def wait_until(true: Callable[[], bool], within: float, what: str) -> None:
    """Block until `true()`. `within` in seconds."""
    for pause in _pauses(within):
        if true():
            return
        time.sleep(pause)
    raise TimeoutError(f"not within {within} s: {what}")


@overload
async def eventually(look: Callable[[], Awaitable[T | None]], within: float, what: str) -> T: ...
@overload
async def eventually(look: Callable[[], T | None], within: float, what: str) -> T: ...
async def eventually(look: Callable[[], object], within: float, what: str) -> object:
    """The first answer of `look`, a function or a coroutine function, but None and False. `within` in seconds."""
    for pause in _pauses(within):
        answer = look()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer is not None and answer is not False:
            return answer
        await asyncio.sleep(pause)
    raise TimeoutError(f"not within {within} s: {what}")


def _pauses(within: float) -> Iterator[float]:
    """The pause behind each look; the last look is after the deadline, also where this process stood still."""
    begin, waited = time.monotonic(), 0.0
    while waited <= within:
        yield min(max(waited / 20, PAUSES[0]), PAUSES[1])
        waited = time.monotonic() - begin
    yield 0.0
