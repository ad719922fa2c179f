"""An engine without a model: canned, clearly labelled answers at a set rate.

It is for work on the page, for load tests, and for a machine that has no model at all. Its answers are a function of
the request (`simulated_script`), so that an answer can be continued like that of a model with temperature 0.
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
    Item,
    Loading,
    ModelNotFound,
    OutOfMemory,
    Piece,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.binding import check_binding
from ollama_worker.engines.forced_call import as_sent, steered
from ollama_worker.engines.simulated_script import Script, last_words, script_of, tokens_of
from ollama_worker.engines.simulated_store import CONNECT_ADVICE, SimulatedStore
from wire.records import JobRequest

DIMENSIONS = 64  # of an embedding, where the request names no other number
SURE = -0.25  # the logarithm of the probability that every token is reported with

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
    """An engine without a model. `rate` is tokens a second for each job; 0: as fast as they are read.

    `load_ms` is what the first use of a model costs. `faults`: prompts may order failures, for tests. `silence` is how
    many seconds an ordered silence lasts.
    """

    name = "simulated"

    def __init__(
        self,
        models: Sequence[str],
        rate: float = 50.0,
        load_ms: int = 0,
        faults: bool = False,
        silence: float = 300.0,
    ) -> None:
        self.store = SimulatedStore(models, load_ms)
        self._pause = 1 / rate if rate else 0.0
        self._faults = faults
        self._silence = silence

    async def close(self) -> None:
        """Nothing is open."""

    # Answers

    def generate(self, ask: JobRequest, prefill: str = "") -> AsyncIterator[Item]:
        return steered(ask, lambda sent: self._answer(sent, prefill))

    async def _answer(self, ask: JobRequest, prefill: str) -> AsyncGenerator[Item]:
        check_binding(ask, (), "The simulated engine")
        load_ms = self.store.load_ms(ask.model)
        if load_ms:
            yield Loading(ask.model)
        await self.store.load(ask.model)
        script = rest_of(script_of(ask, self._faults), prefill)
        start = asyncio.get_running_loop().time()
        count = 0  # tokens of the answer so far
        for piece in pieces(script, budget_of(ask, bool(prefill)), ask):
            if script.fault and count == script.fault_at:
                await self._fail(script.fault)
            count += 0 if piece.thinking else 1
            await self._until(start + count * self._pause)
            yield piece
        reason = "length" if count < len(script.tokens) else "stop"
        if script.calls:
            reason = "tool_calls"
            yield Piece(tool_calls=list(script.calls))
        took = int((asyncio.get_running_loop().time() - start) * 1000)
        thoughts = len(script.thought)
        counts = (prompt_tokens(ask), count + thoughts)
        stop = script.stop if reason == "stop" else ""
        yield Finished(reason, *counts, load_ms=load_ms, generate_ms=took, thinking_tokens=thoughts, stop_sequence=stop)

    async def _until(self, moment: float) -> None:
        """Sleep until `moment` by the loop's clock: equal pauses would not keep the rate. Other tasks get a turn."""
        await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()) if self._pause else 0)

    async def _fail(self, fault: str) -> None:
        if fault == "die":
            os._exit(1)  # as the kernel ends a process that takes too much memory: no cleanup
        if fault == "silent":
            await asyncio.sleep(self._silence)
        raise ERRORS[fault](f"Simulated fault: {fault}")

    async def can_continue(self, model: str) -> bool:
        """The text is a function of the request: see tests/ollama_worker/engines/test_simulated.py."""
        return True

    async def embed(self, ask: JobRequest) -> Embeddings:
        texts = [text if isinstance(text, str) else " ".join(map(str, text)) for text in ask.inputs]
        size = ask.dimensions or DIMENSIONS
        return Embeddings([vector_of(text, size) for text in texts], sum(len(tokens_of(text)) for text in texts))

    async def count(self, ask: JobRequest) -> int:
        return prompt_tokens(as_sent(ask))

    async def health(self) -> Health:
        return Health(True, CONNECT_ADVICE)


def rest_of(script: Script, prefill: str) -> Script:
    """The rest of the answer behind `prefill`. Raises `Unsupported` when the answer does not begin with it.

    The rest has no thought, and no fault: with the fault, no attempt would ever get past it.
    """
    if not prefill:
        return script
    text = "".join(script.tokens)
    if prefill.startswith(text):  # the script ends inside the prefill: a stop string began there
        return Script(())
    if not text.startswith(prefill):
        raise Unsupported("The text so far is not from this request's simulated answer")
    return Script(tokens_of(text[len(prefill) :]))


def budget_of(ask: JobRequest, continued: bool) -> int | None:
    """How many tokens may still come; None: no limit. To Ollama 0 is no limit; to a continuation all is spent."""
    limit = ask.options.get("num_predict")
    if not isinstance(limit, int) or limit < 0 or (limit == 0 and not continued):
        return None
    return limit


def pieces(script: Script, budget: int | None, ask: JobRequest) -> list[Piece]:
    items = [Piece(thinking=token) for token in script.thought]
    for token in script.tokens[:budget]:
        items.append(Piece(token, logprobs=[logprob(token, ask.top_logprobs or 0)] if ask.logprobs else None))
    return items


def logprob(token: str, others: int) -> dict[str, Any]:
    """The entry of a model that was nearly sure of `token`: it is the likeliest of `others` tokens."""
    tops = [entry(token, SURE), *(entry(f"{token}~{n}", SURE - 3.0 * n) for n in range(1, others))]
    return entry(token, SURE) | ({"top_logprobs": tops[:others]} if others else {})


def entry(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode())}


def prompt_tokens(ask: JobRequest) -> int:
    """How many words the messages and the tools have."""
    contents = [message.content for message in ask.messages] or [last_words(ask)]
    tools = [orjson.dumps(tool).decode() for tool in ask.tools or ()]
    return sum(len(tokens_of(text)) for text in [*contents, *tools])


def vector_of(text: str, size: int = DIMENSIONS) -> list[float]:
    """A unit vector that depends on the text alone: equal texts are near to each other, and no others are."""
    digest = hashlib.shake_128(text.encode()).digest(size * 2)
    raw = struct.unpack(f"<{size}h", digest)
    length = math.sqrt(sum(number * number for number in raw)) or 1.0
    return [number / length for number in raw]
