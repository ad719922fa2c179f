"""Our `/stream` says of a job's events what LangChain would: chunk by chunk, on the same events."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from langchain_core.messages import HumanMessage
from langserve.serialization import WellKnownLCSerializer

from backend.dialects.langserve.model import Events, QueueChat
from backend.dialects.langserve.stream import LangServeEvents
from backend.errors import ApiError, JobFailed, Unavailable
from tests.support.sse import Frame, parse_frames
from wire.events import (
    Cancelled,
    Completed,
    EventId,
    Failed,
    LogEntry,
    Queued,
    Restarted,
    Started,
    Timings,
    Usage,
    encode,
    token,
)
from wire.records import JobRequest

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
JOB = "8b1a4d5e-2f7c-4c58-9f6a-0e6f4d2d9b11"
STARTED = encode(Started(attempt=1, worker="w", model="m"))
DONE = encode(
    Completed(
        finish_reason="stop",
        usage=Usage(prompt_tokens=11, completion_tokens=3),
        timings=Timings(queued_ms=2, load_ms=3, prompt_ms=4, generate_ms=5, total_ms=9),
        model="m",
    )
)
CALLS = [
    {"function": {"name": "weather", "arguments": {"city": "Zürich", "days": "[1, 2]", "functionName": "weather"}}},
    {"function": {"name": "time", "arguments": {}}},
]
ANSWERS = {
    "text": [STARTED, token("Hello"), token(' "wörld"\n\n'), token("\u2028 🙂", n=3), DONE],
    "a thought": [STARTED, token("", "hm, "), token("", "yes"), token("Yes."), DONE],
    "tool calls": [STARTED, token("", tool_calls=CALLS), DONE],
    "all at once": [STARTED, token("a", "b", CALLS, [{"token": "a", "logprob": -0.5}]), DONE],
    "nothing": [STARTED, DONE],
    "begun anew before the first word": [STARTED, encode(Restarted()), STARTED, token("Hello"), DONE],
}


class Told:
    """Events that are all there: a burst each."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._entries = list(entries(bodies))
        self.at_end = bodies[-1] != STARTED and not bodies[-1].startswith(b'{"type":"token"')

    async def next_burst(self) -> list[LogEntry] | None:
        return [self._entries.pop(0)] if self._entries else None


def entries(bodies: Sequence[bytes]) -> Sequence[LogEntry]:
    return [LogEntry(EventId(1, n), body) for n, body in enumerate(bodies)]


def model(bodies: Sequence[bytes], reasoning: bool) -> QueueChat:
    @asynccontextmanager
    async def follow(job: JobRequest) -> AsyncIterator[Events]:
        yield Told(bodies)

    return QueueChat(model="m", reasoning=reasoning, follow=follow)


def dialect(*, reasoning: bool = False, news: bool = False) -> LangServeEvents:
    return LangServeEvents(JOB, "m", reasoning, news)


def alike(chunk: dict[str, Any]) -> dict[str, Any]:
    """Without what differs between two runs: ids of runs and tool calls, and the time."""
    told = {**chunk, "id": None, "response_metadata": {**chunk["response_metadata"]}}
    if "created_at" in told["response_metadata"]:
        assert TIME.fullmatch(told["response_metadata"].pop("created_at"))
    for name in ("tool_calls", "tool_call_chunks"):
        told[name] = [{**call, "id": None} for call in chunk[name]]
    return told


@pytest.mark.parametrize("reasoning", [True, False], ids=["reasoning", "no reasoning"])
@pytest.mark.parametrize("bodies", ANSWERS.values(), ids=ANSWERS.keys())
async def test_chunks_are_those_of_langchain(bodies: list[bytes], reasoning: bool) -> None:
    by_langchain = [
        WellKnownLCSerializer().dumps(chunk) async for chunk in model(bodies, reasoning).astream([HumanMessage("hi")])
    ]
    ours = [f.data for f in parse_frames(dialect(reasoning=reasoning).burst(entries(bodies))) if f.event == "data"]
    assert [alike(orjson.loads(chunk)) for chunk in ours] == [alike(orjson.loads(chunk)) for chunk in by_langchain]
    assert [list(orjson.loads(chunk)) for chunk in ours] == [list(orjson.loads(chunk)) for chunk in by_langchain]


def test_the_calls_of_a_chunk_and_their_parts_have_one_id() -> None:
    [chunk] = [f.json() for f in parse_frames(dialect().burst(entries([token("", tool_calls=CALLS)])))]
    assert [call["id"] for call in chunk["tool_calls"]] == [part["id"] for part in chunk["tool_call_chunks"]]


def test_the_opening_names_the_run_after_the_job() -> None:
    [frame] = parse_frames(dialect().opening())
    assert frame == Frame(None, "metadata", orjson.dumps({"run_id": JOB}))


def test_an_event_s_last_frame_has_its_id() -> None:
    sent = parse_frames(dialect().burst(entries(ANSWERS["text"])))
    assert [(frame.event, frame.id) for frame in sent] == [
        ("data", "1-1"),
        ("data", "1-2"),
        ("data", "1-3"),
        ("data", None),
        ("data", None),
        ("end", "1-4"),
    ]


