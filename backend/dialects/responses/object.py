"""A response as `/v1/responses` sends it: the object around it, and the items of its output.

Everything is made of the job's record and its events, so that any API process sends the same at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from backend.chat.outcome import Outcome
from backend.dialects.common.tools import hex_of
from backend.dialects.openai.answer import call_objects, logprobs_of
from wire.ids import JobId
from wire.records import JobRequest

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
# OpenAI's word for what is wrong with the request; everything else is the server's.
PROMPT_CODES = frozenset({"context_too_long", "engine_refused", "unsupported"})
Item = dict[str, Any]


class Origin(NamedTuple):
    """The origin of a response: the id of its job, the model as the catalogue spells it, and the request."""

    job: JobId
    model: str
    ask: JobRequest


def response_id(job: JobId) -> str:
    return f"resp_{hex_of(job)}"


def item_id(kind: str, job: JobId, restarts: int, number: int) -> str:
    """`kind`: msg, rs or fc; `number`: how many of that kind this attempt's output has before it."""
    return f"{kind}_{hex_of(job)}" + (f"_r{restarts}" if restarts else "") + (f"_{number}" if number else "")


# -- items -------------------------------------------------------------------------------------------------------
def message_item(id: str, status: str, part: Item | None) -> Item:
    return {"id": id, "type": "message", "status": status, "role": "assistant", "content": [part] if part else []}


def text_part(text: str, logprobs: Sequence[dict[str, Any]] = ()) -> Item:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprob_list(logprobs)}


def reasoning_item(id: str, status: str, part: Item | None) -> Item:
    return {"id": id, "type": "reasoning", "status": status, "summary": [part] if part else []}


def summary_part(text: str) -> Item:
    """A part with thoughts. Clients draw thoughts that come as a summary."""
    return {"type": "summary_text", "text": text}


def call_item(id: str, status: str, call: dict[str, Any], arguments: str) -> Item:
    """The item of a call. `call`: as `call_objects` returns it."""
    about = {"call_id": call["id"], "name": call["function"]["name"], "arguments": arguments}
    return {"id": id, "type": "function_call", "status": status, **about}


def calls_of(job: JobId, restarts: int, calls: Sequence[dict[str, Any]], before: int) -> list[dict[str, Any]]:
    """The same as `call_objects`, with other ids than a void attempt's: clients know calls by their ids."""
    suffix = f"_r{restarts}" if restarts else ""
    return [{**call, "id": call["id"] + suffix} for call in call_objects(job, calls, before)]


def logprob_list(logprobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    body = logprobs_of(logprobs)
    return body["content"] if body else []


def output_of(job: JobId, outcome: Outcome) -> list[Item]:
    """The items of an answer of which everything is known."""
    status = "completed" if is_whole(outcome.end) else "incomplete"
    items = []
    if thinking := "".join(outcome.thinking):
        items.append(reasoning_item(item_id("rs", job, outcome.restarts, 0), "completed", summary_part(thinking)))
    if text := "".join(outcome.text):
        part = text_part(text, outcome.logprobs)
        items.append(message_item(item_id("msg", job, outcome.restarts, 0), status, part))
    for number, call in enumerate(calls_of(job, outcome.restarts, outcome.tool_calls, 0)):
        id = item_id("fc", job, outcome.restarts, number)
        items.append(call_item(id, "completed", call, call["function"]["arguments"]))
    return items


# -- the object around them --------------------------------------------------------------------------------------
def is_whole(end: dict[str, Any]) -> bool:
    return end.get("type") == "completed" and end.get("finish_reason") not in INCOMPLETE


def status_of(end: dict[str, Any]) -> str:
    """A response's status, from its terminal event."""
    if end.get("type") == "completed":
        return "completed" if is_whole(end) else "incomplete"
    return "cancelled" if end.get("type") == "cancelled" else "failed"


def ended(origin: Origin, end: dict[str, Any], output: list[Item]) -> dict[str, Any]:
    """The response with its terminal event."""
    body = response(origin, status_of(end), output)
    body["model"] = end.get("model") or origin.model
    if end.get("type") == "failed":
        body["error"] = {"code": _error_code(str(end.get("code"))), "message": end.get("message", "The job failed.")}
    if body["status"] == "incomplete":
        body["incomplete_details"] = {"reason": INCOMPLETE[end["finish_reason"]]}
    if "usage" in end:
        body["usage"] = usage_of(end["usage"])
    return body


def _error_code(code: str) -> str:
    return "invalid_prompt" if code in PROMPT_CODES else "server_error"


def usage_of(usage: dict[str, Any]) -> dict[str, Any]:
    prompt, answer = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": usage.get("cached_tokens", 0), "cache_write_tokens": 0},
        "output_tokens": answer,
        "output_tokens_details": {"reasoning_tokens": usage.get("thinking_tokens", 0)},
        "total_tokens": prompt + answer,
    }


def response(origin: Origin, status: str, output: list[Item]) -> dict[str, Any]:
    """A response that is on its way; fields that only an end has are null."""
    echo = origin.ask.echo or {}
    reasoning, text = echo.get("reasoning", {}), echo.get("text", {})
    return {
        "id": response_id(origin.job),
        "object": "response",
        "created_at": echo.get("created_at", 0),
        "status": status,
        "background": bool(echo.get("background")),
        "error": None,
        "incomplete_details": None,
        "instructions": instructions_of(origin.ask),
        "max_output_tokens": echo.get("max_output_tokens"),
        "metadata": echo.get("metadata", {}),
        "model": origin.model,
        "output": output,
        "parallel_tool_calls": echo.get("parallel_tool_calls", True),
        "previous_response_id": echo.get("previous_response_id"),
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "service_tier": "default",
        "store": echo.get("store", True),
        "temperature": echo.get("temperature"),
        "text": {"format": {"type": "text"}, **text},
        "tool_choice": echo.get("tool_choice", "auto"),
        "tools": [{"parameters": None, "strict": None, **tool} for tool in echo.get("tools", ())],
        "top_logprobs": echo.get("top_logprobs", 0),
        "top_p": echo.get("top_p"),
        "truncation": "disabled",  # also where the request wants another value: nothing is cut from a conversation here
        "usage": None,
        "user": echo.get("user"),
    }


def instructions_of(ask: JobRequest) -> str | None:
    """The first message, where it is the instructions and not part of the conversation."""
    has_them = bool((ask.echo or {}).get("instructed"))
    return ask.messages[0].content if has_them else None
