"""A fake Ollama that costs next to nothing: Ollama's protocol, a set pace, and tokens that can be checked.

Each token's text is `~<number>:<time>~`: its number counts from 0, its time is CLOCK_MONOTONIC in nanoseconds when it
was written, a clock that all processes of one machine share. A reader of the token knows how old the token is, and
whether an earlier token was lost, doubled or overtaken. The last message orders how many tokens come and how fast:
`{"rate": 50, "tokens": 200}`; a rate of 0 sends the whole answer at once.

    python -m bench.fake_ollama --port 11434
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, cast

import uvloop

MODEL = "bench:latest"
CREATED = "2026-01-01T00:00:00.000000Z"
DETAILS = {"format": "gguf", "family": "llama", "parameter_size": "1B", "quantization_level": "Q4_K_M"}
ENTRY = {"name": MODEL, "model": MODEL, "size": 1 << 30, "digest": "0" * 64, "details": DETAILS}
LOADED = {**ENTRY, "size_vram": 1 << 30, "expires_at": "2100-01-01T00:00:00Z", "context_length": 32_768}
SHOWN = {
    "details": DETAILS,
    "model_info": {"general.architecture": "llama", "llama.context_length": 32_768},
    "capabilities": ["completion"],
}
# What is answered without streaming: path → body.
PAGES: dict[str, Any] = {
    "/api/tags": {"models": [{**ENTRY, "modified_at": CREATED}]},
    "/api/ps": {"models": [LOADED]},
    "/api/show": SHOWN,
    "/api/version": {"version": "0.24.0"},
    "/api/generate": {"model": MODEL, "created_at": CREATED, "response": "", "done": True, "done_reason": "load"},
}
TOKEN = b'{"model":"%b","created_at":"%b","message":{"role":"assistant","content":"~%d:%d~"},"done":false}\n'
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(payload: bytes) -> bytes:
    """One chunk of the chunked transfer coding, as Ollama sends one for each token."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def token_line(number: int) -> bytes:
    return TOKEN % (MODEL.encode(), CREATED.encode(), number, time.monotonic_ns())


def last_line(tokens: int, started_ns: int) -> bytes:
    """The end mark: `done`, with Ollama's counts and durations (nanoseconds)."""
    taken = time.monotonic_ns() - started_ns
    end = {
        "model": MODEL,
        "created_at": CREATED,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "total_duration": taken,
        "load_duration": 0,
        "prompt_eval_count": 1,
        "prompt_eval_duration": 0,
        "eval_count": tokens,
        "eval_duration": taken,
    }
    return json.dumps(end).encode() + b"\n"


def requested_pace(request: dict[str, Any]) -> tuple[int, float]:
    """The requested tokens and tokens a second, from the last message."""
    plan = json.loads(request["messages"][-1]["content"])
    return int(plan["tokens"]), float(plan["rate"])


class Answer:
    """One paced answer on one connection. Token n is due at start + n / rate, so that lateness does not add up."""

    def __init__(self, write: Callable[[bytes], None], tokens: int, rate: float) -> None:
        self._write = write
        self._tokens = tokens
        self._rate = rate
        self._sent = 0
        self._began_ns = time.monotonic_ns()
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        write(STREAM_HEAD)
        (self._send_next if rate else self._send_all)()

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _send_next(self) -> None:
        if self._sent == self._tokens:
            return self._end()
        self._write(chunk(token_line(self._sent)))
        self._sent += 1
        self._timer = self._loop.call_at(self._began + self._sent / self._rate, self._send_next)

    def _send_all(self) -> None:
        self._write(b"".join(chunk(token_line(number)) for number in range(self._tokens)))
        self._end()

    def _end(self) -> None:
        self._write(chunk(last_line(self._tokens, self._began_ns)) + chunk(b""))


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive: requests with a Content-Length, one after the other."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: Answer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, which only behaves like a Transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer:
            self._answer.stop()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        length = content_length(head)
        if not mark or len(rest) < length:
            return
        self._buffer = rest[length:]
        self._route(head.split(b" ", 2)[1].decode(), rest[:length])

    def _route(self, path: str, body: bytes) -> None:
        request = json.loads(body or b"{}")
        if path == "/api/chat" and request.get("messages"):
            self._answer = Answer(self._transport.write, *requested_pace(request))
        elif path == "/api/chat":  # a request to load the model
            self._respond(200, {**PAGES["/api/generate"], "message": {"role": "assistant", "content": ""}})
        elif path in PAGES:
            self._respond(200, PAGES[path])
        else:
            self._respond(200 if path == "/" else 404, {"error": "not found"})

    def _respond(self, status: int, page: Any) -> None:
        body = json.dumps(page).encode()
        head = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self._transport.write(head + body)


def content_length(head: bytes) -> int:
    """The body's length in bytes, 0 where the head does not name it."""
    _, length, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if length else 0


async def serve(host: str, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, host, port, backlog=2048)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake Ollama with paced, checkable tokens.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=11434)
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.host, arguments.port))


if __name__ == "__main__":
    main()
