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
    Item,
    Loading,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.call_or_answer import as_either, call_or_answer, is_either
from ollama_worker.engines.continuation import listed, spent
from ollama_worker.engines.forced_call import as_sent, steered
from ollama_worker.engines.http import EngineHttp
from ollama_worker.engines.llama_cpp_server import look_for_library
from ollama_worker.engines.llama_cpp_stops import StopReader, with_stop_reader
from ollama_worker.engines.llama_cpp_store import LlamaCppStore
from ollama_worker.engines.llama_cpp_wire import (
    NO_EYES,
    RawReader,
    chat_body,
    completion_body,
    fault,
    infill_body,
    raw_body,
)
from ollama_worker.engines.openai_servers import LLAMA_CPP
from ollama_worker.engines.openai_stream import OpenAIReader, chat_output, completion_output
from ollama_worker.engines.openai_wire import messages_of
from ollama_worker.engines.system_messages import SystemMessages
from wire.records import JobRequest

Question = tuple[str, dict[str, Any], OpenAIReader | StopReader | RawReader]
log = structlog.get_logger()


class LlamaCppEngine:
    """One GGUF file, loaded at the first job in a process of its own. `store` holds the file and its processes."""

    name = "llama-cpp"

    def __init__(
        self, gguf: Path, model: str, slots: int = 1, silence: float = 300.0, mmproj: Path | None = None
    ) -> None:
        """`model` is the name under which the file is served; `silence` is in seconds; `mmproj` lets it see."""
        self.store = LlamaCppStore(gguf, model, slots, silence, mmproj)
        self._library_there = False
        self._window_noted = False
        self._system = SystemMessages()

    async def close(self) -> None:
        await self.store.close()

    # Answers

    def generate(self, ask: JobRequest, prefill: str = "") -> AsyncIterator[Item]:
        """The choice of a tool is forced here: llama.cpp forces it only for the templates that it recognizes.

        llama.cpp keeps to a schema or calls tools, but not both: so both at once is done here as well.
        """
        if is_either(ask):
            return call_or_answer(ask, self._answered(as_either(ask), prefill))
        return steered(ask, lambda sent: self._answered(sent, prefill))

    def _answered(self, ask: JobRequest, prefill: str) -> AsyncGenerator[Item]:
        return self._system.answered(ask, lambda sent: self._answer(sent, prefill))

    async def _answer(self, ask: JobRequest, prefill: str) -> AsyncGenerator[Item]:
        self.store.check(ask.model)
        self._check_images(ask, prefill)
        self._note_window(ask)
        if prefill and spent(ask):
            yield Finished("length")
            return
        load_ms = self.store.chat.load_timer()
        if not self.store.chat.ready:
            yield Loading(ask.model)
        async with self.store.chat.use(self.store.plan()) as http:
            took = load_ms()
            path, body, reader = await self._question(http, ask, prefill)
            async with http.lines(path, fault, body) as lines:
                while burst := await lines.read():
                    for item in reader.read(burst):
                        if type(item) is Finished:
                            yield item._replace(load_ms=took)
                            return
                        yield item
        raise StreamCut("llama.cpp ended the answer without its end mark")

    async def _question(self, http: EngineHttp, ask: JobRequest, prefill: str) -> Question:
        """(path, body, reader of the answer)"""
        if prefill:
            return "/completion", raw_body(ask, await self._rendered(http, ask, prefill)), RawReader()
        if ask.kind == "chat":
            reader = OpenAIReader(fault, chat_output, ask.top_logprobs or 0)
            return "/v1/chat/completions", *with_stop_reader(ask, chat_body(ask), reader)
        if ask.suffix:
            return "/infill", infill_body(ask), RawReader(tops=ask.top_logprobs or 0)
        reader = OpenAIReader(fault, completion_output, ask.top_logprobs or 0)
        return "/v1/completions", *with_stop_reader(ask, completion_body(ask), reader)

    async def rendered(self, ask: JobRequest, prefill: str = "") -> str:
        """The prompt that the model sees: its template's text, open for the assistant's turn, and then `prefill`."""
        async with self.store.chat.use(self.store.plan()) as http:
            return await self._rendered(http, ask, prefill)

    async def _rendered(self, http: EngineHttp, ask: JobRequest, prefill: str) -> str:
        answer = await http.post("/apply-template", fault, {"messages": messages_of(ask, LLAMA_CPP)})
        return str(answer["prompt"]) + prefill

    async def can_continue(self, model: str) -> bool:
        return model == self.store.model and listed(self.name, self.store.facts().template)

    async def embed(self, ask: JobRequest) -> Embeddings:
        self.store.check(ask.model)
        if ask.dimensions is not None:
            raise Unsupported("llama.cpp cannot shorten vectors: leave `dimensions` out, or use SLUICE_ENGINE=ollama")
        load_ms = self.store.embedder.load_timer()
        async with self.store.embedder.alone(self.store.plan(embedding=True)) as http:
            took = load_ms()
            answer = await http.post("/v1/embeddings", fault, {"input": ask.inputs})
        rows = sorted(answer["data"], key=lambda row: int(row["index"]))
        return Embeddings([row["embedding"] for row in rows], (answer.get("usage") or {}).get("prompt_tokens", 0), took)

    async def count(self, ask: JobRequest) -> int:
        """llama.cpp renders and tokenizes the prompt, and generates nothing."""
        self.store.check(ask.model)
        self._check_images(ask)
        return await self._system.counted(as_sent(ask), self._counted)

    async def _counted(self, ask: JobRequest) -> int:
        async with self.store.chat.use(self.store.plan()) as http:
            body = chat_body(as_either(ask))
            answer = await http.post("/v1/chat/completions/input_tokens", fault, body)
        return int(answer["input_tokens"])

    def _check_images(self, ask: JobRequest, prefill: str = "") -> None:
        """Raises `Unsupported` for images where there is no projector, and behind a prefill: such a prompt is text."""
        if not any(message.images for message in ask.messages):
            return
        if not self.store.sees:
            raise Unsupported(NO_EYES)
        if prefill:
            raise Unsupported("An answer about images is not continued by SLUICE_ENGINE=llama-cpp but begun anew")

    def _note_window(self, ask: JobRequest) -> None:
        """Log once that a larger `num_ctx` is ignored: the window is made at the load, and is every answer's."""
        wanted, context = ask.options.get("num_ctx"), self.store.plan().context
        if isinstance(wanted, int) and wanted > context and not self._window_noted:
            self._window_noted = True
            log.warning(
                "a request's num_ctx is ignored: this model was loaded with a smaller window",
                action="engine.num_ctx_ignored",
                num_ctx=wanted,
                window=context,
            )

    async def health(self) -> Health:
        try:
            await asyncio.to_thread(self.store.facts)
            if not self._library_there:
                await look_for_library()
                self._library_there = True
        except EngineError as error:
            return Health(False, error.message)
        return Health(
            True, f"llama.cpp in a process of this worker's serves {self.store.model} from {self.store.gguf.name}"
        )
