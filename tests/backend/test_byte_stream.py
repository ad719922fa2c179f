"""While a job waits or thinks in silence, every dialect's client hears something that it counts as an event."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backend.chat import relay
from backend.chat.relay import ByteStream, Dialect
from backend.dialects.anthropic.answer import PING, AnthropicEvents
from backend.dialects.langserve.stream import LangServeEvents
from backend.dialects.ollama.answer import OllamaChunks
from backend.dialects.openai.chat import ChatChunks
from backend.dialects.openai.completions import CompletionExtra, TextChunks
from backend.dialects.responses.door import DOOR
from backend.dialects.responses.object import Origin
from backend.dialects.responses.stream import ResponseEvents
from tests.backend.incoming import incoming
from tests.support.sse import parse_frames
from wire.events import EventId, LogEntry, Queued, Started, encode, token

JOB = "12345678-1234-4234-8234-123456789abc"
STARTED = LogEntry(EventId(1, 0), encode(Started(attempt=1, worker="w", model="m")))
THOUGHT = LogEntry(EventId(1, 1), token("", "hm"))
FAILED = LogEntry(EventId(1, 2), b'{"type":"failed","code":"deadline","message":"Too late."}')
EVENT_STREAMS: dict[str, Callable[[], Dialect]] = {
    "chat": lambda: ChatChunks(JOB, "m", 1, False),
    "completions": lambda: TextChunks(JOB, "m", CompletionExtra(1, False, False)),
    "responses": lambda: ResponseEvents(Origin(JOB, "m", DOOR.read(incoming({"input": "Hi"}, 9)).ask)),
    "anthropic": lambda: AnthropicEvents(JOB, "m", thoughts=False),
    "langserve": lambda: LangServeEvents(JOB, "m", reasoning=False, news=False),
}


def news(position: int) -> LogEntry:
    """One's place in the queue, which changes every second."""
    return LogEntry(None, encode(Queued(position=position)))


def events(chunk: bytes) -> int:
    """How many events the decoder of a client finds. A comment is none, nor is metadata that only we know."""
    return sum(bool(frame.data) and b"sluice" not in frame.data for frame in parse_frames(chunk))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every silence is a long one."""
    monkeypatch.setattr(relay, "QUIET_SECONDS", 0.0)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", EVENT_STREAMS)
async def test_a_client_hears_an_event_while_its_place_in_the_queue_changes(name: str) -> None:
    byte_stream = ByteStream(EVENT_STREAMS[name]())
    assert [events(byte_stream.chunk([news(place)])) for place in (3, 2, 1)] == [1, 1, 1]


@pytest.mark.parametrize("name", EVENT_STREAMS)
async def test_a_silence_is_always_an_event(name: str) -> None:
    assert events(ByteStream(EVENT_STREAMS[name]()).chunk([])) == 1


@pytest.mark.parametrize("name", EVENT_STREAMS)
async def test_news_that_come_every_second_are_sent_as_they_are(name: str) -> None:
    byte_stream, dialect = ByteStream(EVENT_STREAMS[name]()), EVENT_STREAMS[name]()
    for place in (3, 2, 1):
        assert byte_stream.chunk([news(place)]) == dialect.burst([news(place)])


@pytest.mark.usefixtures("hasty")
async def test_a_hidden_thought_leaves_no_silence() -> None:
    byte_stream = ByteStream(EVENT_STREAMS["anthropic"]())
    assert byte_stream.chunk([STARTED]) + byte_stream.chunk([THOUGHT]) == PING * 2


@pytest.mark.usefixtures("hasty")
async def test_a_line_in_ollama_s_form_comes_while_the_place_changes() -> None:
    line = ByteStream(OllamaChunks("m")).chunk([news(2)])
    assert line.endswith(b'"content":""},"done":false}\n')


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", EVENT_STREAMS)
async def test_nothing_follows_the_end(name: str) -> None:
    byte_stream, dialect = ByteStream(EVENT_STREAMS[name]()), EVENT_STREAMS[name]()
    assert byte_stream.chunk([STARTED, FAILED]) == dialect.burst([STARTED, FAILED])
    assert byte_stream.chunk([news(1)]) == dialect.burst([news(1)])
