"""An engine that lies, breaks and never ends: bare bytes on a loopback port, in the protocols that workers speak.

A request whose body holds POISON meets the misdeed; all others are answered as they should be, so that a test sees both
side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import orjson

POISON = "a poisonous question"
SECRET = b"the text of the engine's own body"
MEGABYTE = 1024 * 1024
Protocol = Literal["ollama", "openai", "anthropic"]
PROTOCOLS: tuple[Protocol, ...] = ("ollama", "openai", "anthropic")


@dataclass
class Hostile:
    """The engine. `misdeed`: the end of a poisonous request. `lists`: the list of models as sent, None: one model."""

    protocol: Protocol = "ollama"
    misdeed: str = "drops"
    lists: bytes | None = None
    url: str = ""  # without a path
    paths: list[str] = field(default_factory=list)  # of all requests
    poisoned: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request a connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            sizes = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
            body = await reader.readexactly(int(sizes[0].partition(":")[2]) if sizes else 0)
            path = head.split()[1]
            self.paths.append(path)
            if POISON.encode() in body:
                self.poisoned += 1
                await MISDEEDS[self.misdeed](self, writer)
            else:
                writer.write(answer(self.honest(path)))
            await writer.drain()
        writer.transport.abort() if self.misdeed == "drops" and writer.transport else writer.close()

    def honest(self, path: str) -> bytes:
        if self.lists is not None and ("/tags" in path or "/models" in path):
            return self.lists
        lists = {
            "/api/version": {"version": "0.24.0"},
            "/api/tags": {"models": [{"name": "m:latest", "digest": "d"}]},
            "/api/ps": {"models": [{"name": "m:latest"}]},
            "/api/show": {"template": "", "capabilities": ["completion"]},
            "/v1/models": {"data": [{"id": "m:latest"}]},
            "/v1/models?limit=1000": {"data": [{"id": "m:latest"}]},
        }
        return orjson.dumps(lists[path]) if path in lists else b"".join((*self.words("Hello"), self.end({})))

    def words(self, text: str) -> list[bytes]:
        """A token of a stream."""
        if self.protocol == "ollama":
            return [orjson.dumps({"message": {"role": "assistant", "content": text}, "done": False}) + b"\n"]
        if self.protocol == "openai":
            return [_event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})]
        return [_event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})]

    def end(self, counts: dict[str, object]) -> bytes:
        """The end mark; `counts` by the names of the protocol."""
        if self.protocol == "ollama":
            return orjson.dumps({"done": True, "done_reason": "stop", **counts}) + b"\n"
        if self.protocol == "openai":
            last = _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            return last + _event({"choices": [], "usage": counts}) + b"data: [DONE]\n\n"
        stopped = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": counts}
        return _event(stopped) + _event({"type": "message_stop"})


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def _event(body: dict[str, object]) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"


# Misdeeds

Misdeed = Callable[[Hostile, asyncio.StreamWriter], Awaitable[None]]


def sends(*parts: bytes) -> Misdeed:
    async def send(hostile: Hostile, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part.replace(b"HERE", hostile.url.encode()))

    return send


def goes_on(head: bytes, part: bytes) -> Misdeed:
    """The same bytes again and again, until the client has hung up."""

    async def send(_: Hostile, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()

    return send


async def counts_absurdly(hostile: Hostile, writer: asyncio.StreamWriter) -> None:
    """10^100 is no number of orjson's, so it is put in by hand."""
    counts: dict[Protocol, dict[str, object]] = {
        "ollama": {"prompt_eval_count": 2**63, "eval_count": "HUGE", "load_duration": -5, "eval_duration": "soon"},
        "openai": {"prompt_tokens": 2**63, "completion_tokens": "HUGE", "prompt_tokens_details": [1]},
        "anthropic": {"input_tokens": 2**63, "output_tokens": "HUGE", "cache_read_input_tokens": -1.5},
    }
    body = b"".join((*hostile.words("Hello"), hostile.end(counts[hostile.protocol])))
    writer.write(answer(body.replace(b'"HUGE"', b"1" + b"0" * 100)))


async def misshapes(hostile: Hostile, writer: asyncio.StreamWriter) -> None:
    """Every part of another type than it should be, then a sound end."""
    lines: dict[Protocol, list[dict[str, object]]] = {
        "ollama": [{"message": {"content": 7, "thinking": [], "tool_calls": 5}, "logprobs": "x"}],
        "openai": [{"choices": 5}, {"choices": [7]}, {"choices": [{"delta": [], "logprobs": 1}], "usage": 3}],
        "anthropic": [{"type": "content_block_delta", "delta": 5}, {"type": "message_start", "message": 1}],
    }
    tail = b"\n" if hostile.protocol == "ollama" else b"\n\n"
    head = b"" if hostile.protocol == "ollama" else b"data: "
    lines_sent = b"".join(head + orjson.dumps(line) + tail for line in lines[hostile.protocol])
    writer.write(answer(b"".join((lines_sent, *hostile.words("Hello"), hostile.end({})))))


OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
BOMB = gzip.compress(bytes(64 * MEGABYTE))
MISDEEDS: dict[str, Misdeed] = {
    "drops": sends(),
    "speaks no HTTP": sends(b"HELO " + SECRET + b"\r\n\r\n"),
    "sends a header without end": goes_on(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a" * 65_536),
    "breaks its body off": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b'{"mess'),
    "breaks a chunk off": sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n", SECRET),
    "sends us elsewhere": sends(answer(SECRET, "307 Temporary Redirect", "Location: HERE/elsewhere")),
    "sends us on for ever": sends(answer(SECRET, "302 Found", "Location: HERE/api/chat")),
    "sends a line without end": goes_on(OK, b"a" * MEGABYTE),
    "sends a bomb": sends(answer(BOMB, "200 OK", "Content-Encoding: gzip")),
    "fails without end": goes_on(b"HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n", b"a" * MEGABYTE),
    "fails with a bomb": sends(answer(BOMB, "500 Oh", "Content-Encoding: gzip")),
    "answers with a list": sends(answer(b"[1, 2]\n")),
    "counts absurdly": counts_absurdly,
    "answers in other shapes": misshapes,
}


@asynccontextmanager
async def hostile(protocol: Protocol = "ollama", misdeed: str = "drops") -> AsyncIterator[Hostile]:
    it = Hostile(protocol, misdeed)
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.url = "http://{}:{}".format(*server.sockets[0].getsockname()[:2])
    try:
        yield it
    finally:
        server.close()
