"""The engine for any server that speaks OpenAI's protocol: vLLM, llama.cpp's server, LM Studio, a cloud, …"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from ollama_worker.engines.base import (
    Embeddings,
    EngineError,
    EngineUnavailable,
    Finished,
    Health,
    Item,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.call_or_answer import as_either, call_or_answer, is_either
from ollama_worker.engines.forced_call import at_most_one_call
from ollama_worker.engines.http import EngineHttp, Faults, fields_of
from ollama_worker.engines.llama_cpp_stops import StopReader, with_stop_reader
from ollama_worker.engines.llama_cpp_wire import RawReader, infill_body
from ollama_worker.engines.openai_faults import another_engine, fault
from ollama_worker.engines.openai_servers import GOOGLE, LLAMA_CPP, PLAIN, VLLM, Server
from ollama_worker.engines.openai_store import OpenAIStore
from ollama_worker.engines.openai_stream import OpenAIReader, chat_output, completion_output
from ollama_worker.engines.openai_wire import chat_body, completion_body, embedding_body
from ollama_worker.engines.rest import Rest
from ollama_worker.engines.system_messages import SystemMessages
from ollama_worker.engines.vectors import vectors_in_order
from wire.events import counted
from wire.records import JobRequest

# The servers that count a prompt: the path, and the answer's field. They get the parts of a body that `COUNTED` names:
# those are in the prompt.
COUNTS = {
    VLLM.who: ("/tokenize", "count"),
    LLAMA_CPP.who: ("/v1/chat/completions/input_tokens", "input_tokens"),
}
AnyReader = OpenAIReader | StopReader | RawReader
COUNTED = frozenset({"model", "messages", "tools", "chat_template_kwargs"})
FEW_TOKENS = 16  # the budget where only the prompt's length is wanted; some models accept no smaller budget


class OpenAIEngine:
    """One server. It keeps nothing but what its store knows: the kind of server, and a list of models for a while."""

    def __init__(
        self,
        url: str,
        key: str = "",
        name: str = "openai",
        server: Server = PLAIN,
        offered: Sequence[str] = (),
        silence: float = 300.0,
        list_seconds: float = 0.0,
    ) -> None:
        """`url` ends where `/chat/completions` begins. `silence`: seconds without a byte.

        `offered`, `list_seconds`: as in `OpenAIStore`.
        """
        self.name = name
        # `/v1` is part of the paths: some routes of vLLM and llama.cpp lie outside of it.
        root, self._v1 = (url.removesuffix("/v1"), "/v1") if url.endswith("/v1") else (url, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # llama.cpp's server closes its connection after every stream without notice, so only connections to a far
        # server are kept.
        self._http = EngineHttp(root, server.who, silence, headers, keep=url.startswith("https:"))
        self._rest = Rest()
        self._system = SystemMessages()
        self._setting = server.setting
        self.store = OpenAIStore(self._http, self._rest, self._v1 + "/models", server, offered, list_seconds)

    async def close(self) -> None:
        await self._http.close()

    # Answers

    def generate(self, ask: JobRequest, prefill: str = "") -> AsyncIterator[Item]:
        return at_most_one_call(ask, self._answer(ask))

    async def _answer(self, ask: JobRequest) -> AsyncGenerator[Item]:
        server = await self.store.server()
        if server.one_grammar and is_either(ask):
            async with aclosing(call_or_answer(ask, self._answer(as_either(ask)))) as stream:
                async for item in stream:
                    yield item
            return
        async with aclosing(self._system.answered(ask, lambda sent: self._streamed(sent, server))) as stream:
            async for item in stream:
                yield item

    async def _streamed(self, ask: JobRequest, server: Server) -> AsyncGenerator[Item]:
        route, path, body, reader = self._question(ask, server)
        faults = self._faults(ask.model, route)
        with self._rest.noted():
            async with self._http.lines(path, faults, body) as lines:
                while burst := await lines.read():
                    for item in reader.read(burst):
                        yield item
                        if type(item) is Finished:
                            return
        raise StreamCut(f"{server.who} ended the answer without its end mark")

    def _question(self, ask: JobRequest, server: Server) -> tuple[str, str, dict[str, Any], AnyReader]:
        """(route's name for messages, path, body, reader of the answer)"""
        if ask.kind == "chat":
            reader = OpenAIReader(self._faults(ask.model, "chat"), chat_output, ask.top_logprobs or 0)
            return "chat", self._v1 + "/chat/completions", *self._sent(ask, server, reader)
        if server.who == GOOGLE.who:
            raise Unsupported(f"Google goes on behind no bare prompt: {another_engine('completions')}")
        faults = self._faults(ask.model, "completions")
        if ask.suffix and server.who == LLAMA_CPP.who:  # its `/v1/completions` ignores a suffix in silence
            return "completions", "/infill", infill_body(ask), RawReader(faults, ask.top_logprobs or 0)
        reader = OpenAIReader(faults, completion_output, ask.top_logprobs or 0)
        return "completions", self._v1 + "/completions", *self._sent(ask, server, reader)

    def _sent(
        self, ask: JobRequest, server: Server, reader: OpenAIReader
    ) -> tuple[dict[str, Any], OpenAIReader | StopReader]:
        """(body, reader of the answer)"""
        body = chat_body(ask, server) if ask.kind == "chat" else completion_body(ask, server)
        return with_stop_reader(ask, body, reader) if server.hides_stop else (body, reader)

    async def can_continue(self, model: str) -> bool:
        """No: such a server does not show what its template makes of a last assistant message."""
        return False

    async def embed(self, ask: JobRequest) -> Embeddings:
        await self.store.server()
        answer = await self._post("/embeddings", self._faults(ask.model, "embeddings"), embedding_body(ask))
        return Embeddings(vectors_in_order(answer.get("data")), prompt_tokens_of(answer))

    async def count(self, ask: JobRequest) -> int:
        """The server counts where it has a route for that; else an answer of a few tokens is made and thrown away."""
        return await self._system.counted(ask, self._counted)

    async def _counted(self, ask: JobRequest) -> int:
        server = await self.store.server()
        body, faults = chat_body(ask, server), self._faults(ask.model, "count")
        path, name = COUNTS.get(server.who, ("", ""))
        if path:
            prompt = {part: body[part] for part in COUNTED & body.keys()}
            with contextlib.suppress(Unsupported):  # an older server, or a proxy that forwards only some routes
                return counted((await self._http.post(path, faults, prompt)).get(name))
        del body["stream"], body["stream_options"]
        return prompt_tokens_of(await self._post("/chat/completions", faults, body | {server.budget: FEW_TOKENS}))

    async def _post(self, path: str, faults: Faults, body: dict[str, Any]) -> dict[str, Any]:
        with self._rest.noted():
            return await self._http.post(self._v1 + path, faults, body)

    def _faults(self, model: str, route: str) -> Faults:
        return partial(fault, self.store.kind, model, route)

    # Health

    async def health(self) -> Health:
        if resting := self._rest.health():
            return resting
        try:
            count = len(await self.store.models())
            who = (await self.store.server()).who
        except EngineUnavailable as error:
            return Health(False, f"{error.message}. Start it, or correct {self._setting}")
        except EngineError as error:
            return Health(False, error.message)
        if not count:
            return Health(False, f"{who} at {self._http.shown} lists no model")
        return Health(True, f"{who} at {self._http.shown}, models: {count}")


def prompt_tokens_of(answer: dict[str, Any]) -> int:
    return counted(fields_of(answer.get("usage")).get("prompt_tokens"))
