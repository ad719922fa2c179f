"""Ollama's JSON: the request body of a job, and what the lines of an answer mean. No input or output here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ollama_worker.engines.base import (
    EngineError,
    Finished,
    Piece,
    RequestRefused,
    StreamCut,
)
from ollama_worker.engines.binding import check_binding
from ollama_worker.engines.http import entries_by, fields_of, objects_of, parse, text_of
from ollama_worker.engines.ollama_faults import fault
from ollama_worker.engines.store import ModelInfo
from wire.events import counted
from wire.records import JobRequest

NANOSECONDS = 1_000_000  # in a millisecond: Ollama counts time in nanoseconds
# A capability → what a model without it cannot do, and which models can.
LACKS = {
    "tools": "cannot call tools. Use a model that can, such as qwen3 or llama3.1",
    "vision": "cannot see images. Use a vision model, such as llama3.2-vision",
    "thinking": "cannot think. Use a model that can, such as qwen3 or deepseek-r1, or leave `think` out",
    "insert": "cannot fill in before a suffix. Use a model that can, such as qwen2.5-coder, or leave `suffix` out",
}
DETAILS = ("parent_model", "format", "family", "parameter_size", "quantization_level")
WORD_MAX, FAMILIES_MAX = 100, 8  # characters of a detail; families of one model
LOADED_ONLY = ("load", "unload")  # done_reason of an answer to no message at all


def full_name(model: str) -> str:
    """`qwen2.5` → `qwen2.5:latest`: the name under which Ollama lists a model. A tag follows the last `:`."""
    return model if ":" in model.rsplit("/", 1)[-1] else f"{model}:latest"


def body_of(ask: JobRequest, prefill: str = "") -> tuple[str, dict[str, Any]]:
    """(path, body) for a chat or a generate job. `prefill` becomes a last assistant message. Raises `Unsupported`."""
    check_binding(ask, (), "Ollama")
    body: dict[str, Any] = {"model": ask.model, "options": ask.options, "stream": True}
    # Ollama's default is to drop the oldest messages in silence, and then the start of its own answer. Both are off
    # (0.12.6 and later know these fields): a prompt that does not fit is an error, a full window ends in "length".
    body |= {"truncate": False, "shift": False}
    for name in ("format", "think", "keep_alive", "logprobs", "top_logprobs"):
        if (value := getattr(ask, name)) is not None:
            body[name] = value
    if ask.kind == "generate":
        return "/api/generate", body | _prompt_of(ask)
    if ask.tools:
        body["tools"] = ask.tools
    return "/api/chat", body | {"messages": messages_of(ask, prefill)}


def _prompt_of(ask: JobRequest) -> dict[str, Any]:
    """A bare prompt. A prompt with a suffix needs the model's template, which marks where the gap is."""
    if ask.suffix:
        return {"prompt": ask.prompt or "", "suffix": ask.suffix}
    return {"prompt": ask.prompt or "", "raw": True}


def needs_of(ask: JobRequest) -> list[str]:
    """The capabilities that a model needs for this job."""
    needed = {
        "tools": bool(ask.tools),
        "vision": any(message.images for message in ask.messages),
        "thinking": bool(ask.think),
        "insert": bool(ask.suffix),
    }
    return [need for need, wanted in needed.items() if wanted]


def lacking(shown: dict[str, Any], needs: list[str]) -> str:
    """The first of `needs` that a model lacks; "" for none, and for an Ollama before 0.6.4, which reports none."""
    able = shown.get("capabilities")
    return "" if able is None else next((need for need in needs if need not in able), "")


def messages_of(ask: JobRequest, prefill: str = "") -> list[dict[str, Any]]:
    messages = [message.model_dump(exclude_none=True) for message in ask.messages]
    return [*messages, {"role": "assistant", "content": prefill}] if prefill else messages


