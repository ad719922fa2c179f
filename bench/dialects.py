"""The requests that the load generator can make: the same prompt in each of the protocols that are compared."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from bench.fake_ollama import MODEL


class Dialect(NamedTuple):
    path: str
    accept: str


DIALECTS = {
    "ndjson": Dialect("/api/chat", "application/x-ndjson"),
    "events": Dialect("/api/chat", "text/event-stream"),
    "openai": Dialect("/v1/chat/completions", "text/event-stream"),
    "langserve": Dialect("/api/lc/chat/stream", "text/event-stream"),
}


def encode_request(dialect: str, host: str, tokens: int, rate: float) -> bytes:
    """A whole HTTP/1.1 request for an answer of so many tokens at so many a second."""
    path, accept = DIALECTS[dialect]
    prompt = json.dumps({"rate": rate, "tokens": tokens})
    body = json.dumps(_body(dialect, prompt)).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _body(dialect: str, prompt: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    if dialect == "langserve":
        return {"input": {"messages": messages}, "config": {"configurable": {"model": MODEL}}}
    return {"model": MODEL, "messages": messages, "stream": True}
