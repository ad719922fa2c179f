"""What a streamed chunk costs: our `/api/lc/chat/stream` beside LangServe's own, on the same events, in one process.

No socket, no Redis, no engine: CPU from a job's event to the bytes handed to the server. docs/decisions/langserve.md
describes the measurement.

    python -m bench.langserve_stream
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langserve.api_handler import APIHandler
from starlette.requests import Request
from starlette.responses import Response

from backend.chat.party import Ticket
from backend.chat.relay import RelayResponse
from backend.dialects.langserve.model import Events, QueueChat
from backend.dialects.langserve.stream import LangServeEvents
from wire.events import Completed, EventId, LogEntry, Started, Timings, Usage, encode, token
from wire.records import JobRequest

JOB = "8b1a4d5e-2f7c-4c58-9f6a-0e6f4d2d9b11"
BODY = orjson.dumps({"input": {"messages": [{"type": "human", "content": "hi"}]}})
Answer = Callable[[Events], Awaitable[Response]]


class Paced:
    """A reader whose events lie in memory; it returns one event a turn of the loop, as live tokens come."""

    def __init__(self, entries: list[LogEntry]) -> None:
        self._entries = iter(entries)
        self.at_end = False

    async def next_burst(self) -> list[LogEntry] | None:
        await asyncio.sleep(0)
        entry = next(self._entries, None)
        self.at_end = entry is None
        return None if entry is None else [entry]


def events(tokens: int) -> list[LogEntry]:
    end = Completed(finish_reason="stop", usage=Usage(completion_tokens=tokens), timings=Timings(), model="m")
    bodies = [encode(Started(attempt=1, worker="w", model="m")), *[token(" word")] * tokens, encode(end)]
    return [LogEntry(EventId(1, n), body) for n, body in enumerate(bodies)]


async def ours(reader: Events) -> Response:
    async def leave(gone: bool) -> None: ...

    return RelayResponse(Ticket(JOB, "m", reader, leave), LangServeEvents(JOB, "m", False, False))  # type: ignore[arg-type]


async def langserve(reader: Events) -> Response:
    @asynccontextmanager
    async def follow(job: JobRequest) -> AsyncIterator[Events]:
        yield reader

    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("messages")])
    response: Response = await APIHandler(prompt | QueueChat(model="m", follow=follow), path="/chat").stream(request())
    return response


def request() -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    return Request(scope(), receive)


def scope() -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": "/chat/stream", "query_string": b"", "headers": []}


async def cost(answer: Answer, tokens: int) -> float:
    """Microseconds of CPU a token, without the cost of making the response."""
    sent = 0

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        nonlocal sent
        sent += message.get("body", b"").count(b'"AIMessageChunk"')

    response = await answer(Paced(events(tokens)))
    began = time.process_time()
    await response(scope(), never, send)
    spent = time.process_time() - began
    assert sent == tokens + 2, sent  # LangChain closes with two more
    return spent / tokens * 1e6


async def measure(tokens: int, rounds: int) -> None:
    for name, answer in (("ours", ours), ("LangServe's", langserve)):
        costs = sorted([await cost(answer, tokens) for _ in range(rounds)])
        print(
            f"{name:>12}: {costs[rounds // 2]:6.1f} µs a chunk (median of {rounds}; {costs[0]:.1f} to {costs[-1]:.1f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU a streamed chunk: ours beside LangServe's.")
    parser.add_argument("--tokens", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.tokens, arguments.rounds))


if __name__ == "__main__":
    main()
