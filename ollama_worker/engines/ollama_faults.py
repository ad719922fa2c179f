"""What Ollama's status codes and error texts mean.

Ollama has no error codes: the same fault may come as a status before the answer or as an `{"error": text}` line in
the middle of it. So texts are matched, in this file only. The texts were read from Ollama 0.24's answers; the tests
marked `real_ollama` notice when they change.
"""

from __future__ import annotations

from ollama_worker.engines.base import (
    ContextTooLong,
    EngineBusy,
    EngineDenied,
    EngineError,
    EngineFailed,
    EngineMissing,
    ModelNotFound,
    OutOfMemory,
    RequestRefused,
    StreamCut,
    Unsupported,
)

NO_MEMORY = (
    "out of memory",
    "more system memory",
    "cudamalloc failed",
    "failed to allocate",
    "unable to allocate",
    "resource limitations",  # "model runner has unexpectedly stopped": nearly always the memory
)
TOO_LONG = ("exceeds the context length", "exceeds maximum context", "exceed the context", "context length exceeded")
RUNNER_DIED = ("unexpected eof", "runner process has terminated", "runner process no longer running")
# Texts of a status 500 although the request is wrong. "Inputs" are the prompt's images: an image that breaks off is an
# "unexpected EOF" too, like a runner that died.
WRONG = (
    *("must be of type", "invalid json schema", "invalid option", "invalid format", "failed to parse grammar"),
    *("unable to create sampling context", "failed to process inputs", "image: unknown format", "invalid image"),
    "must be at the beginning",  # of a system message that is not: some templates allow but one
    *("failed to decode image", "failed to load image", "unable to decode image"),
)
BUSY = ("server busy", "maximum pending requests")


def fault(model: str, status: int, text: str) -> EngineError:
    """The error for an answer of `status`, or for a line in mid-stream (status 0)."""
    lowered = text.lower()
    named = "not found" in lowered or (model and model.lower() in lowered)
    if status == 404 and "page not found" not in lowered and named:
        return not_found(model)
    if any(words in lowered for words in NO_MEMORY):
        return OutOfMemory(f"{model} does not fit in this machine's memory: {text}")
    if any(words in lowered for words in TOO_LONG):
        return ContextTooLong(f"The prompt does not fit {model}'s context window: shorten it, or raise num_ctx")
    if "does not support" in lowered:
        return Unsupported(f"{text}. Use a model that can: `ollama show {model}` lists what this one can do")
    if any(words in lowered for words in WRONG):
        return RequestRefused(f"Ollama refused the request: {text}")
    if any(words in lowered for words in RUNNER_DIED):
        return StreamCut(f"Ollama's runner died: {text}")
    return _other(status, text, lowered)


def not_found(model: str) -> ModelNotFound:
    return ModelNotFound(f"Ollama does not have {model}. Get it with: ollama pull {model}")


def _other(status: int, text: str, lowered: str) -> EngineError:
    if status in (401, 402, 403) or (status == 429 and "usage limit" in lowered):  # of a model that runs in its cloud
        return EngineDenied(f"Ollama's cloud does not answer this account (status {status}): {text}")
    if status in (429, 503) or any(words in lowered for words in BUSY):
        return EngineBusy(f"Ollama is busy: {text}")
    if status in (404, 405, 502, 504):
        return EngineMissing(f"What answers here is not Ollama (status {status}): check OLLAMA_BASE_URL")
    if 400 <= status < 500:
        return RequestRefused(f"Ollama refused the request: {text}")
    return EngineFailed(f"Ollama failed: {text}")


def pull_fault(model: str, text: str) -> EngineError:
    """The error for a pull that failed. Never `EngineUnavailable`: Ollama is there, and its library is not."""
    if "file does not exist" in text or "not found" in text:
        return ModelNotFound(f"Ollama's library has no {model}: check the name")
    return EngineError(f"Ollama could not pull {model}: {text}")
