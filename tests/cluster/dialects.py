"""How callers of several dialects ask and listen, to a strict end: what is broken or short raises `Broken`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from tests.support.listener import EVENTS, chat
from tests.support.sse import Frame, Stream


class Broken(Exception):
    """An answer's stream told an error, or ended without its protocol's end."""


@dataclass(eq=False)
class Answer:
    """What one caller asked for, and what it has heard over any number of connections."""

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
    body: Callable[[str], dict[str, Any]]  # of a prompt
    hear: Callable[[Answer, Stream], AsyncIterator[None]]  # puts what it hears into the answer, a piece a turn
    resumes: bool = False  # a caller that goes on behind the last id that it has heard


async def hear_native(answer: Answer, stream: Stream) -> AsyncIterator[None]:
    async for frame in stream.frames():
        answer.last_id = frame.id or answer.last_id
        if frame.event == "token":
            answer.text += frame.json().get("text", "")
        elif frame.event not in ("queued", "started", "completed"):
            raise told(frame)
        answer.ended = frame.event == "completed"
        yield


async def hear_openai(answer: Answer, stream: Stream) -> AsyncIterator[None]:
    reason = None
    async for frame in stream.frames():
        if frame.data == b"[DONE]":
            answer.ended = reason == "stop"
            continue
        chunk = frame.json()
        if frame.event != "message" or "error" in chunk:
            raise told(frame)
        for choice in chunk["choices"]:
            answer.text += choice["delta"].get("content") or ""
            reason = choice["finish_reason"] or reason
        yield


async def hear_langserve(answer: Answer, stream: Stream) -> AsyncIterator[None]:
    async for frame in stream.frames():
        if frame.event == "data":
            answer.text += frame.json()["content"]
        elif frame.event not in ("metadata", "end"):
            raise told(frame)
        answer.ended = frame.event == "end"
        yield


async def hear_ollama(answer: Answer, stream: Stream) -> AsyncIterator[None]:
    async for line in stream.lines():
        told_so_far = orjson.loads(line)
        if "error" in told_so_far:
            raise Broken(line.decode())
        answer.text += told_so_far["message"]["content"]
        answer.ended = told_so_far["done"] and told_so_far["done_reason"] == "stop"
        yield


async def hear_whole(answer: Answer, stream: Stream) -> AsyncIterator[None]:
    """An OpenAI answer that comes at once."""
    [choice] = (await stream.json())["choices"]
    answer.text = choice["message"]["content"]
    answer.ended = choice["finish_reason"] == "stop"
    yield


def told(frame: Frame) -> Broken:
    return Broken(f"{frame.event}: {frame.data.decode()}")


def openai(prompt: str, **more: Any) -> dict[str, Any]:
    return chat(prompt, model="qwen2.5:0.5b", **more)


DIALECTS = (
    Dialect("native", "/api/chat", EVENTS, chat, hear_native, resumes=True),
    Dialect("openai", "/v1/chat/completions", EVENTS, lambda prompt: openai(prompt, stream=True), hear_openai),
    Dialect("langserve", "/api/lc/chat/stream", EVENTS, lambda prompt: {"input": chat(prompt)}, hear_langserve),
    Dialect("ollama", "/api/chat", "*/*", chat, hear_ollama),
    Dialect("openai, whole", "/v1/chat/completions", "*/*", openai, hear_whole),
)
