"""An engine without a model: canned, clearly labelled answers at a set rate.

For work on the page, for load tests, and for a machine that has no model at all. Its answers are a function of the
request (`simulated_script`), so that it can be continued like a model with temperature 0.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

import orjson

from ollama_worker.engines.base import (
    ContextTooLong,
    Embeddings,
    EngineError,
    EngineFailed,
    EngineSilent,
    EngineUnavailable,
    Finished,
    Health,
    Loading,
    ModelInfo,
    ModelNotFound,
    OutOfMemory,
    Piece,
    PullProgress,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.forced_call import as_sent, steered
from ollama_worker.engines.grammar import check_grammar
from ollama_worker.engines.simulated_script import Script, last_words, script_of, tokens_of
from wire.records import JobRequest

CONNECT_ADVICE = (
    "Answers are SIMULATED: no model is connected. To connect one, run Ollama (`ollama serve`, "
    "`ollama pull qwen2.5:0.5b`; set OLLAMA_BASE_URL if it is elsewhere), or set SLUICE_GGUF to a GGUF file"
)
CONTEXT = 8192  # tokens; a usual window, told but not enforced
DIMENSIONS = 64  # of an embedding, where nobody asks for another number
SURE = -0.25  # the logarithm of how likely every token is said to have been

ERRORS: dict[str, type[EngineError]] = {
    "out_of_memory": OutOfMemory,
    "stream_cut": StreamCut,
    "silent": EngineSilent,
    "unavailable": EngineUnavailable,
    "failed": EngineFailed,
    "context_too_long": ContextTooLong,
    "model_not_found": ModelNotFound,
}


class SimulatedEngine:
    """`rate` is tokens a second for each job (0: as fast as they are taken); `load_ms` is what a first use costs."""

    name = "simulated"

    def __init__(
        self,
        models: Sequence[str],
        rate: float = 50.0,
        load_ms: int = 0,
        faults: bool = False,
        silence: float = 300.0,
    ) -> None:
        self._models = tuple(dict.fromkeys(models))
        self._pause = 1 / rate if rate else 0.0
        self._load_ms = load_ms
        self._faults = faults
        self._silence = silence
        self._loaded: set[str] = set()

    async def close(self) -> None:
        """Nothing is open."""

    # Answers

    def generate(self, request: JobRequest, prefill: str = "") -> AsyncIterator[Piece | Loading | Finished]:
        return steered(request, lambda asked: self._answer(asked, prefill))

    async def _answer(self, request: JobRequest, prefill: str) -> AsyncGenerator[Piece | Loading | Finished]:
        check_grammar(request, "The simulated engine")
        load_ms = 0 if request.model in self._loaded else self._load_ms
        if load_ms:
            yield Loading(request.model)
        await self.load(request.model)
        script = rest_of(script_of(request, self._faults), prefill)
        start = asyncio.get_running_loop().time()
        said = 0
        for piece in pieces(script, budget_of(request, bool(prefill)), request):
            if script.fault and said == script.fault_at:
                await self._fail(script.fault)
            said += 0 if piece.thinking else 1
            await self._until(start + said * self._pause)
            yield piece
        reason = "length" if said < len(script.tokens) else "stop"
        if script.calls:
            reason = "tool_calls"
            yield Piece(tool_calls=list(script.calls))
        took = int((asyncio.get_running_loop().time() - start) * 1000)
        thoughts = len(script.thought)
        counts = (prompt_tokens(request), said + thoughts)
        stop = script.stop if reason == "stop" else ""
        yield Finished(reason, *counts, load_ms=load_ms, generate_ms=took, thinking_tokens=thoughts, stop_sequence=stop)

    async def _until(self, moment: float) -> None:
        """By the clock and not by equal pauses, so that the rate holds; at least one turn for everybody else."""
        await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()) if self._pause else 0)

    async def _fail(self, fault: str) -> None:
        if fault == "die":
            os._exit(1)  # as the kernel ends a process that takes too much memory: no cleanup
        if fault == "silent":
            await asyncio.sleep(self._silence)
        raise ERRORS[fault](f"Simulated fault: {fault}")

    async def can_continue(self, model: str) -> bool:
        """See tests/ollama_worker/engines/test_simulated.py: the text is a function of the request."""
        return True

    async def embed(self, request: JobRequest) -> Embeddings:
        texts = [text if isinstance(text, str) else " ".join(map(str, text)) for text in request.inputs]
        size = request.dimensions or DIMENSIONS
        return Embeddings([vector_of(text, size) for text in texts], sum(len(tokens_of(text)) for text in texts))

    async def count(self, request: JobRequest) -> int:
        return prompt_tokens(as_sent(request))

    # Models

    async def models(self) -> list[ModelInfo]:
        abilities = ("completion", "embedding", "thinking", "vision", "tools", "insert")
        return [ModelInfo(name, name in self._loaded, CONTEXT, abilities) for name in self._models]

    async def pull(self, model: str) -> AsyncGenerator[PullProgress]:
        raise Unsupported(f"The simulated engine has no models to pull. {CONNECT_ADVICE}")
        yield PullProgress("")  # what makes this a generator

    async def load(self, model: str) -> None:
        if model not in self._loaded:
            await asyncio.sleep(self._load_ms / 1000)
            self._loaded.add(model)

    async def unload(self, model: str) -> None:
        self._loaded.discard(model)

    async def health(self) -> Health:
        return Health(True, CONNECT_ADVICE)


def rest_of(script: Script, prefill: str) -> Script:
    """What is left to say behind `prefill`. Raises `Unsupported` when that is not how this answer begins.

    Nothing is thought twice, and a fault is not met twice: else no attempt would ever get past one.
    """
    if not prefill:
        return script
    text = "".join(script.tokens)
    if prefill.startswith(text):  # it stops inside what was said: a stop string began there
        return Script(())
    if not text.startswith(prefill):
        raise Unsupported("The text so far is not from this request's simulated answer")
    return Script(tokens_of(text[len(prefill) :]))


def budget_of(request: JobRequest, continued: bool) -> int | None:
    """Tokens that may still be said; None: no limit. 0 means no limit to Ollama, but all is spent to a continuation."""
    limit = request.options.get("num_predict")
    if not isinstance(limit, int) or limit < 0 or (limit == 0 and not continued):
        return None
    return limit


def pieces(script: Script, budget: int | None, request: JobRequest) -> list[Piece]:
    told = [Piece(thinking=token) for token in script.thought]
    for token in script.tokens[:budget]:
        told.append(Piece(token, logprobs=[logprob(token, request.top_logprobs or 0)] if request.logprobs else None))
    return told


def logprob(token: str, others: int) -> dict[str, Any]:
    """As if the model had been nearly sure: of `others` tokens the said one is the likeliest."""
    tops = [entry(token, SURE), *(entry(f"{token}~{n}", SURE - 3.0 * n) for n in range(1, others))]
    return entry(token, SURE) | ({"top_logprobs": tops[:others]} if others else {})


def entry(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode())}


def prompt_tokens(request: JobRequest) -> int:
    """Words of the messages and of the tools, as they would stand in a template."""
    said = [message.content for message in request.messages] or [last_words(request)]
    tools = [orjson.dumps(tool).decode() for tool in request.tools or ()]
    return sum(len(tokens_of(text)) for text in [*said, *tools])


def vector_of(text: str, size: int = DIMENSIONS) -> list[float]:
    """A unit vector that depends on the text and on nothing else: equal texts are near, all others are not."""
    digest = hashlib.shake_128(text.encode()).digest(size * 2)
    raw = struct.unpack(f"<{size}h", digest)
    length = math.sqrt(sum(number * number for number in raw)) or 1.0
    return [number / length for number in raw]
