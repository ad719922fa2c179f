"""What an engine is: the one place where a worker sends work to a model.

EngineError                what went wrong, for the caller and for the queue
├── EngineUnavailable      no server accepts a connection: the job goes back, uncharged; this worker stops asking
│   ├── EngineBusy         the server answers that it is busy: the job goes back behind others, uncharged
│   └── EngineMissing      a proxy answers in the engine's place: uncharged while the engine is not well
├── EngineDenied           a key is refused, or an account is used up: the engine's operator has to act
├── EngineFailed           the engine itself broke (status 500): another attempt may get past it
├── ModelNotFound          the engine lacks the model; the message says how to get it
├── ContextTooLong         the prompt does not fit the model's context window
├── RequestRefused         the engine answers that the request itself is wrong
├── Unsupported            this engine cannot do that (tools, images, …); the message names one that can
├── OutOfMemory            the model or its cache did not fit; another attempt may land elsewhere
├── EngineSilent           nothing came for longer than the engine's timeout
├── StreamCut              the connection broke, or the answer stopped without the engine's own end mark
└── AnswerTooLarge         the answer is larger than a worker reads: a line, a body, or all of it

A failure after a connection was made may be caused by this one request, and would then repeat for ever: the failure
costs a try, and the job goes behind all others (`EngineError.suspect`). Only a refused connection is charged to no job.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Protocol

from ollama_worker.engines.store import ModelStore
from wire.records import JobRequest


class Piece(NamedTuple):
    """A burst of output as the engine sent it. `tokens` is how many model tokens it carries."""

    text: str = ""
    thinking: str = ""
    tool_calls: list[dict[str, Any]] | None = None
    logprobs: list[dict[str, Any]] | None = None
    tokens: int = 1


class Loading(NamedTuple):
    """The engine is loading the model. It comes at most once, before the first piece."""

    model: str


class Finished(NamedTuple):
    """The engine's own end mark. Durations are milliseconds; 0: the engine does not report it."""

    reason: str  # "stop" | "length" | "tool_calls" | "content_filter"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    load_ms: int = 0
    prompt_ms: int = 0
    generate_ms: int = 0
    cached_tokens: int = 0  # tokens of the prompt that came from the engine's cache
    thinking_tokens: int = 0  # tokens of the answer that were thoughts
    stop_sequence: str = ""  # the stop string of the request that ended the answer


Item = Piece | Loading | Finished  # of a streamed answer


class Embeddings(NamedTuple):
    """The answer to an embed job: one vector for each input, in their order."""

    vectors: list[list[float]]
    prompt_tokens: int = 0
    load_ms: int = 0  # how long the model took to load for this job


class Health(NamedTuple):
    """Whether an engine can take jobs now."""

    ok: bool
    detail: str  # a sentence for a person: what is wrong and what to do


class EngineError(Exception):
    """A failure of an engine, see the tree above. `retryable`: the same request may succeed later or elsewhere.

    `again`: how often a worker repeats the request at once, before its first token; None: as OLLAMA_MAX_RETRIES says.
    """

    code = "engine_error"
    retryable = False
    again: int | None = 0

    @property
    def suspect(self) -> bool:
        """Whether the request itself may be to blame: then it is repeated at once no more than one time."""
        return self.retryable and self.again is not None

    @property
    def message(self) -> str:
        return str(self)


class EngineUnavailable(EngineError):
    code = "engine_unavailable"
    retryable = True
    again: int | None = None


class EngineBusy(EngineUnavailable):
    """The engine rests for a while (see `rest.py`)."""


class EngineMissing(EngineUnavailable):
    """A proxy reports this too when a single request took too long."""

    again = 1


class EngineDenied(EngineError):
    """Never repeated: no wait in a queue mends a key."""

    code = "engine_denied"


class EngineFailed(EngineError):
    code = "engine_failed"
    retryable = True
    again = 1


class ModelNotFound(EngineError):
    code = "model_not_found"


class ContextTooLong(EngineError):
    code = "context_too_long"


class RequestRefused(EngineError):
    code = "engine_refused"


class Unsupported(EngineError):
    code = "unsupported"


class OutOfMemory(EngineError):
    code = "out_of_memory"
    retryable = True
    again = 1


class EngineSilent(EngineError):
    """Never repeated at once: the request has held its slot for minutes."""

    code = "engine_silent"
    retryable = True


class StreamCut(EngineError):
    """Never repeated at once: other jobs go first, and they show whether the engine is still there."""

    code = "stream_cut"
    retryable = True


class AnswerTooLarge(EngineError):
    code = "answer_too_large"


class NoEngine(Exception):
    """No engine can be chosen for this worker; the message says what to set."""


class Engine(Protocol):
    """One engine: it answers jobs with the models of its store.

    Every method may raise `EngineError`. Closing an iterator early closes the engine's connection.
    """

    name: str

    @property
    def store(self) -> ModelStore: ...

    def generate(self, ask: JobRequest, prefill: str = "") -> AsyncIterator[Item]:
        """Stream an answer. The last item is `Finished`; an answer that ends without it raises `StreamCut`.

        `prefill` is the text that earlier attempts already produced: the engine continues right behind it and never
        repeats it. A prefill is passed only where `can_continue` is true.
        """
        ...

    async def can_continue(self, model: str) -> bool:
        """Whether a test has shown that this model's answer can be continued behind a prefill."""
        ...

    async def embed(self, ask: JobRequest) -> Embeddings: ...

    async def count(self, ask: JobRequest) -> int:
        """How many tokens the prompt of a chat has: its messages and tools, in the model's template."""
        ...

    async def health(self) -> Health: ...

    async def close(self) -> None: ...


def texts_of(ask: JobRequest, engine: str) -> list[str]:
    """The inputs of an embed job, for an engine that embeds texts only. Raises `Unsupported` for token ids."""
    texts = [text for text in ask.inputs if isinstance(text, str)]
    if len(texts) < len(ask.inputs):
        raise Unsupported(f"The {engine} engine embeds texts, not token ids: send texts, or use SLUICE_ENGINE=openai")
    return texts
