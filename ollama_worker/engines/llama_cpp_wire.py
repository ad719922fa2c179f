"""llama.cpp's JSON: what a job looks like as a request body, and what its lines mean. No input or output here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from ollama_worker.engines.base import (
    ContextTooLong,
    EngineError,
    EngineUnavailable,
    Finished,
    OutOfMemory,
    Piece,
    RequestRefused,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.http import error_text, parse
from wire.records import JobRequest, Message

DATA, LAST = b"data: ", b"[DONE]"
RENAMED = {"num_predict": "n_predict", "num_keep": "n_keep"}  # Ollama's name → llama.cpp's; most are the same
FIXED = ("num_ctx", "num_batch", "num_gpu", "num_thread", "main_gpu", "use_mmap")  # settled when the model is loaded


def options_of(request: JobRequest) -> dict[str, Any]:
    options = {RENAMED.get(name, name): value for name, value in request.options.items() if name not in FIXED}
    if options.get("n_predict") in (0, -2):  # Ollama's "no limit" and "until the window is full" are one thing here
        options["n_predict"] = -1
    if isinstance(options.get("stop"), str):
        options["stop"] = [options["stop"]]
    return options


def chat_body(request: JobRequest) -> dict[str, Any]:
    """For `/v1/chat/completions`, streamed. Raises `Unsupported` for images."""
    body: dict[str, Any] = {"messages": messages_of(request), "stream": True, **options_of(request)}
    body["stream_options"] = {"include_usage": True}
    if "n_predict" in body:
        body["max_tokens"] = body.pop("n_predict")
    if request.tools:
        body["tools"] = request.tools
    if request.format is not None:
        body["response_format"] = format_of(request.format)
    if request.think is not None:
        body["chat_template_kwargs"] = {"enable_thinking": bool(request.think)}
    if request.logprobs:
        body |= {"logprobs": True, "top_logprobs": request.top_logprobs or 0}
    return body


def raw_body(request: JobRequest, prompt: str) -> dict[str, Any]:
    """For `/completion`, streamed: the prompt as it is, no template."""
    return {"prompt": prompt, "stream": True, **options_of(request)}


def format_of(wanted: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(wanted, str):
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"schema": wanted}}


def messages_of(request: JobRequest) -> list[dict[str, Any]]:
    """A generate job is a chat with one message, as it is to Ollama."""
    if request.kind == "generate":
        return [{"role": "user", "content": request.prompt or ""}]
    return [_message(message) for message in request.messages]


def _message(message: Message) -> dict[str, Any]:
    if message.images:
        raise Unsupported("This llama.cpp has no eyes: images need Ollama with a vision model")
    said: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.thinking:
        said["reasoning_content"] = message.thinking
    if message.tool_calls:
        said["tool_calls"] = [_call(call, f"call_{n}") for n, call in enumerate(message.tool_calls)]
    if message.tool_call_id:
        said["tool_call_id"] = message.tool_call_id
    return said


def _call(call: dict[str, Any], name: str) -> dict[str, Any]:
    """Ollama keeps arguments as an object, this dialect as a string of JSON."""
    function = call.get("function") or {}
    arguments = orjson.dumps(function.get("arguments") or {}).decode()
    return {
        "id": call.get("id") or name,
        "type": "function",
        "function": {"name": function.get("name", ""), "arguments": arguments},
    }


def fault(status: int, text: str) -> EngineError:
    said = text.lower()
    if "exceeds the available context" in said or "too large to process" in said or "exceed_context" in said:
        return ContextTooLong(f"The prompt does not fit this model's context window: {text}")
    if "not support" in said:
        return Unsupported(f"llama.cpp: {text}")
    if "memory" in said or "failed to allocate" in said:
        return OutOfMemory(f"llama.cpp: {text}")
    if status == 503:
        return EngineUnavailable(f"llama.cpp is not ready: {text}")
    if 400 <= status < 500:
        return RequestRefused(f"llama.cpp refused the request: {text}")
    return EngineError(f"llama.cpp failed: {text}")


def events(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    """The objects in the `data:` lines of one read; `{}` for the end mark `[DONE]`. Raises what an error line says."""
    for line in lines:
        if line.startswith(b"error: "):
            raise fault(500, error_text(line[7:]))
        if not line.startswith(DATA):
            if line.startswith(b"{"):  # an error after the headers went out comes bare
                raise fault(500, error_text(line))
            continue
        data = line[len(DATA) :].rstrip()
        said = {} if data == LAST else parse(data)
        if "error" in said:
            raise fault(int((said["error"] or {}).get("code", 500)), error_text(data))
        yield said


class ChatAnswer:
    """Reads the stream of a chat. Calls of tools come in fragments and are told whole, at the end."""

    def __init__(self) -> None:
        self._reason = ""
        self._calls: dict[int, dict[str, str]] = {}
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}

    def read(self, lines: list[bytes]) -> Iterator[Piece | Finished]:
        text, thinking, tokens = "", "", 0
        logprobs: list[dict[str, Any]] = []
        for said in events(lines):
            if not said:
                yield from self._told(text, thinking, tokens, logprobs)
                yield from self._end()
                return
            self._usage = said.get("usage") or self._usage
            self._timings = said.get("timings") or self._timings
            for choice in said.get("choices") or ():
                delta = choice.get("delta") or {}
                new, thought = delta.get("content") or "", delta.get("reasoning_content") or ""
                text, thinking, tokens = text + new, thinking + thought, tokens + bool(new or thought)
                logprobs += (choice.get("logprobs") or {}).get("content") or []
                self._reason = choice.get("finish_reason") or self._reason
                self._gather(delta.get("tool_calls") or ())
        yield from self._told(text, thinking, tokens, logprobs)

    def _told(self, text: str, thinking: str, tokens: int, logprobs: list[dict[str, Any]]) -> Iterator[Piece]:
        if text or thinking or logprobs:
            yield Piece(text, thinking, None, logprobs or None, max(1, tokens))

    def _gather(self, fragments: Any) -> None:
        for fragment in fragments:
            call = self._calls.setdefault(fragment.get("index", 0), {"id": "", "name": "", "arguments": ""})
            function = fragment.get("function") or {}
            call["id"] += fragment.get("id") or ""
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""

    def _end(self) -> Iterator[Piece | Finished]:
        if not self._reason:
            raise StreamCut("llama.cpp ended the answer without a reason")
        if self._calls:
            yield Piece(tool_calls=[_whole(call) for _, call in sorted(self._calls.items())])
        yield finished(
            self._reason, self._usage.get("prompt_tokens", 0), self._usage.get("completion_tokens", 0), self._timings
        )


def _whole(call: dict[str, str]) -> dict[str, Any]:
    """In Ollama's shape. Raises `StreamCut` when the arguments are not whole."""
    arguments = parse(call["arguments"].encode() or b"{}")
    return {"id": call["id"], "function": {"name": call["name"], "arguments": arguments}}


class RawAnswer:
    """Reads the stream of a raw completion."""

    def read(self, lines: list[bytes]) -> Iterator[Piece | Finished]:
        text, tokens = "", 0
        for said in events(lines):
            text += said.get("content") or ""
            tokens += len(said.get("tokens") or ()) if said.get("content") else 0
            if said.get("stop"):
                if text:
                    yield Piece(text, tokens=max(1, tokens))
                reason = "length" if said.get("stop_type") == "limit" else "stop"
                counts = said.get("tokens_evaluated", 0), said.get("tokens_predicted", 0)
                yield finished(reason, *counts, said.get("timings") or {})
                return
        if text:
            yield Piece(text, tokens=max(1, tokens))


def finished(reason: str, prompt_tokens: int, completion_tokens: int, timings: dict[str, Any]) -> Finished:
    prompt_ms, generate_ms = int(timings.get("prompt_ms", 0)), int(timings.get("predicted_ms", 0))
    return Finished(reason, prompt_tokens, completion_tokens, prompt_ms=prompt_ms, generate_ms=generate_ms)