class OllamaReader:
    """The reader of one answer's lines, in bursts as they came."""

    def __init__(self, ask: JobRequest) -> None:
        self._model = ask.model
        self._chat = ask.kind == "chat"
        self._called = False  # a tool was called: then "stop" means that the caller has to run it

    def read(self, lines: list[bytes]) -> Iterator[Piece | Finished]:
        """One piece for all the output in `lines`, then the end mark if it is among them.

        Raises the fault of an `{"error"}` line, and `StreamCut` for a line that broke off, after what came before it.
        """
        held: Piece | None = None
        try:
            for line in lines:
                event = self._decode(line)
                if piece := self._piece(event):
                    held = join(held, piece) if held else piece
                if event.get("done"):
                    end = self._end(event)
                    if held:
                        yield held
                        held = None
                    yield end
        except EngineError:
            if held:
                yield held
            raise
        if held:
            yield held

    def _decode(self, line: bytes) -> dict[str, Any]:
        event = parse(line)
        if not isinstance(event.get("message") or {}, dict):
            raise StreamCut("Ollama answered with a message that is none")
        if "error" in event:
            raise fault(self._model, 0, str(event["error"]))
        return event

    def _piece(self, event: dict[str, Any]) -> Piece | None:
        message = event.get("message") or event
        text = text_of(message.get("content" if self._chat else "response"))
        thinking, logprobs = text_of(message.get("thinking")), objects_of(event.get("logprobs"))
        calls = objects_of(message.get("tool_calls"))
        if not (text or thinking or calls or logprobs):
            return None
        self._called = self._called or bool(calls)
        return Piece(text, thinking, calls, logprobs)

    def _end(self, event: dict[str, Any]) -> Finished:
        why = text_of(event.get("done_reason")) or "stop"  # servers before 0.1.45 gave no reason
        if why in LOADED_ONLY:
            raise RequestRefused("Ollama found no message to answer: send at least one")
        return Finished(
            "tool_calls" if self._called and why == "stop" else why,
            prompt_tokens=counted(event.get("prompt_eval_count")),
            completion_tokens=counted(event.get("eval_count")),
            load_ms=counted(event.get("load_duration")) // NANOSECONDS,
            prompt_ms=counted(event.get("prompt_eval_duration")) // NANOSECONDS,
            generate_ms=counted(event.get("eval_duration")) // NANOSECONDS,
        )


def join(first: Piece, then: Piece) -> Piece:
    """Two pieces that came in one read, as one piece: a burst costs the queue one event."""
    return Piece(
        first.text + then.text,
        first.thinking + then.thinking,
        (first.tool_calls or []) + (then.tool_calls or []) or None,
        (first.logprobs or []) + (then.logprobs or []) or None,
        first.tokens + then.tokens,
    )


def model_info(entry: dict[str, Any], running: dict[str, Any] | None, shown: dict[str, Any]) -> ModelInfo:
    """A model by its entries in `/api/tags` and `/api/ps` (None: not loaded) and by the answer of `/api/show`.

    `context_length` is the window that a loaded model runs with, else the longest that its file allows.
    """
    facts = fields_of(shown.get("model_info"))
    longest = facts.get(f"{facts.get('general.architecture', '')}.context_length")
    length = counted((running or {}).get("context_length")) or counted(longest)
    size, size_vram = counted(entry.get("size")), counted((running or {}).get("size_vram"))
    capabilities = tuple(shown.get("capabilities") or ())
    about = ModelInfo(entry["name"], running is not None, length, capabilities, size, size_vram)
    return about._replace(
        digest=word_of(entry.get("digest")),
        details=details_of(entry.get("details")),
        expires_at=word_of((running or {}).get("expires_at")),
    )


def details_of(value: object) -> dict[str, Any]:
    """The details that clients know, none of them long: every client that lists the models gets them all."""
    details = fields_of(value)
    words: dict[str, Any] = {name: word_of(details.get(name)) for name in DETAILS}
    families = details.get("families")
    if isinstance(families, list):
        words["families"] = [word for family in families[:FAMILIES_MAX] if (word := word_of(family))]
    return {name: word for name, word in words.items() if word}


def word_of(value: object) -> str:
    """A short text as it is; "" for any other value."""
    return value if isinstance(value, str) and len(value) <= WORD_MAX else ""


def shown_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The fields that we use of an answer of `/api/show`; a field of a wrong type is left out. Another Sluice lists all
    of a model's capabilities under `sluice`."""
    shown = {name: answer.get(name) for name in ("renderer", "model_info")}
    able = fields_of(answer.get("sluice")).get("capabilities") or answer.get("capabilities")
    if isinstance(able, list):
        shown["capabilities"] = [word for word in able if isinstance(word, str)]
    return shown | {"template": text_of(answer.get("template"))}


def entries_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The models of a list that have a name. Whatever else a server sends, a worker lives on."""
    return entries_by("name", answer.get("models"))
