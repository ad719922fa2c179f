"""ChatOllama with the queue as its transport.

Messages, tools, structured output and reasoning are converted by langchain-ollama; what it would send to Ollama's
`/api/chat` becomes a job, and the job's events come back as the chunks that Ollama would have sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, Self

import orjson
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langchain_ollama import ChatOllama
from pydantic import Field, model_validator

from backend.chat.outcome import Outcome
from backend.dialects.ollama.answer import final, partial, whole
from backend.dialects.ollama.chat_request import parse_chat
from backend.errors import JobFailed, Unavailable, interrupted
from wire.events import LogEntry
from wire.records import JobRequest


class Events(Protocol):
    """The part of a `backend.pool.trail.Trail` that is needed here."""

    @property
    def at_end(self) -> bool: ...

    async def next_burst(self) -> list[LogEntry] | None: ...


Follow = Callable[[JobRequest], AbstractAsyncContextManager[Events]]


def not_let_in(ask: JobRequest) -> AbstractAsyncContextManager[Events]:
    raise RuntimeError("this model has no queue to send its jobs to")


class QueueChat(ChatOllama):
    """A chat model whose answers are jobs. `follow` submits a job and yields its events; the code that
    passes `follow` leaves the job.

    Raises JobFailed for a job that failed, and Unavailable where an attempt is lost after some of its chunks were
    given: attempts are never concatenated.
    """

    model: str = ""  # the pool's default
    tools: list[dict[str, Any]] | None = None
    follow: Follow = Field(not_let_in, exclude=True, repr=False)

    @model_validator(mode="after")
    def _set_clients(self) -> Self:
        """Instead of ChatOllama's, which opens two HTTP clients to an Ollama: 40 ms a request, for nothing."""
        return self

    def to_ask(self, messages: list[BaseMessage], stop: list[str] | None = None, **kwargs: Any) -> JobRequest:
        """Raises Invalid for what `/api/chat` would refuse, ValueError for what langchain-ollama cannot convert."""
        params = self._chat_params(messages, stop, **kwargs)
        params["messages"] = [without_empty(message) for message in params["messages"]]
        if self.tools:
            params.setdefault("tools", self.tools)
        return parse_chat(params, len(messages)).to_ask()

    async def _acreate_chat_stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, **kwargs: Any
    ) -> AsyncIterator[Mapping[str, Any]]:
        streams = kwargs.pop("stream", True)
        async with self.follow(self.to_ask(messages, stop, **kwargs)) as events:
            if not streams:
                yield as_json(whole(self.model, await outcome_of(events)))
                return
            async for chunk in chunks_of(self.model, events):
                yield chunk

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """Nobody sees a whole answer grow, so it comes in one piece, and a lost attempt costs nothing but time."""
        return await super()._agenerate(messages, stop, run_manager, stream=False, **kwargs)

    def _create_chat_stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, **kwargs: Any
    ) -> Iterator[Mapping[str, Any]]:
        raise NotImplementedError("the queue is asynchronous: use ainvoke, abatch or astream")


def without_empty(message: Mapping[str, Any]) -> dict[str, Any]:
    """langchain-ollama writes `images: []` beside every text."""
    return {name: value for name, value in message.items() if name == "content" or value}


def as_json(chunk: dict[str, Any]) -> Any:
    """The chunk as it would be read from Ollama's line: times as texts."""
    return orjson.loads(orjson.dumps(chunk, option=orjson.OPT_UTC_Z))


async def chunks_of(model: str, events: Events) -> AsyncIterator[dict[str, Any]]:
    """A job's events as the chunks of Ollama's stream; the last has `done`."""
    begun = False
    async for fields in fields_of(events):
        kind = fields.get("type")
        if kind == "token":
            begun = True
            yield partial(model, fields)
        elif kind == "restarted" and begun:
            raise interrupted()
        elif kind == "completed":
            yield as_json(final(model, fields))
        elif kind in ("failed", "cancelled"):
            raise JobFailed.of(fields)


async def outcome_of(events: Events) -> Outcome:
    """The whole answer, or the job's failure raised."""
    outcome = Outcome()
    async for entry in entries_of(events):
        outcome.fold([entry])
    return outcome.checked()


async def fields_of(events: Events) -> AsyncIterator[dict[str, Any]]:
    async for entry in entries_of(events):
        yield entry.fields()


async def entries_of(events: Events) -> AsyncIterator[LogEntry]:
    """Every entry to the terminal one; Unavailable where they stop before it, which must not pass for an end."""
    while (burst := await events.next_burst()) is not None:
        for entry in burst:
            yield entry
    if not events.at_end:
        raise Unavailable("This answer is no longer followed: its caller has left.", "client_gone")
