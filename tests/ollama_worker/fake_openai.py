"""OpenAI's true protocol on a loopback port, played from a script, as vLLM, llama.cpp's server and clouds send it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

DONE = b"data: [DONE]\n\n"
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 3,
    "total_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
VLLM_ENTRY = {"id": "m", "object": "model", "owned_by": "vllm", "max_model_len": 4096}


def data(fields: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(fields) + b"\n\n"


def delta(finish: str | None = None, logprobs: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """A chunk of /chat/completions."""
    choice = {"index": 0, "delta": fields, "finish_reason": finish, "logprobs": logprobs}
    return data({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})


def text(content: str, finish: str | None = None, logprobs: dict[str, Any] | None = None) -> bytes:
    """A chunk of /completions."""
    choice = {"index": 0, "text": content, "finish_reason": finish, "logprobs": logprobs}
    return data({"id": "c", "object": "text_completion", "model": "m", "choices": [choice]})


def call(index: int | None, name: str | None, arguments: str, id: str | None = None) -> bytes:
    """A fragment of a tool's call."""
    fragment: dict[str, Any] = {"function": {"name": name, "arguments": arguments}}
    fragment |= {"index": index} if index is not None else {}
    return delta(tool_calls=[fragment | ({"id": id, "type": "function"} if id else {})])


def usage(**more: Any) -> bytes:
    return data({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": USAGE | more})


HELLO = [
    *(delta(role="assistant", content=""), delta(content="Hello"), delta(content=" you")),
    *(delta("stop"), usage(), DONE),
]


@dataclass
class FakeOpenAI:
    """`chunks` are what a streamed answer is made of, one write each; `hang` leaves it open after them."""

    url: str = ""  # with /v1
    entries: list[dict[str, Any]] = field(default_factory=lambda: [{"id": "m", "object": "model", "owned_by": "me"}])
    chunks: list[bytes] = field(default_factory=lambda: HELLO)
    status: int = 200
    error: str = ""  # with a status of 400 or more
    strict_system: int = 0  # the status with which its template refuses a system message that is not the first
    key: str = ""  # that the server demands
    missing: frozenset[str] = frozenset()  # routes that the server does not have
    hang: bool = False
    cut: bool = False
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)  # that came with requests
    sent: asyncio.Event = field(default_factory=asyncio.Event)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for requested, body in self.requests if requested == path]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = orjson.loads(await request.read() or b"{}")
        self.requests.append((request.path, body))
        self.keys.add(request.headers.get("Authorization", ""))
        if refusal := self.refusal(request):
            return refusal
        if request.path == "/v1/models":
            return web.json_response({"object": "list", "data": self.entries})
        if request.path == "/v1/embeddings":
            return web.json_response(self.embedded(body))
        if request.path == "/tokenize":
            return web.json_response({"count": 11, "max_model_len": 4096, "tokens": list(range(11))})
        if request.path.endswith("/input_tokens"):
            return web.json_response({"object": "response.input_tokens", "input_tokens": 12})
        if self.strict_system and any(message["role"] == "system" for message in body.get("messages", ())[1:]):
            return refused(self.strict_system, "Jinja Exception: System message must be at the beginning.", None)
        if not body.get("stream"):
            message = {"role": "assistant", "content": "Hello"}
            choices = [{"index": 0, "message": message, "finish_reason": "length"}]
            return web.json_response({"object": "chat.completion", "choices": choices, "usage": USAGE})
        return await self.play(request)

    def refusal(self, request: web.Request) -> web.Response | None:
        if request.path in self.missing:
            return web.json_response({"detail": "Not Found"}, status=404)
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return refused(401, "Incorrect API key provided", "invalid_api_key")
        if self.status >= 400 and request.path != "/v1/models":
            return refused(self.status, self.error, None)
        return None

    def embedded(self, body: dict[str, Any]) -> dict[str, Any]:
        """The rows in reverse, as a server may send them: the index belongs to the input."""
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        rows = [{"object": "embedding", "index": n, "embedding": [float(len(i)), 1.0]} for n, i in enumerate(inputs)]
        return {"object": "list", "data": rows[::-1], "model": "m", "usage": {"prompt_tokens": 4, "total_tokens": 4}}

    async def play(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for chunk in self.chunks:
            await answer.write(chunk)
        self.sent.set()
        if self.hang:
            await self.until_closed()
        if self.cut and request.transport:
            request.transport.abort()
        return answer

    async def until_closed(self) -> None:
        """aiohttp cancels the handler when the client goes away: that is the signal."""
        try:
            await asyncio.Event().wait()
        finally:
            self.disconnected.set()


def refused(status: int, message: str, code: str | None) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status)


@asynccontextmanager
async def served(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """The address of `app` on `port`, or on any free port."""
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def fake_openai(port: int = 0) -> AsyncIterator[FakeOpenAI]:
    fake = FakeOpenAI()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    async with served(app, port) as url:
        fake.url = f"{url}/v1"
        yield fake
