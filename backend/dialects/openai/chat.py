"""OpenAI's `/v1/chat/completions`: chunks as SSE, or one JSON object.

id: 1-7
data: {"id":"chatcmpl-…","object":"chat.completion.chunk","created":…,"model":"…","choices":[{"index":0,
       "delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}]}

The first chunk has the role, the one before the last a `finish_reason`, the last, where the request wants it, `usage`
and no choices; then comes `data: [DONE]`. Thoughts are `reasoning_content` beside `content`. While nothing comes,
chunks with an empty delta keep clients waiting. An error is the last frame of its stream. An `id:` is that of an event
of the log: `/api/jobs/{id}/events` goes on behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.dialects.common.door import Incoming, Parsed
from backend.dialects.common.sse import frame, text_frame
from backend.dialects.common.tools import hex_of
from backend.dialects.openai.answer import call_objects, logprobs_of, reason_of, usage_of
from backend.dialects.openai.chat_request import OpenAiChatRequest, check_possible
from backend.dialects.openai.errors import BadParameter, read_as
from backend.dialects.openai.frames import ChoicePlace, Chunks
from backend.dialects.openai.sampling import copies
from backend.moments import now_ms, seconds
from wire.ids import JobId


class ChatExtra(NamedTuple):
    """What the door's answer needs. `created`: the request's second, the same in all chunks of its answer."""

    created: int
    include_usage: bool


class ChatDoor:
    name = "openai.chat"

    def read(self, incoming: Incoming) -> Parsed:
        """Raises Invalid. The count is checked first: it is the cheap refusal."""
        messages, most = incoming.fields.get("messages"), incoming.bounds.messages
        if isinstance(messages, list) and len(messages) > most:
            problem = f"messages: {len(messages):,} are too many; at most {most:,}."
            raise BadParameter("messages", problem, "too_many_messages")
        check_possible(incoming.fields)
        wanted = read_as(OpenAiChatRequest, incoming.fields)
        include_usage = bool(wanted.stream_options and wanted.stream_options.include_usage)
        ask, *others = copies(wanted.to_ask(), wanted.n or 1)
        extra = ChatExtra(seconds(now_ms()), include_usage)
        return Parsed(ask, bool(wanted.stream), extra, others=tuple(others))

    def stream(self, parsed: Parsed, ticket: Ticket) -> ChatChunks:
        return ChatChunks(ticket.job, ticket.model, parsed.extra.created, parsed.extra.include_usage)

    def whole(self, parsed: Parsed, ticket: Ticket, outcome: Outcome) -> dict[str, Any]:
        return completion(ticket.job, ticket.model, parsed.extra.created, outcome)

    def choice(self, parsed: Parsed, tickets: Sequence[Ticket], place: int) -> ChatChunks:
        first, among = tickets[0], ChoicePlace(place, tickets[0].job)
        return ChatChunks(tickets[place].job, first.model, parsed.extra.created, parsed.extra.include_usage, among)

    def all_choices(self, parsed: Parsed, tickets: Sequence[Ticket], outcomes: Sequence[Outcome]) -> dict[str, Any]:
        pairs = zip(tickets, outcomes, strict=True)
        choices = [choice_of(ticket.job, place, outcome) for place, (ticket, outcome) in enumerate(pairs)]
        return whole(tickets[0].job, tickets[0].model, parsed.extra.created, choices, outcomes)


class ChatChunks(Chunks):
    def __init__(
        self, job: JobId, model: str, created: int, include_usage: bool, among: ChoicePlace | None = None
    ) -> None:
        self._job = job
        self._index, answer = among or ChoicePlace(0, job)
        self._head = {"id": id_of(answer), "object": "chat.completion.chunk", "created": created, "model": model}
        self._tail = {"usage": None} if include_usage else {}
        self._include_usage = include_usage
        self._called = 0  # tool calls sent so far
        super().__init__(text_frame(self._chunk({"content": ""}), b"content"), among)

    def keep_alive(self) -> bytes:
        return frame(self._chunk({}))

    def _first(self) -> bytes:
        """The chunk with the role."""
        return frame(self._chunk({"role": "assistant", "content": ""}))

    def _chunk_of(self, fields: dict[str, Any]) -> bytes:
        delta: dict[str, Any] = {}
        if fields.get("thinking"):
            delta["reasoning_content"] = fields["thinking"]
        if calls := fields.get("tool_calls"):
            objects = call_objects(self._job, calls, self._called)
            delta["tool_calls"] = [{"index": self._called + n, **call} for n, call in enumerate(objects)]
            self._called += len(calls)
        if fields.get("text") or not delta:
            delta["content"] = fields.get("text", "")
        return frame(self._chunk(delta, logprobs_of(fields.get("logprobs"))))

    def _last(self, end: dict[str, Any]) -> bytes:
        return frame(self._chunk({}, reason=reason_of(end, self._called > 0)))

    def _cost(self, ends: Sequence[dict[str, Any]]) -> bytes:
        return frame({**self._head, "choices": [], "usage": usage_of(*ends)}) if self._include_usage else b""

    def _chunk(self, delta: dict[str, Any], logprobs: Any = None, reason: str | None = None) -> dict[str, Any]:
        choice = {"index": self._index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return {**self._head, "choices": [choice], **self._tail}


def id_of(job: JobId) -> str:
    return f"chatcmpl-{hex_of(job)}"


def job_of(id: str) -> JobId:
    """The job behind an answer's id; a job's own id stays what it is."""
    name = id.removeprefix("chatcmpl-")
    with suppress(ValueError):
        return JobId(str(UUID(hex=name)) if name != id else id)
    return JobId(id)


def completion(job: JobId, model: str, created: int, outcome: Outcome) -> dict[str, Any]:
    """The whole answer of a job that completed."""
    return whole(job, model, created, [choice_of(job, 0, outcome)], [outcome])


def choice_of(job: JobId, index: int, outcome: Outcome) -> dict[str, Any]:
    text, calls = "".join(outcome.text), call_objects(job, outcome.tool_calls, 0)
    message: dict[str, Any] = {"role": "assistant", "content": None if calls and not text else text, "refusal": None}
    if thinking := "".join(outcome.thinking):
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = calls
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs_of(outcome.logprobs),
        "finish_reason": reason_of(outcome.end, bool(calls)),
    }


def whole(
    job: JobId, model: str, created: int, choices: list[dict[str, Any]], outcomes: Sequence[Outcome]
) -> dict[str, Any]:
    """`job`: that of the first choice."""
    return {
        "id": id_of(job),
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": choices,
        "usage": usage_of(*(outcome.end for outcome in outcomes)),
    }


CHAT = ChatDoor()
