"""llama.cpp's JSON: what a job looks like as a request body, and what its lines mean. No input or output here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ollama_worker.engines import openai_wire
from ollama_worker.engines.base import (
    ContextTooLong,
    EngineError,
    EngineFailed,
    EngineUnavailable,
    Finished,
    OutOfMemory,
    Piece,
    RequestRefused,
    Unsupported,
)
from ollama_worker.engines.binding import check_binding
from ollama_worker.engines.http import Faults
from ollama_worker.engines.openai_faults import WRONG
from ollama_worker.engines.openai_servers import LLAMA_CPP
from ollama_worker.engines.openai_stream import events, finished
from wire.records import JobRequest

NO_EYES = (
    "This llama.cpp has no eyes: set SLUICE_MMPROJ to the projector that belongs to the model's file, or use "
    "SLUICE_ENGINE=ollama with a vision model, such as llama3.2-vision"
)
RENAMED = {"num_predict": "n_predict", "num_keep": "n_keep"}  # Ollama's name → llama.cpp's; most are the same
FIXED = ("num_ctx", "num_batch", "num_gpu", "num_thread", "main_gpu", "use_mmap")  # settled when the model is loaded


def options_of(request: JobRequest) -> dict[str, Any]:
    """By llama.cpp's names. Raises `Unsupported`."""
    check_binding(request, LLAMA_CPP.binds, LLAMA_CPP.who)
    options = {RENAMED.get(name, name): value for name, value in request.options.items() if name not in FIXED}
    if options.get("n_predict") in (0, -2):  # Ollama's "no limit" and "until the window is full" are one thing here
        options["n_predict"] = -1
    if isinstance(options.get("stop"), str):
        options["stop"] = [options["stop"]]
    return options


def chat_body(request: JobRequest) -> dict[str, Any]:
    """For `/v1/chat/completions`, streamed."""
    return openai_wire.chat_body(without_options(request), LLAMA_CPP) | by_openai_s_name(options_of(request))


def completion_body(request: JobRequest) -> dict[str, Any]:
    """For `/v1/completions`, streamed: the prompt as it is, no template."""
    return openai_wire.completion_body(without_options(request), LLAMA_CPP) | by_openai_s_name(options_of(request))


def raw_body(request: JobRequest, prompt: str) -> dict[str, Any]:
    """For `/completion`, streamed: the prompt as it is, no template."""
    return {"prompt": prompt, "stream": True, **options_of(request)}


def infill_body(request: JobRequest) -> dict[str, Any]:
    """For `/infill`, streamed: what stands before and behind the text that is wanted."""
    ends = {"input_prefix": request.prompt or "", "input_suffix": request.suffix or ""}
    return {**ends, "stream": True, **options_of(request)}


def without_options(request: JobRequest) -> JobRequest:
    return request.model_copy(update={"options": {}})


def by_openai_s_name(options: dict[str, Any]) -> dict[str, Any]:
    budget = {"max_tokens": options.pop("n_predict")} if "n_predict" in options else {}
    return options | budget


def fault(status: int, text: str) -> EngineError:
    said = text.lower()
    if "exceeds the available context" in said or "too large to process" in said or "exceed_context" in said:
        return ContextTooLong(f"The prompt does not fit this model's context window: {text}")
    if "not support" in said:
        return Unsupported(f"llama.cpp cannot do that ({text}): use SLUICE_ENGINE=ollama with a model that can")
    if "memory" in said or "failed to allocate" in said:
        return OutOfMemory(f"llama.cpp: {text}")
    if status == 503:
        return EngineUnavailable(f"llama.cpp is not ready: {text}")
    if 400 <= status < 500 or any(words in said for words in WRONG):
        return RequestRefused(f"llama.cpp refused the request: {text}")
    return EngineFailed(f"llama.cpp failed: {text}")


class RawAnswer:
    """Reads the stream of `/completion` and `/infill`, which have no end mark but a field."""

    def __init__(self, fault: Faults = fault) -> None:
        self._fault = fault

    def read(self, lines: list[bytes]) -> Iterator[Piece | Finished]:
        text, tokens = "", 0
        for said in events(lines, self._fault):
            text += said.get("content") or ""
            tokens += len(said.get("tokens") or ()) if said.get("content") else 0
            if said.get("stop"):
                if text:
                    yield Piece(text, tokens=max(1, tokens))
                reason = "length" if said.get("stop_type") == "limit" else "stop"
                counts = {
                    "prompt_tokens": said.get("tokens_evaluated"),
                    "completion_tokens": said.get("tokens_predicted"),
                }
                end = finished(reason, counts, said.get("timings") or {})
                yield end._replace(stop_sequence=said.get("stopping_word") or "")
                return
        if text:
            yield Piece(text, tokens=max(1, tokens))
