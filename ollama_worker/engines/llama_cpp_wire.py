"""llama.cpp's JSON: the request body of a job, and what the lines of an answer mean. No input or output here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ollama_worker.engines import openai_wire
from ollama_worker.engines.base import (
    ContextTooLong,
    EngineBusy,
    EngineError,
    EngineFailed,
    Finished,
    OutOfMemory,
    Piece,
    RequestRefused,
    Unsupported,
)
from ollama_worker.engines.binding import check_binding
from ollama_worker.engines.grammar import check_grammar
from ollama_worker.engines.http import Faults
from ollama_worker.engines.openai_faults import MISWROTE, WRONG
from ollama_worker.engines.openai_servers import LLAMA_CPP
from ollama_worker.engines.openai_stream import cut, events, finished, logprob
from ollama_worker.engines.openai_wire import is_seeded
from wire.records import JobRequest

NO_EYES = (
    "This llama.cpp has no eyes: set SLUICE_MMPROJ to the projector that belongs to the model's file, or use "
    "SLUICE_ENGINE=ollama with a vision model, such as llama3.2-vision"
)
RENAMED = {"num_predict": "n_predict", "num_keep": "n_keep"}  # Ollama's name → llama.cpp's; most are the same
FIXED = ("num_ctx", "num_batch", "num_gpu", "num_thread", "main_gpu", "use_mmap")  # fixed when the model is loaded


def options_of(ask: JobRequest) -> dict[str, Any]:
    """Our options by llama.cpp's names.

    Where a seed demands the same answer each time, the prompt's cache is not used: the rest of a prompt is computed in
    other portions than the whole, the sums are rounded in another way, and another token may win. Raises `Unsupported`,
    and `RequestRefused` for a grammar that llama.cpp would not keep to.
    """
    check_binding(ask, LLAMA_CPP.binds, LLAMA_CPP.who)
    check_grammar(ask)
    options = {RENAMED.get(name, name): value for name, value in ask.options.items() if name not in FIXED}
    if options.get("n_predict") in (0, -2):  # Ollama's "no limit" and "until the window is full" are one thing here
        options["n_predict"] = -1
    if isinstance(options.get("stop"), str):
        options["stop"] = [options["stop"]]
    return {**options, **(LLAMA_CPP.seeded if is_seeded(ask) else {})}


def chat_body(ask: JobRequest) -> dict[str, Any]:
    """The body for `/v1/chat/completions`, streamed."""
    return openai_wire.chat_body(without_options(ask), LLAMA_CPP) | by_openai_s_name(options_of(ask))


def completion_body(ask: JobRequest) -> dict[str, Any]:
    """The body for `/v1/completions`, streamed: the prompt as it is, without a template."""
    return openai_wire.completion_body(without_options(ask), LLAMA_CPP) | by_openai_s_name(options_of(ask))


def raw_body(ask: JobRequest, prompt: str) -> dict[str, Any]:
    """The body for `/completion`, streamed: the prompt as it is, without a template."""
    return {"prompt": prompt, "stream": True, **options_of(ask)}


def infill_body(ask: JobRequest) -> dict[str, Any]:
    """The body for `/infill`, streamed: the text before and behind the gap. Raises `Unsupported`."""
    if ask.format is not None:
        raise Unsupported("llama.cpp holds no text that it fills in to a schema: leave `suffix` or the schema out")
    ends = {"input_prefix": ask.prompt or "", "input_suffix": ask.suffix or ""}
    tops = {"n_probs": max(LLAMA_CPP.tops, ask.top_logprobs or 0)} if ask.logprobs else {}
    return {**ends, "stream": True, **options_of(ask), **tops}


def without_options(ask: JobRequest) -> JobRequest:
    return ask.model_copy(update={"options": {}})


def by_openai_s_name(options: dict[str, Any]) -> dict[str, Any]:
    budget = {"max_tokens": options.pop("n_predict")} if "n_predict" in options else {}
    return options | budget


def fault(status: int, text: str) -> EngineError:
    lowered = text.lower()
    if any(words in lowered for words in MISWROTE):
        return EngineError(f"The model called a tool in a form that llama.cpp cannot read: {text}")
    if "exceeds the available context" in lowered or "too large to process" in lowered or "exceed_context" in lowered:
        return ContextTooLong(
            f"The prompt does not fit this model's context window, which num_ctx does not widen here: {text}"
        )
    if "not support" in lowered:
        return Unsupported(f"llama.cpp cannot do that ({text}): use SLUICE_ENGINE=ollama with a model that can")
    if "memory" in lowered or "failed to allocate" in lowered:
        return OutOfMemory(f"llama.cpp: {text}")
    if status == 503:
        return EngineBusy(f"llama.cpp is not ready: {text}")
    if 400 <= status < 500 or any(words in lowered for words in WRONG):
        return RequestRefused(f"llama.cpp refused the request: {text}")
    return EngineFailed(f"llama.cpp failed: {text}")


class RawReader:
    """The reader of the streams of `/completion` and `/infill`, whose end mark is a field."""

    def __init__(self, fault: Faults = fault, tops: int = 0) -> None:
        """`tops`: how many of the other likely tokens are sent on with each token, where logprobs come."""
        self._fault = fault
        self._tops = tops

    def read(self, lines: list[bytes]) -> Iterator[Piece | Finished]:
        text, tokens = "", 0
        logprobs: list[dict[str, Any]] = []
        for event in events(lines, self._fault):
            text += event.get("content") or ""
            tokens += len(event.get("tokens") or ()) if event.get("content") else 0
            logprobs += [cut(logprob(entry), self._tops) for entry in event.get("completion_probabilities") or ()]
            if event.get("stop"):
                if text or logprobs:
                    yield Piece(text, logprobs=logprobs or None, tokens=max(1, tokens))
                reason = "length" if event.get("stop_type") == "limit" else "stop"
                timings = event.get("timings") or {}
                counts = {
                    "prompt_tokens": event.get("tokens_evaluated"),
                    "completion_tokens": event.get("tokens_predicted"),
                    "prompt_tokens_details": {"cached_tokens": timings.get("cache_n")},
                }
                end = finished(reason, counts, timings)
                yield end._replace(stop_sequence=event.get("stopping_word") or "")
                return
        if text or logprobs:
            yield Piece(text, logprobs=logprobs or None, tokens=max(1, tokens))
