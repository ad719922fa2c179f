"""What the status codes and error texts of OpenAI-compatible servers mean.

The codes in error bodies differ from server to server and many servers send none, so texts are matched, in this file
only. The texts were read from OpenAI's, vLLM's, llama.cpp's and Google's answers.
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
from ollama_worker.engines.openai_servers import GOOGLE, Server

TOO_LONG = (
    "maximum context length",
    "context_length_exceeded",
    "exceeds the available context",
    "exceed_context",
    "context window",
    "too large to process",
    "maximum model length",
    "input token count",
)
NO_MEMORY = ("out of memory", "failed to allocate", "insufficient memory")
# Texts of a status 500 where the model's own output is wrong: llama.cpp's parser of tool calls gives up. The model may
# have written for a minute, and may well write the same again: the fault lies in this answer alone.
MISWROTE = ("does not match the expected", "failed to parse tool call", "failed to parse input at pos")
CANNOT = (
    "not support",
    "unsupported",
    "not currently supported",
    "not a multimodal model",
    "tool choice requires",
    "at most 0 image",
)
# Texts of a status 500 where the request is wrong: every try of it would get the same answer.
WRONG = (
    "image: unknown format",
    "failed to decode image",
    "failed to load image",
    "cannot identify image",
    "invalid image",
    "failed to parse grammar",
    "json schema",
    "jinja",
)
SPENT = (
    "insufficient_quota",
    "check your plan and billing",
    "insufficient balance",
    "insufficient credits",
    "credit balance is too low",
)
LACKING = ("not found", "does not exist", "not exist", "not a valid model", "no such model")
MID_STREAM = 0  # the status of an error that comes in an answer that has begun


def fault(server: Server, model: str, route: str, status: int, text: str) -> EngineError:
    """The error for an answer of `status`. `route`: the last word of the requested route (`embeddings`, …)."""
    lowered = text.lower()
    if any(words in lowered for words in TOO_LONG):
        return ContextTooLong(f"The prompt does not fit {model}'s context window: {text}")
    if any(words in lowered for words in NO_MEMORY):
        return OutOfMemory(f"{server.who} ran out of memory: {text}")
    if status == 403 and "model" in lowered and model.lower() in lowered:
        return ModelNotFound(f"{server.who} does not give {model} to the owner of this key: {text}")
    if spent(server, status, lowered):
        return EngineDenied(f"{server.who} answers no more until its account is topped up: {text}")
    if status in (401, 403):
        return EngineDenied(f"{server.who} does not let us in (status {status}): {key_advice(server)}")
    if status in (429, 503, 529):
        return EngineBusy(f"{server.who} is busy or not ready (status {status}): {text}")
    if status in (502, 504):
        return EngineMissing(f"Nobody answers behind {server.who}'s address (status {status}): {text}")
    if (status == 404 and model.lower() in lowered) or (status in (400, 404) and lacks_model(lowered)):
        return ModelNotFound(f"{server.who} does not have {model}: `GET /v1/models` lists what it has")
    return _other(server, route, status, text, lowered)


def spent(server: Server, status: int, lowered: str) -> bool:
    """Whether an account is used up, so that no waiting helps. Google sends the same text for a limit by the minute,
    and other servers may send it with a time to wait."""
    if server.who == GOOGLE.who or "retry in" in lowered or "try again in" in lowered:
        return False
    return status == 402 or (400 <= status < 500 and any(words in lowered for words in SPENT))


def lacks_model(lowered: str) -> bool:
    return "model" in lowered and any(words in lowered for words in LACKING)


def _other(server: Server, route: str, status: int, text: str, lowered: str) -> EngineError:
    if any(words in lowered for words in MISWROTE):
        return EngineError(f"The model called a tool in a form that {server.who} cannot read: {text}")
    if any(words in lowered for words in CANNOT):
        return Unsupported(f"{server.who} cannot do that ({text}): {another_engine(route)}")
    if status in (404, 405, 501) and route != "models":
        return Unsupported(f"{server.who} has no route for {route} (status {status}): {another_engine(route)}")
    if status in (404, 405):
        return EngineMissing(f"No OpenAI-compatible server answers there (status {status}): check {server.setting}")
    if 400 <= status < 500 or any(words in lowered for words in WRONG):
        return RequestRefused(f"{server.who} refused the request: {text}")
    if status == MID_STREAM:
        return StreamCut(f"{server.who} broke off: {text}")
    return EngineFailed(f"{server.who} failed: {text}")


def key_advice(server: Server) -> str:
    return f"check {server.key}" if server.key else "it wants a key, which only SLUICE_ENGINE=openai sends"


def another_engine(route: str) -> str:
    """An advice: which engine does what this server cannot."""
    others = {
        "embeddings": "use a server that runs an embedding model, SLUICE_ENGINE=ollama or SLUICE_ENGINE=llama-cpp",
        "completions": "use vLLM or llama.cpp's server, SLUICE_ENGINE=ollama or SLUICE_ENGINE=llama-cpp",
    }
    return others.get(route, "use a model that can, or SLUICE_ENGINE=ollama with one")
