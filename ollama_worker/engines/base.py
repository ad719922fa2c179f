"""What an engine is: the one place where a model is spoken to.

EngineError                what went wrong, for the caller and for the queue
├── EngineUnavailable      nobody accepts a connection: the job goes back, uncharged; this worker stops asking
│   ├── EngineBusy         it answers, and asks to be left alone for a while: back behind others, uncharged
│   └── EngineMissing      another answers in its place, as a proxy does: uncharged while the engine is not well
├── EngineDenied           a key is refused, or what was paid for is used up: its operator has to act
├── EngineFailed           the engine itself broke (status 500): another attempt may get past it
├── ModelNotFound          the engine lacks the model; the message says how to get it
├── ContextTooLong         the prompt does not fit the model's context window
├── RequestRefused         the engine says the request itself is wrong
├── Unsupported            this engine cannot do that (tools, images, …); the message names one that can
├── OutOfMemory            the model or its cache did not fit; another attempt may land elsewhere
├── EngineSilent           nothing came for longer than the engine's timeout
├── StreamCut              the connection broke, or the answer stopped without the engine's own end mark
└── AnswerTooLarge         the answer goes past what a worker reads: a line, a body, or all of it

What breaks once a connection was made may be the doing of this one request, and would break so for ever: it costs a
try, and its job goes behind all others (`EngineError.suspect`). Only where nobody accepts a connection is that not so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Protocol

from wire.records import JobRequest


class Piece(NamedTuple):
    """A burst of output as the engine sent it. `tokens` is how many model tokens it carries."""

    text: str = ""
    thinking: str = ""
    tool_calls: list[dict[str, Any]] | None = None
    logprobs: list[dict[str, Any]] | None = None
    tokens: int = 1


class Loading(NamedTuple):
    """The engine is loading the model: said at most once, before the first piece."""

    model: str


class Finished(NamedTuple):
    """The engine's own end mark. Durations are milliseconds; what the engine does not tell is 0."""

    reason: str  # "stop" | "length" | "tool_calls" | "content_filter"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    load_ms: int = 0
    prompt_ms: int = 0
    generate_ms: int = 0
    cached_tokens: int = 0  # of the prompt, that came from the engine's cache
    thinking_tokens: int = 0  # of the answer, that were thoughts
    stop_sequence: str = ""  # of the request's, that ended it


class Embeddings(NamedTuple):
    vectors: list[list[float]]
    prompt_tokens: int = 0
    load_ms: int = 0  # that the model took to be loaded for this


class ModelInfo(NamedTuple):
    """A model this engine can serve. `context_length` 0: not known. `loaded`: in memory now.

    Of its file, in Ollama's words: `size` and `size_vram` are bytes, `details` are `format`, `family`,
    `parameter_size`, …; `expires_at` is when it leaves memory. 0 and empty: the engine does not tell.
    """

    name: str
    loaded: bool = False
    context_length: int = 0
    capabilities: tuple[str, ...] = ()  # "completion", "tools", "vision", "thinking", "embedding", "insert"
    size: int = 0
    size_vram: int = 0
    digest: str = ""
    details: dict[str, Any] = {}  # noqa: RUF012 - never changed
    expires_at: str = ""


class PullProgress(NamedTuple):
    status: str
    completed: int = 0  # bytes
    total: int = 0  # bytes, 0 unknown


class Health(NamedTuple):
    ok: bool
    detail: str  # a sentence for a person: what is wrong and what to do


class EngineError(Exception):
    """See the tree above. `retryable`: the same request may succeed later or elsewhere.

    `again`: how often it is sent again at once, before its first token; None: as OLLAMA_MAX_RETRIES says.
    """

    code = "engine_error"
    retryable = False
    again: int | None = 0

    @property
    def suspect(self) -> bool:
        """Whether the request itself may be to blame: it holds a slot no longer than for one more try."""
        return self.retryable and self.again is not None

    @property
    def message(self) -> str:
        return str(self)


class EngineUnavailable(EngineError):
    code = "engine_unavailable"
    retryable = True
    again: int | None = None


class EngineBusy(EngineUnavailable):
    """Its engine rests (see `rest.py`)."""


class EngineMissing(EngineUnavailable):
    """A proxy says so of one request that took too long, too."""

    again = 1


class EngineDenied(EngineError):
    """Told at once: nothing that waits in a queue mends a key."""

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
    """Never sent again at once: it has held its slot for minutes."""

    code = "engine_silent"
    retryable = True


class StreamCut(EngineError):
    """Never sent again at once: others go first, and by then it shows whether the engine is still there."""

    code = "stream_cut"
    retryable = True


class AnswerTooLarge(EngineError):
    code = "answer_too_large"


class NoEngine(Exception):
    """A worker gets no engine; the message says what to set."""


class Engine(Protocol):
    """One engine. Every method may raise `EngineError`; closing an iterator early closes the engine's connection."""

    name: str

    def generate(self, request: JobRequest, prefill: str = "") -> AsyncIterator[Piece | Loading | Finished]:
        """Stream an answer; the last item is `Finished`, and an end without it is raised as `StreamCut`.

        `prefill` is the text that earlier attempts already produced: the engine continues right behind it and never
        repeats it. It is passed only where `can_continue` says yes.
        """
        ...

    async def can_continue(self, model: str) -> bool:
        """True where continuing this model's answer behind a prefill is known, by a test, to be sound."""
        ...

    async def embed(self, request: JobRequest) -> Embeddings: ...

    async def count(self, request: JobRequest) -> int:
        """How many tokens the prompt of a chat is: its messages and tools, in the model's template."""
        ...

    async def models(self) -> list[ModelInfo]: ...

    def pull(self, model: str) -> AsyncIterator[PullProgress]: ...

    async def load(self, model: str) -> None: ...

    async def unload(self, model: str) -> None: ...

    async def health(self) -> Health: ...

    async def close(self) -> None: ...


def texts_of(request: JobRequest, engine: str) -> list[str]:
    """The inputs of an embed job, for an engine that takes texts only. Raises `Unsupported` for token ids."""
    texts = [text for text in request.inputs if isinstance(text, str)]
    if len(texts) < len(request.inputs):
        raise Unsupported(f"The {engine} engine embeds texts, not token ids: send texts, or use SLUICE_ENGINE=openai")
    return texts
