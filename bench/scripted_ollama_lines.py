"""The scripted engine's questions and answers in Ollama's JSON. No input or output here."""

from __future__ import annotations

from typing import Any

import orjson

from bench.scripted_question import Model, Question, ScriptedMessage, Tool
from bench.scripted_reply import Chance, End, Part
from bench.scripted_room import from_base64

CREATED = "2026-01-01T00:00:00.000000Z"
TEMPLATE = "<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n<|im_start|>assistant\n"
DETAILS = {"format": "gguf", "family": "scripted", "parameter_size": "1B", "quantization_level": "Q4_K_M"}
FAULTS = {
    "context": (400, "the input length exceeds the context length"),
    "memory": (500, "model requires more system memory (99.0 GiB) than is available (1.0 GiB)"),
    "image": (500, "Failed to create new sequence: failed to process inputs: image: unknown format"),
    "503": (503, "server busy, please try again. maximum pending requests exceeded"),
}


def question_of(body: dict[str, Any], messages: tuple[ScriptedMessage, ...]) -> Question:
    options = body.get("options") or {}
    stop = options.get("stop") or ()
    most = options.get("num_predict") or 0
    alternatives = body.get("top_logprobs") or 0
    return Question(
        body["model"],
        messages,
        tools=tuple(tool_of(tool) for tool in body.get("tools") or ()),
        format=body.get("format") or None,
        think=bool(body.get("think")),
        most=max(most, 0),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        seed=options.get("seed"),
        temperature=options.get("temperature", 0.8),
        logprobs=alternatives if body.get("logprobs") else None,
        suffix=body.get("suffix") or "",
    )


def tool_of(tool: dict[str, Any]) -> Tool:
    return Tool(tool["function"]["name"], tool["function"].get("parameters") or {})


def message_of(message: dict[str, Any]) -> ScriptedMessage:
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    images = tuple(from_base64(image) for image in message.get("images") or ())
    named = tuple((call["name"], call.get("arguments") or {}) for call in calls)
    return ScriptedMessage(message["role"], message.get("content") or "", images, named, message.get("tool_name") or "")


def render(question: Question) -> str:
    """The prompt in ChatML; a last message of the assistant stays open."""
    turns = [f"<|im_start|>{message.role}\n{message.text}<|im_end|>\n" for message in question.messages]
    if question.prefill:
        return "".join(turns).removesuffix("<|im_end|>\n")
    return "".join([*turns, "<|im_start|>assistant\n"])


def line_of(line: dict[str, Any]) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def part_line(part: Part, number: int, chat: bool) -> dict[str, Any]:
    """A part as the members of a line; `number` counts the calls of one answer."""
    members: dict[str, Any] = {"thinking": part.thought} if part.thought else {}
    if part.call:
        function = {"index": number, "name": part.call.name, "arguments": part.call.arguments}
        members["tool_calls"] = [{"id": f"call_{number:08x}", "function": function}]
    more = {"logprobs": [chance_line(part.chance)]} if part.chance else {}
    if chat:
        return {"message": {"role": "assistant", "content": part.text, **members}, **more}
    return {"response": part.text, **members, **more}


def chance_line(chance: Chance) -> dict[str, Any]:
    others = [_likely(token, logprob) for token, logprob in chance.others]
    return _likely(chance.token, chance.logprob) | ({"top_logprobs": others} if others else {})


def _likely(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def end_line(end: End, taken: int) -> dict[str, Any]:
    """`done`, with counts and durations (nanoseconds). To Ollama a call is an end like any other."""
    return {
        "done": True,
        "done_reason": "stop" if end.reason == "tool_calls" else end.reason,
        "total_duration": taken,
        "load_duration": 1,
        "prompt_eval_count": end.prompt_tokens,
        "prompt_eval_duration": 1,
        "eval_count": end.completion_tokens,
        "eval_duration": taken,
    }


def joined(lines: list[dict[str, Any]], chat: bool) -> dict[str, Any]:
    """All lines as the one object of a call with `stream: false`."""
    last = lines[-1]
    bodies = [line["message"] if chat else line for line in lines]
    whole: dict[str, Any] = {"content" if chat else "response": ""}
    for body in bodies:
        for name in ("content", "response", "thinking", "tool_calls"):
            if name in body:
                whole[name] = whole[name] + body[name] if name in whole else body[name]
    if logprobs := [chance for line in lines for chance in line.get("logprobs", ())]:
        last = {**last, "logprobs": logprobs}
    return {**last, **({"message": {"role": "assistant", **whole}} if chat else whole)}


def listed(model: Model) -> dict[str, Any]:
    """An entry of the model lists."""
    digest = model.name.encode().hex().ljust(64, "0")[:64]
    entry = {"name": model.name, "model": model.name, "size": 1 << 30, "digest": digest}
    return {**entry, "details": DETAILS, "modified_at": CREATED}


def fault(kind: str) -> tuple[int, str]:
    """Status and text of an ordered fault."""
    return FAULTS.get(kind) or (int(kind) if kind.isdigit() else 500, "an ordered fault")


def error_line(kind: str) -> bytes:
    return line_of({"error": fault(kind)[1]})
