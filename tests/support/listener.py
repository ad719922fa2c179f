"""A client that listens to a job in the background, and the exact text that it must have read in the end.

async with listening(house.url, chat("!tokens 100")) as heard:
    await heard.words(10)      # ten words are out: now break something
    ...
    assert await heard.end() == "completed"
    assert heard.text == words(100)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from tests.support.sse import Cut, Frame, Stream, open_stream
from tests.support.waiting import eventually

PATIENCE = 30.0  # seconds: long beside anything that is waited for, a reaped worker (10 s) included
ENDS = ("completed", "failed", "cancelled")
EVENTS = "text/event-stream"


def words(count: int) -> str:
    """The answer of the simulated engine to `!tokens <count>`."""
    return " ".join(f"w{n}" for n in range(count))


def chat(prompt: str, **more: Any) -> dict[str, Any]:
    """The body of a chat with one user message."""
    return {"messages": [{"role": "user", "content": prompt}], **more}


class Listener:
    """The events of one connection: every frame in order, and how the connection ended."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.frames: list[Frame] = []
        self.broken: Exception | None = None  # the connection ended before the body did
        self.closed = False  # nothing more will come

    @property
    def job(self) -> str:
        return self.stream.headers["x-sluice-job"]

    @property
    def events(self) -> list[Frame]:
        """The frames that are in the log: those with an id."""
        return [frame for frame in self.frames if frame.id]

    @property
    def kinds(self) -> list[str]:
        return [frame.event for frame in self.frames]

    @property
    def last_id(self) -> str:
        return next((frame.id for frame in reversed(self.frames) if frame.id), "")

    @property
    def text(self) -> str:
        """The answer as a client shows it: `restarted` makes what came before void."""
        return text_of(self.frames)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of all events of one kind."""
        return [frame.json() for frame in self.frames if frame.event == kind]

    async def until(self, true: Callable[[Listener], Any], what: str, within: float = PATIENCE) -> None:
        """Waits until the frames so far satisfy `true`; fails at once when nothing more will come."""

        def look() -> bool | None:
            if true(self):
                return True
            assert not self.closed, f"the stream ended before {what}: {self.kinds[-5:]}, {self.broken!r}"
            return None

        await eventually(look, within, what)

    async def words(self, count: int) -> None:
        """Waits until at least this many words have come."""
        await self.until(lambda heard: len(heard.text.split()) >= count, f"{count} words")

    async def end(self, within: float = PATIENCE) -> str:
        """Waits for the terminal event; returns its kind."""
        await self.until(lambda heard: any(frame.event in ENDS for frame in heard.frames), "a terminal event", within)
        return next(frame.event for frame in self.frames if frame.event in ENDS)

    async def hung_up(self, within: float = PATIENCE) -> None:
        """Waits until the connection has ended, whichever way."""
        await eventually(lambda: self.closed or None, within, "the connection's end")

    async def listen(self) -> None:
        try:
            async for frame in self.stream.frames():
                self.frames.append(frame)
        except (Cut, ConnectionError) as error:
            self.broken = error
        finally:
            self.closed = True


def text_of(frames: list[Frame]) -> str:
    """The text of these events, from the last `restarted` on."""
    text: list[str] = []
    for frame in frames:
        if frame.event == "restarted":
            text.clear()
        elif frame.event == "token":
            text.append(frame.json().get("text", ""))
    return "".join(text)


@contextlib.asynccontextmanager
async def listening(
    url: str, body: Any = None, *, headers: Mapping[str, str] | None = None, bytes_per_second: float = 0
) -> AsyncIterator[Listener]:
    """Opens an SSE stream (`/api/chat` of an API's `url` where there is a body) and reads it until the block is left.

    Leaving the block before the end is a client that vanishes.
    """
    target = f"{url}/api/chat" if body is not None else url
    async with open_stream(target, body, accept=EVENTS, headers=headers, bytes_per_second=bytes_per_second) as stream:
        assert stream.status == 200, (stream.status, await stream.body())
        heard = Listener(stream)
        ear = asyncio.create_task(heard.listen())
        try:
            yield heard
        finally:
            ear.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ear


@contextlib.asynccontextmanager
async def following(url: str, job: str, after: str = "", **headers: str) -> AsyncIterator[Listener]:
    """Listens to a job's events from the start, or after an event id."""
    sent = {**headers, **({"Last-Event-ID": after} if after else {})}
    async with listening(f"{url}/api/jobs/{job}/events", headers=sent) as heard:
        yield heard
