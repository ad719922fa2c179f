"""What a person's browser would see, from inside the ground: `python -m tests.images.visitor ready|chat|reload`.

The last line that the visitor prints is JSON; `begun` stands before it when the first tokens are there. The engine's
tokens have the time when they were written, on a clock that all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import Any

import httpx

from tests.support.listener import Listener, chat, following, listening, text_of
from tests.support.waiting import eventually

PAGE = "http://127.0.0.1:8080"
TOKEN = re.compile(r"~(\d+):(\d+)~")
FEW = 5


async def be_ready() -> dict[str, Any]:
    """Waits until the API reports, through the page's nginx, that it sees a worker."""
    async with httpx.AsyncClient() as client:
        health = await eventually(lambda: _health(client), 60, "the house is ready")
        as_browser = {"Accept": "text/html"}
        page, metrics = [await client.get(PAGE + path, headers=as_browser) for path in ("/", "/metrics")]
    return {
        "workers": len(health["workers"]),
        "page": page.text,
        "policy": page.headers["content-security-policy"],
        "metrics": metrics.status_code,
    }


async def _health(client: httpx.AsyncClient) -> dict[str, Any] | None:
    try:
        answer = await client.get(f"{PAGE}/health/detailed")
    except httpx.TransportError:
        return None
    health: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
    return health if health.get("workers") else None


async def talk() -> dict[str, Any]:
    """Reads one answer of six seconds."""
    async with listening(PAGE, _wish(120)) as answer:
        await _few(answer)
        read = time.monotonic_ns()
        end = await answer.end()
    numbers, written = _tokens(answer.text)
    return {"numbers": numbers, "first_read": read, "last_written": written[-1], "end": end}


async def come_back() -> dict[str, Any]:
    """Reads an answer whose reader leaves in the middle and comes back."""
    async with listening(PAGE, _wish(40), headers={"X-Sluice-On-Disconnect": "continue"}) as answer:
        await _few(answer)
    async with following(PAGE, answer.job, answer.last_id) as rest:
        end = await rest.end()
    numbers, _ = _tokens(text_of([*answer.events, *rest.events]))
    return {"numbers": numbers, "again": _tokens(rest.text)[0][:1], "end": end}


def _wish(tokens: int) -> dict[str, Any]:
    return chat(json.dumps({"tokens": tokens, "rate": 20}))


async def _few(answer: Listener) -> None:
    await answer.until(lambda listener: len(_tokens(listener.text)[0]) >= FEW, "a few tokens")
    print("begun", flush=True)


def _tokens(text: str) -> tuple[list[int], list[int]]:
    """The tokens' numbers, and when each was written."""
    tokens = TOKEN.findall(text)
    return [int(number) for number, _ in tokens], [int(written) for _, written in tokens]


if __name__ == "__main__":
    wish = {"ready": be_ready, "chat": talk, "reload": come_back}[sys.argv[1]]
    print(json.dumps(asyncio.run(wish())))
