"""Ollama's true protocol on a loopback port, played from a script: it fails on demand as the real Ollama may fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web


def chat_line(text: str, **more: Any) -> bytes:
    """A line of /api/chat's stream."""
    message = {"role": "assistant", "content": text, **more}
    return orjson.dumps({"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": False}) + b"\n"


def end(reason: str = "stop", **more: Any) -> bytes:
    """The end mark: durations are nanoseconds."""
    counts = {"prompt_eval_count": 7, "eval_count": 3, "load_duration": 2_000_000, "eval_duration": 9_000_000}
    message = {"role": "assistant", "content": ""}
    return orjson.dumps({"message": message, "done": True, "done_reason": reason, **counts, **more}) + b"\n"


@dataclass
class FakeOllama:
    """`chunks` are what a chat or generate answers, one write each; `hang` leaves the connection open after them."""

    url: str = ""
    models: dict[str, dict[str, Any]] = field(default_factory=lambda: {"m:latest": {}})
    running: dict[str, int] = field(default_factory=dict)  # full name → context length
    listed: dict[str, Any] = field(default_factory=dict)  # a model's fields in /api/tags, besides its name
    resident: dict[str, Any] = field(default_factory=dict)  # a model's fields in /api/ps
    chunks: list[bytes] = field(default_factory=lambda: [chat_line("Hello"), chat_line(" you"), end()])
    status: int = 200
    error: str = ""  # with a status of 400 or more
    hang: bool = False
    refuses_others: bool = False  # a model that is not listed is a 404, as with the real Ollama
    unshown: frozenset[str] = frozenset()  # full names of models that are listed and that /api/show fails for
    cut: bool = False  # drop the connection after the chunks, without the end of the HTTP body
    version: str = "0.24.0"
    template: str = "<|im_start|>{{ assistant }}<|im_end|>"
    closes_turns: bool = False  # its template ends the last assistant message, as Ollama's own "chatml" does
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sent: asyncio.Event = field(default_factory=asyncio.Event)  # all chunks are out
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)  # the client closed in mid-answer

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for requested, body in self.requests if requested == path]

    async def generate(self, request: web.Request) -> web.StreamResponse:
        body = await self.note(request)
        if self.status >= 400:
            return web.json_response({"error": self.error}, status=self.status)
        if self.refuses_others and body["model"] not in self.models:
            return web.json_response({"error": f"model '{body['model']}' not found"}, status=404)
        if body.get("_debug_render_only"):
            return web.json_response({"done": False, "_debug_info": {"rendered_template": self.render(body)}})
        if request.path == "/api/generate" and "prompt" not in body:  # only to load or to unload
            return web.Response(body=end("unload" if body.get("keep_alive") == 0 else "load"))
        if body.get("stream") is False:
            return web.Response(body=self.chunks[-1])
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await answer.prepare(request)
        return await self.play(request, answer)

    async def play(self, request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
        for chunk in self.chunks:
            await answer.write(chunk)
        self.sent.set()
        if self.hang:
            await self.until_closed(request)
        if self.cut and request.transport:
            request.transport.abort()
        return answer

    async def until_closed(self, request: web.Request) -> None:
        """aiohttp cancels the handler when the client goes away: that is the signal."""
        try:
            await asyncio.Event().wait()
        finally:
            self.disconnected.set()

    def render(self, body: dict[str, Any]) -> str:
        turns = []
        for message in body["messages"]:
            last = message is body["messages"][-1] and message["role"] == "assistant" and not self.closes_turns
            turns.append(f"<|im_start|>{message['role']}\n{message['content']}" + ("" if last else "<|im_end|>\n"))
        open_turn = body["messages"][-1]["role"] == "assistant" and not self.closes_turns
        return "".join(turns) + ("" if open_turn else "<|im_start|>assistant\n")

    async def tags(self, request: web.Request) -> web.Response:
        await self.note(request)
        return web.json_response(
            {"models": [{"name": name, "digest": f"sha-{name}", **self.listed} for name in self.models]}
        )

    async def ps(self, request: web.Request) -> web.Response:
        await self.note(request)
        entries = [{"name": name, "context_length": length, **self.resident} for name, length in self.running.items()]
        return web.json_response({"models": entries})

    async def show(self, request: web.Request) -> web.Response:
        model = (await self.note(request))["model"]
        name = model if ":" in model else f"{model}:latest"
        if name not in self.models:
            return web.json_response({"error": f"model '{model}' not found"}, status=404)
        if name in self.unshown:
            return web.json_response({"error": "open blob: no such file"}, status=500)
        info = {"general.architecture": "llama", "llama.context_length": 2048}
        shown = {"template": self.template, "model_info": info, "capabilities": ["completion"]}
        return web.json_response(shown | self.models[name])

    async def embed(self, request: web.Request) -> web.Response:
        body = await self.note(request)
        if self.status >= 400:
            return web.json_response({"error": self.error}, status=self.status)
        vectors = [[float(len(text)), 1.0] for text in body["input"]]
        return web.json_response({"embeddings": vectors, "prompt_eval_count": len(vectors), "load_duration": 2_000_000})

    async def show_version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": self.version})

    async def note(self, request: web.Request) -> dict[str, Any]:
        body: dict[str, Any] = orjson.loads(await request.read() or b"{}")
        self.requests.append((request.path, body))
        return body

    def app(self) -> web.Application:
        app = web.Application()
        for path in ("/api/chat", "/api/generate", "/api/pull"):
            app.router.add_post(path, self.generate)
        app.router.add_post("/api/embed", self.embed)
        app.router.add_post("/api/show", self.show)
        app.router.add_get("/api/tags", self.tags)
        app.router.add_get("/api/ps", self.ps)
        app.router.add_get("/api/version", self.show_version)
        return app


@asynccontextmanager
async def fake_ollama(port: int = 0) -> AsyncIterator[FakeOllama]:
    """A fake on `port`, or on any free port."""
    fake = FakeOllama()
    # handler_cancellation: a handler that hangs learns that its client has gone.
    runner = web.AppRunner(fake.app(), handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    fake.url = "http://{}:{}".format(*runner.addresses[0][:2])
    try:
        yield fake
    finally:
        await runner.cleanup()
