"""The parts of an answer that OpenAI's routes write alike: usage, the reason of its end, tool calls, logprobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from backend.dialects.common.tools import call_id
from wire.ids import JobId


def usage_of(*ends: dict[str, Any]) -> dict[str, Any]:
    """The cost of all jobs of an answer, from their `completed` events."""
    prompt, answer, cached, thoughts = (
        sum(end.get("usage", {}).get(name, 0) for end in ends)
        for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "thinking_tokens")
    )
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": thoughts},
    }


def reason_of(end: dict[str, Any], called: bool) -> str:
    """Why an answer ended. Engines that call tools may report a plain stop; OpenAI's clients go by this word."""
    reason = str(end.get("finish_reason") or "stop")
    return "tool_calls" if called and reason == "stop" else reason


def call_objects(job: JobId, calls: Iterable[dict[str, Any]], before: int) -> list[dict[str, Any]]:
    """An event's tool calls in OpenAI's form. `before`: how many calls the answer had before this event."""
    return [_call_object(call, call_id(job, place)) for place, call in enumerate(calls, before)]


def _call_object(call: dict[str, Any], id: str) -> dict[str, Any]:
    function = call.get("function", {})
    arguments = function.get("arguments", {})
    written = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    about = {"name": function.get("name", ""), "arguments": written}
    return {"id": call.get("id") or id, "type": "function", "function": about}


def logprobs_of(logprobs: Sequence[dict[str, Any]] | None) -> dict[str, Any] | None:
    """A choice's `logprobs`; None where there are none."""
    if not logprobs:
        return None
    return {"content": [_position(one) for one in logprobs], "refusal": None}


def _position(one: dict[str, Any]) -> dict[str, Any]:
    return {**_logprob(one), "top_logprobs": [_logprob(top) for top in one.get("top_logprobs") or ()]}


def _logprob(one: dict[str, Any]) -> dict[str, Any]:
    token = str(one.get("token", ""))
    octets = one.get("bytes") or list(token.encode())
    return {"token": token, "logprob": one.get("logprob", 0.0), "bytes": octets}


class TextLogprobs:
    """The older API's `logprobs`: columns, with where in the answer's text (characters) each token begins."""

    def __init__(self) -> None:
        self._offset = 0

    def of(self, logprobs: Sequence[dict[str, Any]] | None) -> dict[str, Any] | None:
        """The next tokens of one answer; None where there are none."""
        if not logprobs:
            return None
        tokens = [str(one.get("token", "")) for one in logprobs]
        return {
            "tokens": tokens,
            "token_logprobs": [one.get("logprob", 0.0) for one in logprobs],
            "top_logprobs": [_by_token(one.get("top_logprobs") or ()) for one in logprobs],
            "text_offset": [self._next(token) for token in tokens],
        }

    def _next(self, token: str) -> int:
        self._offset += len(token)
        return self._offset - len(token)


def _by_token(alternatives: Iterable[dict[str, Any]]) -> dict[str, float]:
    return {str(one.get("token", "")): one.get("logprob", 0.0) for one in alternatives}