def test_a_caller_of_news_learns_how_many_tokens_a_chunk_is() -> None:
    bodies = [token("one"), token("two three", n=2), token("", "hm so", n=3)]
    told = [frame.json().get("tokens") for frame in parse_frames(dialect(news=True).burst(entries(bodies)))]
    assert told == [None, 2, 3]
    for frame in parse_frames(dialect(reasoning=True).burst(entries(bodies))):
        assert "tokens" not in frame.json()


def test_queue_news_is_metadata() -> None:
    [frame] = parse_frames(dialect().burst([LogEntry(None, encode(Queued(position=3, eta_seconds=5)))]))
    assert (frame.id, frame.event) == (None, "metadata")
    assert frame.json()["sluice"] == {"type": "queued", "position": 3, "eta_seconds": 5, "reason": "waiting"}


RESTARTED = [STARTED, token("Hel"), encode(Restarted()), STARTED, token("Hello"), DONE]


def test_a_lost_attempt_ends_the_stream_as_an_error() -> None:
    speaker = dialect()
    *_, last = parse_frames(speaker.burst(entries(RESTARTED)))
    assert (last.event, last.id, last.json()["status_code"]) == ("error", "1-2", 503)
    assert speaker.done


def test_a_caller_that_takes_text_back_gets_the_restart() -> None:
    sent = parse_frames(dialect(news=True).burst(entries(RESTARTED)))
    told = [frame.json()["sluice"]["type"] for frame in sent if frame.event == "metadata"]
    assert told == ["started", "restarted", "started", "completed"]
    assert sent[-1].event == "end"


ENDS = {
    "failed": (encode(Failed(code="model_not_found", message="There is no model.")), 404, "model_not_found"),
    "cancelled": (encode(Cancelled()), 409, "cancelled"),
}


@pytest.mark.parametrize(("body", "status", "code"), ENDS.values(), ids=ENDS.keys())
def test_a_job_that_does_not_complete_ends_as_an_error(body: bytes, status: int, code: str) -> None:
    *_, last = parse_frames(dialect().burst(entries([STARTED, token("Hel"), body])))
    assert (last.event, last.id) == ("error", "1-2")
    assert (last.json()["status_code"], last.json()["code"]) == (status, code)


@pytest.mark.parametrize("body", [DONE, *(body for body, _, _ in ENDS.values())], ids=["completed", *ENDS])
def test_a_caller_of_news_gets_the_end_as_it_is(body: bytes) -> None:
    frame = next(
        f for f in reversed(parse_frames(dialect(news=True).burst(entries([STARTED, body])))) if f.event == "metadata"
    )
    assert (frame.id, frame.json()["sluice"]) == (None, orjson.loads(body))


def test_a_caller_of_news_gets_thoughts() -> None:
    sent = parse_frames(dialect(news=True).burst(entries(ANSWERS["a thought"])))
    thoughts = [frame.json()["additional_kwargs"] for frame in sent if frame.event == "data"][:2]
    assert thoughts == [{"reasoning_content": "hm, "}, {"reasoning_content": "yes"}]


def test_nothing_follows_an_error() -> None:
    speaker = dialect()
    speaker.broken(ApiError("it broke"))
    assert speaker.burst(entries(ANSWERS["text"])) == b""


def test_a_keep_alive_is_metadata_which_its_clients_skip() -> None:
    assert dialect().keep_alive() == dialect().opening() == b'event: metadata\ndata: {"run_id":"%b"}\n\n' % JOB.encode()


# -- the model that LangServe's own routes run -------------------------------------------------------------------


async def test_a_whole_answer_survives_a_lost_attempt() -> None:
    answer = await model(RESTARTED, False).ainvoke([HumanMessage("hi")])
    assert answer.content == "Hello"


async def test_a_growing_answer_does_not() -> None:
    with pytest.raises(Unavailable, match="begins anew"):
        _ = [chunk async for chunk in model(RESTARTED, False).astream([HumanMessage("hi")])]


async def test_a_failed_job_raises_with_its_status() -> None:
    bodies = [STARTED, encode(Failed(code="out_of_memory", message="The GPU is full."))]
    with pytest.raises(JobFailed) as raised:
        await model(bodies, False).ainvoke([HumanMessage("hi")])
    assert raised.value.status == 503


async def test_events_that_stop_before_their_end_are_no_answer() -> None:
    cut = [STARTED, token("Hel")]
    with pytest.raises(Unavailable):
        await model(cut, False).ainvoke([HumanMessage("hi")])
    with pytest.raises(Unavailable):
        _ = [chunk async for chunk in model(cut, False).astream([HumanMessage("hi")])]


async def test_tools_and_structured_output_are_langchain_s_own() -> None:
    asked: list[JobRequest] = []

    @asynccontextmanager
    async def follow(job: JobRequest) -> AsyncIterator[Events]:
        asked.append(job)
        yield Told([STARTED, token('{"city": "Ulm"}'), DONE])

    chat = QueueChat(model="m", follow=follow)
    schema = {"title": "Place", "type": "object", "properties": {"city": {"type": "string"}}}
    assert await chat.with_structured_output(schema).ainvoke("Where?") == {"city": "Ulm"}
    assert asked[-1].format == schema
    tool = {"type": "function", "function": {"name": "weather", "description": "?", "parameters": {"type": "object"}}}
    await chat.bind_tools([tool]).ainvoke("What weather?")
    assert asked[-1].tools == (tool,)
