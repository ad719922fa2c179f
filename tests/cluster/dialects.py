"""How callers of several dialects send and read, to a strict end: an answer that is broken or short raises `Broken`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from tests.support.listener import EVENTS, chat
from tests.support.sse import Frame, Stream


class Broken(Exception):
    """An answer's stream sent an error, or ended without its protocol's end."""


@dataclass(eq=False)
class Answer:
    """One caller's answer, read over any number of connections."""

    dialect: Dialect
    count: int  # tokens
    job: str = ""
    text: str = ""
    last_id: str = ""
    ended: bool = False

    @property
    def words(self) -> int:
        return len(self.text.split())


class Dialect(NamedTuple):
    name: str
    path: str
    accept: str
    body: Callable[[str], dict[str, Any]]  # the body for a prompt
    read: Callable[[Answer, Stream], AsyncIterator[None]]  # adds what it reads to the answer, a piece a turn
    resumes: bool = False  # a caller that goes on behind the last id that it has read


async def read_native(answer: Answer, stream: Stream) -> AsyncIterator[None]:
    async for frame in stream.frames():
        answer.last_id = frame.id or answer.last_id
        if frame.event == "token":
            answer.text += frame.json().get("text", "")
        elif frame.event not in ("queued", "started", "completed"):
            raise broken_by(frame)
        answer.ended = frame.event == "completed"
        yield


async def read_openai(answer: Answer, stream: Stream) -> AsyncIterator[None]:
    reason = None
    async for frame in stream.frames():
        if frame.data == b"[DONE]":
            answer.ended = reason == "stop"
            continue
        chunk = frame.json()
        if frame.event != "message" or "error" in chunk:
            raise broken_by(frame)
        for choice in chunk["choices"]:
            answer.text += choice["delta"].get("content") or ""
            reason = choice["finish_reason"] or reason
        yield


async def read_langserve(answer: Answer, stream: Stream) -> AsyncIterator[None]:
    async for frame in stream.frames():
        if frame.event == "data":
            answer.text += frame.json()["content"]
        elif frame.event not in ("metadata", "end"):
            raise broken_by(frame)
        answer.ended = frame.event == "end"
        yield


async def read_ollama(answer: Answer, stream: Stream) -> AsyncIterator[None]:
    async for line in stream.lines():
        piece = orjson.loads(line)
        if "error" in piece:
            raise Broken(line.decode())
        answer.text += piece["message"]["content"]
        answer.ended = piece["done"] and piece["done_reason"] == "stop"
        yield


async def read_whole(answer: Answer, stream: Stream) -> AsyncIterator[None]:
    """An OpenAI answer that comes at once."""
    [choice] = (await stream.json())["choices"]
    answer.text = choice["message"]["content"]
    answer.ended = choice["finish_reason"] == "stop"
    yield


def broken_by(frame: Frame) -> Broken:
    return Broken(f"{frame.event}: {frame.data.decode()}")


def openai(prompt: str, **more: Any) -> dict[str, Any]:
    return chat(prompt, model="qwen2.5:0.5b", **more)


DIALECTS = (
    Dialect("native", "/api/chat", EVENTS, chat, read_native, resumes=True),
    Dialect("openai", "/v1/chat/completions", EVENTS, lambda prompt: openai(prompt, stream=True), read_openai),
    Dialect("langserve", "/api/lc/chat/stream", EVENTS, lambda prompt: {"input": chat(prompt)}, read_langserve),
    Dialect("ollama", "/api/chat", "*/*", chat, read_ollama),
    Dialect("openai, whole", "/v1/chat/completions", "*/*", openai, read_whole),
)
