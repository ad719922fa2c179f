"""The scripted engine's questions and answers in OpenAI's JSON, as vLLM writes it. No input or output here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from bench.scripted_question import WINDOW, Question, ScriptedMessage, Tool
from bench.scripted_reply import Chance, End, Part
from bench.scripted_room import from_base64

DONE = b"data: [DONE]\n\n"
FAULTS = {
    "context": (400, f"This model's maximum context length is {WINDOW} tokens. Please reduce the length of the input."),
    "memory": (500, "CUDA out of memory"),
    "image": (400, "cannot identify image file"),
}
KINDS = {400: "BadRequestError", 404: "NotFoundError", 401: "AuthenticationError", 429: "RateLimitError"}


class OpenAIAnswer(NamedTuple):
    """What all chunks of one answer have in common."""

    id: str
    model: str
    chat: bool


def chat_question(body: dict[str, Any]) -> Question:
    wanted = body.get("response_format") or {}
    schema = (wanted.get("json_schema") or {}).get("schema")
    choice = body.get("tool_choice") or "auto"
    return _question(body, tuple(message_of(message) for message in body["messages"]))._replace(
        tools=tuple(tool_of(tool) for tool in body.get("tools") or ()),
        choice=choice["function"]["name"] if isinstance(choice, dict) else choice,
        parallel=body.get("parallel_tool_calls") is not False,
        format=schema or ("json" if wanted.get("type") == "json_object" else None),
        think=thinks(body),
        most=body.get("max_completion_tokens") or body.get("max_tokens") or 0,
        logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
    )


def text_question(body: dict[str, Any]) -> Question:
    prompt = body.get("prompt") or ""
    text = prompt if isinstance(prompt, str) else str(prompt[0])
    question = _question(body, (ScriptedMessage("user", text),))
    return question._replace(suffix=body.get("suffix") or "", logprobs=body.get("logprobs"))


def _question(body: dict[str, Any], messages: tuple[ScriptedMessage, ...]) -> Question:
    stop = body.get("stop") or ()
    return Question(
        body["model"],
        messages,
        most=body.get("max_tokens") or 0,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        seed=body.get("seed"),
        temperature=body.get("temperature", 1.0),
    )


def thinks(body: dict[str, Any]) -> bool:
    """Whether the answer may think, by OpenAI's word for it or by the template's, which vLLM and llama.cpp pass on."""
    template = body.get("chat_template_kwargs") or {}
    effort = body.get("reasoning_effort") or ""
    return bool(template.get("enable_thinking") or template.get("thinking") or effort not in ("", "none"))


def tool_of(tool: dict[str, Any]) -> Tool:
    return Tool(tool["function"]["name"], tool["function"].get("parameters") or {})


def message_of(message: dict[str, Any]) -> ScriptedMessage:
    content = message.get("content") or ""
    parts: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    text = "".join(part.get("text", "") for part in parts)
    urls = [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]
    images = tuple(from_base64(url.partition("base64,")[2]) for url in urls)
    functions = [call["function"] for call in message.get("tool_calls") or ()]
    calls = tuple((function["name"], json.loads(function.get("arguments") or "{}")) for function in functions)
    return ScriptedMessage(message["role"], text, images, calls, message.get("name") or "")


# Answers


def frame(body: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"


def envelope(answer: OpenAIAnswer, choices: list[dict[str, Any]], streamed: bool) -> dict[str, Any]:
    kind = "text_completion" if not answer.chat else "chat.completion.chunk" if streamed else "chat.completion"
    return {"id": answer.id, "object": kind, "created": 1_767_225_600, "model": answer.model, "choices": choices}


def chunks(answer: OpenAIAnswer, part: Part, number: int) -> Iterator[dict[str, Any]]:
    """The chunks of one part: a call comes as its head, then its arguments in two pieces."""
    if part.call:
        arguments = json.dumps(part.call.arguments, ensure_ascii=False)
        half = len(arguments) // 2
        function = {"name": part.call.name, "arguments": ""}
        yield _delta(answer, {"tool_calls": [{**call_head(number), "function": function}]})
        for piece in (arguments[:half], arguments[half:]):
            yield _delta(answer, {"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
    elif part.thought:
        yield _delta(answer, {"reasoning_content": part.thought})
    else:
        chances = [part.chance] if part.chance else []
        yield _delta(answer, {"content": part.text}, chances)


def _delta(answer: OpenAIAnswer, delta: dict[str, Any], chances: Sequence[Chance] = ()) -> dict[str, Any]:
    likely = logprobs(answer, chances) if chances else None
    content: dict[str, Any] = {"delta": delta} if answer.chat else {"text": delta.get("content", "")}
    return envelope(answer, [{"index": 0, **content, "logprobs": likely, "finish_reason": None}], True)


def call_head(number: int) -> dict[str, Any]:
    return {"index": number, "id": f"chatcmpl-tool-{number:08x}", "type": "function"}


def last_chunk(answer: OpenAIAnswer, end: End) -> dict[str, Any]:
    content: dict[str, Any] = {"delta": {}} if answer.chat else {"text": ""}
    return envelope(answer, [{"index": 0, **content, "logprobs": None, "finish_reason": end.reason}], True)


def whole(answer: OpenAIAnswer, parts: Sequence[Part], end: End) -> dict[str, Any]:
    """The answer of a call without `stream`."""
    text = "".join(part.text for part in parts)
    chances = [part.chance for part in parts if part.chance]
    choice: dict[str, Any] = {"index": 0, "finish_reason": end.reason}
    choice |= {"logprobs": logprobs(answer, chances) if chances else None}
    choice |= {"message": _message(parts, text)} if answer.chat else {"text": text}
    return {**envelope(answer, [choice], False), "usage": usage(end)}


def _message(parts: Sequence[Part], text: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if thought := "".join(part.thought for part in parts):
        message["reasoning_content"] = thought
    calls = [part.call for part in parts if part.call]
    if calls:
        written = [{"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)} for call in calls]
        message["tool_calls"] = [{**call_head(n), "function": function} for n, function in enumerate(written)]
    return message


def logprobs(answer: OpenAIAnswer, chances: Sequence[Chance]) -> dict[str, Any]:
    """The log probabilities, in the shape of chat or of completions."""
    if answer.chat:
        return {"content": [_likely(*chance[:2], [_likely(*other) for other in chance.others]) for chance in chances]}
    return {
        "tokens": [chance.token for chance in chances],
        "token_logprobs": [chance.logprob for chance in chances],
        "top_logprobs": [dict(chance.others) for chance in chances],
        "text_offset": [0 for _ in chances],
    }


def _likely(token: str, logprob: float, others: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"token": token, "logprob": logprob, "bytes": list(token.encode())}
    return entry if others is None else {**entry, "top_logprobs": others}


def usage(end: End) -> dict[str, Any]:
    return {
        "prompt_tokens": end.prompt_tokens,
        "completion_tokens": end.completion_tokens,
        "total_tokens": end.prompt_tokens + end.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": end.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": end.thought_tokens},
    }


# Errors


def fault(kind: str) -> tuple[int, str]:
    return FAULTS.get(kind) or (int(kind) if kind.isdigit() else 500, "an ordered fault")


def refusal(status: int, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": KINDS.get(status, "InternalServerError"), "code": status}}


def error_frame(kind: str) -> bytes:
    return frame(refusal(*fault(kind)))
