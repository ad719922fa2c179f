"""A caller may have tokens gathered: fewer pieces, the same text."""

from __future__ import annotations

import pytest

from tests.support.house import House, Houses
from tests.support.listener import EVENTS, chat, text_of, words
from tests.support.sse import Frame, Stream, open_stream, parse_frames

TOKENS = 400  # two seconds of them


async def test_gathered_tokens_come_in_few_pieces(house: Houses) -> None:
    home = await house()
    async with open_stream(home.url + "/api/chat", chat(f"!tokens {TOKENS}"), accept=EVENTS) as stream:
        as_they_come, job = await pieces(stream), stream.headers["x-sluice-job"]
    gathered = await read(home, "/api/chat", "300", chat(f"!tokens {TOKENS}"))
    assert text_in(gathered) == text_in(as_they_come) == words(TOKENS)
    assert len(gathered) < TOKENS / 4
    again = await read(home, f"/api/jobs/{job}/events", "300")
    assert logged(again) == logged(as_they_come)


@pytest.mark.parametrize("path", ["/api/lc/chat/stream", "/v1/chat/completions", "/v1/responses"])
async def test_every_stream_can_be_gathered(house: Houses, path: str) -> None:
    home = await house()
    body = {"messages": [{"role": "user", "content": f"!tokens {TOKENS}"}], "model": "qwen2.5:0.5b", "stream": True}
    if path == "/v1/responses":
        body = {"input": f"!tokens {TOKENS}", "model": "qwen2.5:0.5b", "stream": True}
    elif path.endswith("/stream"):
        body = {"input": {"messages": body["messages"]}}
    gathered = await read(home, path, "300", body)
    assert b"".join(gathered).count(b"w399") >= 1
    assert len(gathered) < TOKENS / 4


async def read(home: House, path: str, pace: str, body: object = None) -> list[bytes]:
    async with open_stream(home.url + path, body, accept=EVENTS, headers={"X-Sluice-Pace": pace}) as stream:
        return await pieces(stream)


async def pieces(stream: Stream) -> list[bytes]:
    """The body, a chunk as it was sent each. `Cut` if it breaks off."""
    assert stream.status == 200, await stream.body()
    return [chunk async for chunk in stream.chunks()]


def logged(chunks: list[bytes]) -> list[Frame]:
    """All but the news, which are of their moment."""
    return [frame for frame in parse_frames(b"".join(chunks)) if frame.id]


def text_in(chunks: list[bytes]) -> str:
    return text_of(parse_frames(b"".join(chunks)))
