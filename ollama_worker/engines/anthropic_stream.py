"""Anthropic's streams and faults: what the lines of an answer mean. No input or output here.

    message_start → (content_block_start → content_block_delta … → content_block_stop) … → message_delta → message_stop

`message_stop` is the end mark. `ping` may come anywhere, and unknown kinds are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ollama_worker.engines.base import (
    ContextTooLong,
    EngineBusy,
    EngineDenied,
    EngineError,
    EngineFailed,
    Finished,
    ModelNotFound,
    Piece,
    RequestRefused,
    StreamCut,
)
from ollama_worker.engines.http import error_text, fields_of, parse, text_of
from ollama_worker.engines.tool_calls import Calls
from wire.events import counted

DATA = b"data:"
REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
STATUSES = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "api_error": 0,
    "timeout_error": 0,
}  # of errors in mid-stream
SPENT = "credit balance"  # is too low: the status of that is 400
TOO_LONG = ("prompt is too long", "context window", "context limit")


def fault(model: str, status: int, text: str) -> EngineError:
    lowered = text.lower()
    if any(words in lowered for words in TOO_LONG):
        return ContextTooLong(f"The prompt does not fit {model}'s context window: {text}")
    if status == 402 or SPENT in lowered:
        return EngineDenied(f"Anthropic answers no more until its account is topped up: {text}")
    if status == 403 and "model" in lowered and model.lower() in lowered:
        return ModelNotFound(f"Anthropic does not give {model} to the owner of this key: {text}")
    if status in (401, 403):
        return EngineDenied(f"Anthropic does not let us in (status {status}): check ANTHROPIC_API_KEY")
    if status == 404:
        return ModelNotFound(f"Anthropic does not have {model}: `GET /v1/models` lists what it has")
    if status in (429, 502, 503, 504, 529):
        return EngineBusy(f"Anthropic is busy (status {status}): {text}")
    if 400 <= status < 500:
        return RequestRefused(f"Anthropic refused the request: {text}")
    if status == 0:
        return StreamCut(f"Anthropic broke off: {text}")
    return EngineFailed(f"Anthropic failed: {text}")


class AnthropicReader:
    """The reader of one answer's lines, in bursts as they came. Calls of tools come whole, at the end."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._reason, self._stop = "", ""
        self._calls = Calls()
        self._usage: dict[str, Any] = {}

    def read(self, lines: list[bytes]) -> Iterator[Piece | Finished]:
        """One piece for all the output in `lines`, then the end if it is among them. An error is raised after the piece
        that came before it."""
        text, thinking, tokens, ended = "", "", 0, False
        error: EngineError | None = None
        try:
            for event in self._events(lines):
                if ended := event.get("type") == "message_stop":
                    break
                new, thought = self._output(event)
                text, thinking, tokens = text + new, thinking + thought, tokens + bool(new or thought)
        except EngineError as raised:
            error = raised
        if text or thinking:
            yield Piece(text, thinking, tokens=tokens)
        if error:
            raise error
        if ended:
            yield from self._end()

    def _events(self, lines: list[bytes]) -> Iterator[dict[str, Any]]:
        for line in lines:
            if line.startswith(DATA):
                event = parse(line[len(DATA) :])
                if event.get("type") == "error":
                    status = STATUSES.get(str(fields_of(event.get("error")).get("type", "")), 400)
                    raise fault(self._model, status, error_text(line[len(DATA) :]))
                yield event

    def _output(self, event: dict[str, Any]) -> tuple[str, str]:
        """(text, thinking) of an event; calls, counts and the reason are kept."""
        kind = event.get("type")
        if kind == "content_block_delta":
            delta = fields_of(event.get("delta"))
            if "partial_json" in delta:
                self._calls.add([{"index": event.get("index"), "function": {"arguments": delta["partial_json"]}}])
            return text_of(delta.get("text")), text_of(delta.get("thinking"))
        if kind == "content_block_start":
            block = fields_of(event.get("content_block"))
            if block.get("type") == "tool_use":
                name = {"name": block.get("name")}
                self._calls.add([{"index": event.get("index"), "id": block.get("id"), "function": name}])
            return text_of(block.get("text")), text_of(block.get("thinking"))
        self._usage |= fields_of(event.get("usage") or fields_of(event.get("message")).get("usage"))
        delta = fields_of(event.get("delta"))
        self._reason = text_of(delta.get("stop_reason")) or self._reason
        self._stop = text_of(delta.get("stop_sequence")) or self._stop
        return "", ""

    def _end(self) -> Iterator[Piece | Finished]:
        if not self._reason:
            raise StreamCut("Anthropic ended the answer without a reason")
        reason = REASONS.get(self._reason, "stop")
        if calls := self._calls.whole(cut=reason == "length"):
            yield Piece(tool_calls=calls)
        yield finished(reason, self._usage)._replace(stop_sequence=self._stop)


def finished(reason: str, usage: dict[str, Any]) -> Finished:
    """The end mark by Anthropic's counts: the prompt's tokens read from the cache, those put into it, and the rest."""
    cached = counted(usage.get("cache_read_input_tokens"))
    prompt = counted(usage.get("input_tokens")) + counted(usage.get("cache_creation_input_tokens")) + cached
    thoughts = counted(fields_of(usage.get("output_tokens_details")).get("thinking_tokens"))
    answer = counted(usage.get("output_tokens"))
    return Finished(reason, counted(prompt), answer, cached_tokens=cached, thinking_tokens=thoughts)
