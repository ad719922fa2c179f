"""The embedded engine: one GGUF file, run by llama.cpp in processes of this worker's. No other server is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import structlog

from ollama_worker.engines.base import (
    Embeddings,
    EngineError,
    Finished,
    Health,
    Loading,
    ModelInfo,
    ModelNotFound,
    Piece,
    PullProgress,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.call_or_answer import as_either, is_either, told_apart
from ollama_worker.engines.continuation import listed, spent
from ollama_worker.engines.forced_call import as_sent, steered
from ollama_worker.engines.gguf_file import GgufFacts, NotGguf, read_facts
from ollama_worker.engines.http import EngineHttp
from ollama_worker.engines.llama_cpp_running import Running
from ollama_worker.engines.llama_cpp_server import CONTEXT_CAP, Plan, look_for_library
from ollama_worker.engines.llama_cpp_stops import Stopping, told_stop
from ollama_worker.engines.llama_cpp_wire import (
    NO_EYES,
    RawAnswer,
    chat_body,
    completion_body,
    fault,
    infill_body,
    raw_body,
)
from ollama_worker.engines.openai_servers import LLAMA_CPP
from ollama_worker.engines.openai_stream import Answer, said_in_chat, said_in_completion
from ollama_worker.engines.openai_wire import messages_of
from ollama_worker.engines.system_messages import OneAtTheBeginning
from wire.records import JobRequest

Question = tuple[str, dict[str, Any], Answer | Stopping | RawAnswer]
log = structlog.get_logger()
THINKS = ("enable_thinking", "<think>", "reasoning_effort")  # in the template of a model that can


class LlamaCppEngine:
    """Loads its file at the first job, in a process of its own. Embeddings run on a second, smaller instance, made when
    the first is asked for: llama.cpp makes one only for the one or the other. The file's pages are shared by both."""

    name = "llama-cpp"

    def __init__(
        self, gguf: Path, model: str, slots: int = 1, silence: float = 300.0, mmproj: Path | None = None
    ) -> None:
        """`model` is the name under which the file is served; `silence` is in seconds; `mmproj` lets it see."""
        self._gguf = gguf
        self._mmproj = mmproj
        self._model = model
        self._slots = slots
        self._known: GgufFacts | None = None
        self._library_there = False
        self._window_noted = False
        self._one_system = OneAtTheBeginning()
        self._chat = Running(silence)
        self._embed = Running(silence)

    async def close(self) -> None:
        await self._chat.stop()
        await self._embed.stop()

    # Answers

    def generate(self, request: JobRequest, prefill: str = "") -> AsyncIterator[Piece | Loading | Finished]:
        """Which tool is called is forced here: llama.cpp forces it for the templates that it recognizes only.

        It keeps to a schema or calls tools, not both: so that is done here as well.
        """
        if is_either(request):
            return told_apart(request, self._answered(as_either(request), prefill))
        return steered(request, lambda asked: self._answered(asked, prefill))

    def _answered(self, request: JobRequest, prefill: str) -> AsyncGenerator[Piece | Loading | Finished]:
        return self._one_system.answered(request, lambda asked: self._answer(asked, prefill))

    async def _answer(self, request: JobRequest, prefill: str) -> AsyncGenerator[Piece | Loading | Finished]:
        self._check_model(request.model)
        self._check_images(request, prefill)
        self._note_window(request)
        if prefill and spent(request):
            yield Finished("length")
            return
        load_ms = self._chat.load_timer()
        if not self._chat.ready:
            yield Loading(request.model)
        async with self._chat.use(self._plan()) as http:
            took = load_ms()
            path, body, answer = await self._question(http, request, prefill)
            async with http.lines(path, fault, body) as lines:
                while burst := await lines.read():
                    for item in answer.read(burst):
                        if type(item) is Finished:
                            yield item._replace(load_ms=took)
                            return
                        yield item
        raise StreamCut("llama.cpp ended the answer without its end mark")

    async def _question(self, http: EngineHttp, request: JobRequest, prefill: str) -> Question:
        """(path, body, reader of the answer)"""
        if prefill:
            return "/completion", raw_body(request, await self._rendered(http, request, prefill)), RawAnswer()
        if request.kind == "chat":
            answer = Answer(fault, said_in_chat, request.top_logprobs or 0)
            return "/v1/chat/completions", *told_stop(request, chat_body(request), answer)
        if request.suffix:
            return "/infill", infill_body(request), RawAnswer(tops=request.top_logprobs or 0)
        answer = Answer(fault, said_in_completion, request.top_logprobs or 0)
        return "/v1/completions", *told_stop(request, completion_body(request), answer)

    async def rendered(self, request: JobRequest, prefill: str = "") -> str:
        """The prompt that the model sees: the template's, open for the assistant's turn, and the text so far."""
        async with self._chat.use(self._plan()) as http:
            return await self._rendered(http, request, prefill)

    async def _rendered(self, http: EngineHttp, request: JobRequest, prefill: str) -> str:
        said = await http.post("/apply-template", fault, {"messages": messages_of(request, LLAMA_CPP)})
        return str(said["prompt"]) + prefill

    async def can_continue(self, model: str) -> bool:
        return model == self._model and listed(self.name, self._facts().template)

    async def embed(self, request: JobRequest) -> Embeddings:
        self._check_model(request.model)
        if request.dimensions is not None:
            raise Unsupported("llama.cpp cannot shorten vectors: leave `dimensions` out, or use SLUICE_ENGINE=ollama")
        load_ms = self._embed.load_timer()
        async with self._embed.alone(self._plan(embedding=True)) as http:
            took = load_ms()
            said = await http.post("/v1/embeddings", fault, {"input": request.inputs})
        rows = sorted(said["data"], key=lambda row: int(row["index"]))
        return Embeddings([row["embedding"] for row in rows], (said.get("usage") or {}).get("prompt_tokens", 0), took)

    async def count(self, request: JobRequest) -> int:
        """Rendered and tokenized by llama.cpp, and nothing is generated."""
        self._check_model(request.model)
        self._check_images(request)
        return await self._one_system.asked(as_sent(request), self._counted)

    async def _counted(self, request: JobRequest) -> int:
        async with self._chat.use(self._plan()) as http:
            body = chat_body(as_either(request))
            said = await http.post("/v1/chat/completions/input_tokens", fault, body)
        return int(said["input_tokens"])

    def _check_model(self, model: str) -> None:
        if model != self._model:
            raise ModelNotFound(f"This worker serves {self._model} only. For {model}, set SLUICE_GGUF or run Ollama")

    def _check_images(self, request: JobRequest, prefill: str = "") -> None:
        """A prompt that is continued is text: the images in it would be lost."""
        if not any(message.images for message in request.messages):
            return
        if not self._mmproj:
            raise Unsupported(NO_EYES)
        if prefill:
            raise Unsupported("An answer about images is not continued by SLUICE_ENGINE=llama-cpp but begun anew")

    def _note_window(self, request: JobRequest) -> None:
        """The window is made when the model is loaded, and is every answer's: `num_ctx` changes it for none."""
        wanted, context = request.options.get("num_ctx"), self._plan().context
        if isinstance(wanted, int) and wanted > context and not self._window_noted:
            self._window_noted = True
            log.warning(
                "a request's num_ctx is ignored: this model was loaded with a smaller window",
                action="engine.num_ctx_ignored",
                num_ctx=wanted,
                window=context,
            )

    def _plan(self, embedding: bool = False) -> Plan:
        facts = self._facts()
        context = min(facts.context_length or CONTEXT_CAP, CONTEXT_CAP)
        # Embeddings get one slot: with more, llama.cpp splits texts of unequal length into several batches and pools
        # the last one only. Seen in build 11549: the same text, another vector, depending on its neighbours.
        slots = 1 if embedding else self._slots
        mmproj = None if embedding else self._mmproj
        return Plan(self._gguf, context, slots, embedding, mean_pooling=not facts.pooling, mmproj=mmproj)

    def _facts(self) -> GgufFacts:
        try:
            if self._known is None:
                self._known = read_facts(self._gguf)
            return self._known
        except (NotGguf, OSError) as error:
            raise EngineError(f"Cannot read the model: {error}. Check SLUICE_GGUF") from error

    # Models

    async def models(self) -> list[ModelInfo]:
        facts = await asyncio.to_thread(self._facts)
        able = {
            "completion": not facts.pooling,
            "embedding": True,
            "tools": "tools" in facts.template,
            "vision": self._mmproj is not None,
            "thinking": any(word in facts.template for word in THINKS),
            "insert": facts.fills,
        }
        loaded = self._chat.ready or self._embed.ready
        told = tuple(word for word, can in able.items() if can)
        size = self._gguf.stat().st_size
        words = {
            "format": "gguf",
            "family": facts.family,
            "parameter_size": facts.parameter_size,
            "quantization_level": facts.quantization,
        }
        details = {name: word for name, word in words.items() if word}
        return [ModelInfo(self._model, loaded, self._plan().context, told, size, details=details)]

    async def pull(self, model: str) -> AsyncGenerator[PullProgress]:
        raise Unsupported("llama.cpp serves one file and pulls none: set SLUICE_GGUF, or run Ollama to pull models")
        yield PullProgress("")  # what makes this a generator

    async def load(self, model: str) -> None:
        self._check_model(model)
        await self._chat.load(self._plan())

    async def unload(self, model: str) -> None:
        self._check_model(model)
        await self.close()

    async def health(self) -> Health:
        try:
            await asyncio.to_thread(self._facts)
            if not self._library_there:
                await look_for_library()
                self._library_there = True
        except EngineError as error:
            return Health(False, error.message)
        return Health(True, f"llama.cpp in a process of this worker's serves {self._model} from {self._gguf.name}")
