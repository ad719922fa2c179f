"""Requests beyond what a process can handle are refused, and do not make the others late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from starlette.types import Receive, Scope, Send

from backend.dialects.protocols import PROTOCOLS
from backend.entrance import crowd
from backend.entrance.context import has_body
from backend.entrance.crowd import Crowd, Pending
from backend.entrance.protocols import SPOKEN, Protocols
from backend.errors import Unavailable

protocol_at = Protocols(PROTOCOLS).at


class Hall:
    """An app whose requests do as their paths are called: `/stream` starts its answer and goes on, `/let-in` has its
    job let in and waits for the job's end, every other path waits before it answers. `open` ends all requests."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.within = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if has_body(scope):
            await receive()
            await crowd.begin(scope)
        self.within += 1
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/let-in":
            crowd.leave(scope)
        await self.open.wait()
        if scope["path"] != "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Asked:
    """A request to `app`, and its answer. `body` comes once `sent` is set."""

    def __init__(self, app: Any, path: str, body: bytes = b"") -> None:
        self.status, self.headers, self.answer = 0, {}, b""
        self.sent = asyncio.Event()
        length = [(b"content-length", b"%d" % len(body))] if body else []
        scope = {"type": "http", "method": "POST", "path": path, "headers": length, SPOKEN: protocol_at(path)}
        self._body = body
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        await self.sent.wait()
        return {"type": "http.request", "body": self._body}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.answer += message.get("body", b"")


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    hall = Hall()
    yield hall
    hall.open.set()


async def settle() -> None:
    """Wait until nothing in this process goes on by itself any more."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages", "/api/lc/chat/stream"])
async def test_a_request_beyond_the_bound_is_refused_in_its_dialect_until_another_ends(hall: Hall, path: str) -> None:
    app = Crowd(hall, max_requests=2, max_pending=10, max_bytes=10_000)
    first = [Asked(app, "/stream"), Asked(app, "/stream")]
    await settle()
    refused = Asked(app, path)
    await refused.task
    assert (refused.status, refused.headers[b"retry-after"]) == (503, b"1")
    shown = orjson.loads(refused.answer)
    assert "overloaded" in (
        shown.get("code"),
        (shown["error"] if isinstance(shown["error"], dict) else {}).get("code"),
    ) or (shown["type"] == "error")
    for health in ("/health/live", "/health", "/api/health"):
        Asked(app, health)
    await settle()
    assert hall.within == 2 + 3
    hall.open.set()
    await asyncio.gather(*(requested.task for requested in first))
    after = Asked(app, path)
    await after.task
    assert after.status == 200


async def test_bodies_that_are_not_let_in_yet_are_bounded_together(hall: Hall) -> None:
    app = Crowd(hall, max_requests=100, max_pending=100, max_bytes=1_000)
    first, let_in = Asked(app, "/waits", b"x" * 600), Asked(app, "/let-in", b"x" * 400)
    upload = Asked(app, "/v1/files", b"x" * 5_000)  # goes to the disk as it comes
    for requested in (first, let_in, upload):
        requested.sent.set()
    await settle()
    assert hall.within == 3
    more = Asked(app, "/waits", b"x" * 400)  # the bytes of what is let in are free again
    more.sent.set()
    await settle()
    assert hall.within == 4
    refused = Asked(app, "/waits", b"x")
    refused.sent.set()
    with pytest.raises(Unavailable, match="more requests"):
        await refused.task
    hall.open.set()
    await first.task
    again = Asked(app, "/waits", b"x" * 500)
    again.sent.set()
    await again.task
    assert again.status == 200


async def test_open_streams_and_jobs_that_are_let_in_are_not_pending(hall: Hall) -> None:
    app = Crowd(hall, max_requests=100, max_pending=2, max_bytes=10_000)
    waiting = []
    for path in ["/stream", "/let-in"] * 20:
        waiting.append(Asked(app, path))
        await settle()
    assert hall.within == 40 and not any(requested.task.done() for requested in waiting)


async def test_pending_requests_are_bounded(hall: Hall) -> None:
    app = Crowd(hall, max_requests=100, max_pending=2, max_bytes=10_000)
    requested = [Asked(app, "/pending") for _ in range(5)]
    await settle()
    assert [each.status for each in requested] == [0, 0, 503, 503, 503]
    hall.open.set()
    await asyncio.gather(*(each.task for each in requested))
    later = Asked(app, "/pending")
    await later.task
    assert later.status == 200


async def test_a_request_is_pending_once_its_body_has_come(hall: Hall) -> None:
    """Else a thousand requests whose bodies come slowly, or never, would keep all others out."""
    app = Crowd(hall, max_requests=100, max_pending=2, max_bytes=10_000)
    slow = [Asked(app, "/pending", b"{}") for _ in range(10)]
    quick = Asked(app, "/pending")
    await settle()
    assert hall.within == 1
    slow[0].sent.set()
    await settle()
    assert hall.within == 2
    slow[1].sent.set()
    await settle()
    with pytest.raises(Unavailable):
        await slow[1].task
    for each in slow:
        each.task.cancel()
    await asyncio.gather(*(each.task for each in slow), return_exceptions=True)
    assert not quick.task.done() and hall.within == 2


async def test_a_caller_who_leaves_while_it_waits_frees_its_place() -> None:
    gate = Pending(3, 10_000)
    waiting = [asyncio.create_task(gate.turn()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert gate.pending == 0
    await gate.turn()
    assert gate.pending == 1


async def test_a_few_requests_begin_in_each_turn_of_the_loop_in_the_order_in_which_they_came() -> None:
    gate, begun = Pending(1_000, 10_000), []

    async def begin(number: int) -> None:
        await gate.turn()
        begun.append(number)

    tasks = [asyncio.create_task(begin(number)) for number in range(100)]
    steps = []
    while len(begun) < 100:
        before = len(begun)
        await asyncio.sleep(0)
        steps.append(len(begun) - before)
    assert begun == [*range(100)] and max(steps) <= crowd.BEGIN
    await asyncio.gather(*tasks)
