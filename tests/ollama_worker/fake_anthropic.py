"""Anthropic's true protocol on a loopback port, played from a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from tests.ollama_worker.fake_openai import served


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\n".encode() + b"data: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"


def begin(**usage: int) -> bytes:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    return event("message_start", message=message | {"usage": {"input_tokens": 7, "output_tokens": 1, **usage}})


def block(index: int, **content: Any) -> bytes:
    return event("content_block_start", index=index, content_block=content)


def delta(index: int, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta=fields)


def text(content: str, index: int = 0) -> bytes:
    return delta(index, type="text_delta", text=content)


def end(reason: str = "end_turn", **usage: Any) -> bytes:
    stop = {"stop_reason": reason, "stop_sequence": None}
    return event("message_delta", delta=stop, usage={"output_tokens": 3, **usage}) + event("message_stop")


HELLO = [
    *(begin(), block(0, type="text", text=""), event("ping"), text("Hello"), text(" you")),
    *(event("content_block_stop", index=0), end()),
]


def supported(*words: str) -> dict[str, Any]:
    """`capabilities` of a model that has these, and the types of thinking among them."""
    types = {name: {"supported": name in words} for name in ("adaptive", "enabled", "disabled")}
    thinking = {"supported": "thinking" in words, "types": types}
    return {"image_input": {"supported": "image_input" in words}, "thinking": thinking}


@dataclass
class FakeAnthropic:
    """`chunks` are what a message is answered with, one write each."""

    url: str = ""
    key: str = "secret"
    entries: list[dict[str, Any]] = field(default_factory=lambda: [{"type": "model", "id": "m", "max_tokens": 8192}])
    chunks: list[bytes] = field(default_factory=lambda: HELLO)
    status: int = 200
    error: tuple[str, str] = ("", "")  # type and message, with a status of 400 or more
    hang: bool = False
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)

    def bodies(self, path: str = "/v1/messages") -> list[dict[str, Any]]:
        return [body for requested, body in self.requests if requested == path]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = orjson.loads(await request.read() or b"{}")
        self.requests.append((request.path, body))
        if request.headers.get("x-api-key") != self.key or request.headers.get("anthropic-version") != "2023-06-01":
            return refused(401, "authentication_error", "invalid x-api-key")
        if request.path == "/v1/models":
            return web.json_response({"data": self.entries, "has_more": False})
        if self.status >= 400:
            return refused(self.status, *self.error)
        if request.path == "/v1/messages/count_tokens":
            return web.json_response({"input_tokens": 21})
        return await self.play(request)

    async def play(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for chunk in self.chunks:
            await answer.write(chunk)
        if self.hang:
            try:
                await asyncio.Event().wait()
            finally:
                self.disconnected.set()
        return answer


def refused(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"type": "error", "error": {"type": kind, "message": message}}, status=status)


@asynccontextmanager
async def fake_anthropic(port: int = 0) -> AsyncIterator[FakeAnthropic]:
    fake = FakeAnthropic()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    async with served(app, port) as fake.url:
        yield fake
