"""Any server that speaks OpenAI's protocol: vLLM, llama.cpp's server, LM Studio, text-generation-inference, a cloud."""

from __future__ import annotations

import contextlib
import time
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
    Loading,
    ModelInfo,
    Piece,
    PullProgress,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.call_or_answer import as_either, is_either, told_apart
from ollama_worker.engines.forced_call import at_most_one_call
from ollama_worker.engines.http import EngineHttp, Faults, fields_of
from ollama_worker.engines.llama_cpp_stops import Stopping, told_stop
from ollama_worker.engines.llama_cpp_wire import RawAnswer, infill_body
from ollama_worker.engines.openai_faults import another_engine, fault
from ollama_worker.engines.openai_servers import GOOGLE, LLAMA_CPP, PLAIN, VLLM, Server, model_info, named, recognized
from ollama_worker.engines.openai_stream import Answer, said_in_chat, said_in_completion
from ollama_worker.engines.openai_wire import chat_body, completion_body, embedding_body
from ollama_worker.engines.rest import Rest
from ollama_worker.engines.system_messages import OneAtTheBeginning
from ollama_worker.engines.vectors import vectors_in_order
from wire.events import counted
from wire.records import JobRequest

# Who counts a prompt where, and the field of the answer. What of a request goes there is what stands in the prompt.
COUNTS = {
    VLLM.who: ("/tokenize", "count"),
    LLAMA_CPP.who: ("/v1/chat/completions/input_tokens", "input_tokens"),
}
Reader = Answer | Stopping | RawAnswer
COUNTED = frozenset({"model", "messages", "tools", "chat_template_kwargs"})
FEW_TOKENS = 16  # the budget of a question that is only about its prompt; some models take no smaller one


class OpenAIEngine:
    """One server. It keeps nothing but which kind of server it is, and a remote one's list of models for a while."""

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
        """`url` ends where `/chat/completions` begins. `offered`: the models, instead of those that the server lists.

        `silence`: seconds without a byte; `list_seconds`: how long a list of models is good for.
        """
        self.name = name
        self._plain = server
        self._known: Server | None = None  # which kind it turned out to be
        self._offered = tuple(offered)
        self._list_seconds = list_seconds
        self._listed: tuple[float, list[dict[str, Any]]] | None = None
        # `/v1` is part of the paths: some routes of vLLM and llama.cpp stand outside of it.
        root, self._v1 = (url.removesuffix("/v1"), "/v1") if url.endswith("/v1") else (url, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # llama.cpp's server hangs up after every stream without a word, so only a far server's connections are kept.
        self._rest = Rest()
        self._one_system = OneAtTheBeginning()
        self._http = EngineHttp(root, server.who, silence, headers, keep=url.startswith("https:"))

    async def close(self) -> None:
        await self._http.close()

    # Answers

    def generate(self, request: JobRequest, prefill: str = "") -> AsyncIterator[Piece | Loading | Finished]:
        return at_most_one_call(request, self._answer(request))

    async def _answer(self, request: JobRequest) -> AsyncGenerator[Piece | Loading | Finished]:
        server = await self._server()
        if server.one_grammar and is_either(request):
            async with aclosing(told_apart(request, self._answer(as_either(request)))) as stream:
                async for item in stream:
                    yield item
            return
        async with aclosing(self._one_system.answered(request, lambda asked: self._asked(asked, server))) as stream:
            async for item in stream:
                yield item

    async def _asked(self, request: JobRequest, server: Server) -> AsyncGenerator[Piece | Loading | Finished]:
        asked, path, body, answer = self._question(request, server)
        told = self._fault(request.model, asked)
        with self._rest.noted():
            async with self._http.lines(path, told, body) as lines:
                while burst := await lines.read():
                    for item in answer.read(burst):
                        yield item
                        if type(item) is Finished:
                            return
        raise StreamCut(f"{server.who} ended the answer without its end mark")

    def _question(self, request: JobRequest, server: Server) -> tuple[str, str, dict[str, Any], Reader]:
        """(what is asked for, path, body, reader of the answer)"""
        if request.kind == "chat":
            told = self._fault(request.model, "chat")
            answer = Answer(told, said_in_chat, request.top_logprobs or 0)
            return "chat", self._v1 + "/chat/completions", *self._sent(request, server, answer)
        if server.who == GOOGLE.who:
            raise Unsupported(f"Google goes on behind no bare prompt: {another_engine('completions')}")
        told = self._fault(request.model, "completions")
        if request.suffix and server.who == LLAMA_CPP.who:  # its `/v1/completions` ignores a suffix in silence
            return "completions", "/infill", infill_body(request), RawAnswer(told, request.top_logprobs or 0)
        answer = Answer(told, said_in_completion, request.top_logprobs or 0)
        return "completions", self._v1 + "/completions", *self._sent(request, server, answer)

    def _sent(self, request: JobRequest, server: Server, answer: Answer) -> tuple[dict[str, Any], Answer | Stopping]:
        """(body, reader of the answer)"""
        body = chat_body(request, server) if request.kind == "chat" else completion_body(request, server)
        return told_stop(request, body, answer) if server.tells_no_stop else (body, answer)

    async def can_continue(self, model: str) -> bool:
        """No: nothing tells what such a server's template makes of a last assistant message."""
        return False

    async def embed(self, request: JobRequest) -> Embeddings:
        await self._server()
        told = self._fault(request.model, "embeddings")
        said = await self._post("/embeddings", told, embedding_body(request))
        return Embeddings(
            vectors_in_order(said.get("data")), counted(fields_of(said.get("usage")).get("prompt_tokens"))
        )

    async def count(self, request: JobRequest) -> int:
        """Asked where the server has a route for it; else an answer of a few tokens is paid for and thrown away."""
        return await self._one_system.asked(request, self._counted)

    async def _counted(self, request: JobRequest) -> int:
        server = await self._server()
        body, told = chat_body(request, server), self._fault(request.model, "count")
        path, name = COUNTS.get(server.who, ("", ""))
        if path:
            prompt = {part: body[part] for part in COUNTED & body.keys()}
            with contextlib.suppress(Unsupported):  # an older one, or a proxy that lets only some routes through
                return counted((await self._http.post(path, told, prompt)).get(name))
        del body["stream"], body["stream_options"]
        said = await self._post("/chat/completions", told, body | {server.budget: FEW_TOKENS})
        return counted(fields_of(said.get("usage")).get("prompt_tokens"))

    async def _post(self, path: str, told: Faults, body: dict[str, Any]) -> dict[str, Any]:
        with self._rest.noted():
            return await self._http.post(self._v1 + path, told, body)

    # Models

    async def models(self) -> list[ModelInfo]:
        if self._offered:
            return [ModelInfo(name, loaded=True) for name in self._offered]
        return [model_info(entry) for entry in await self._entries()]

    async def _server(self) -> Server:
        """Which kind of server this is; asked once."""
        if self._known is None:
            self._known = recognized(await self._entries(), self._plain) if self._plain.shows else self._plain
        return self._known

    async def _entries(self) -> list[dict[str, Any]]:
        if self._listed and self._rest.good(self._listed[0], self._list_seconds):
            return self._listed[1]
        said = await self._http.get(self._v1 + "/models", self._fault("the model", "models"))
        entries = named(said.get("data"))
        self._listed = (time.monotonic(), entries)
        return entries

    def _fault(self, model: str, asked: str) -> Faults:
        return partial(fault, self._known or self._plain, model, asked)

    async def pull(self, model: str) -> AsyncGenerator[PullProgress]:
        raise Unsupported(f"{self._plain.who} pulls no models: start it with {model}, or use SLUICE_ENGINE=ollama")
        yield PullProgress("")  # what makes this a generator

    async def load(self, model: str) -> None:
        raise Unsupported(f"{self._plain.who} loads its models itself; SLUICE_ENGINE=ollama loads on demand")

    async def unload(self, model: str) -> None:
        raise Unsupported(f"{self._plain.who} keeps its models loaded; SLUICE_ENGINE=ollama unloads on demand")

    # Health

    async def health(self) -> Health:
        if resting := self._rest.health():
            return resting
        try:
            count = len(await self.models())
            who = (await self._server()).who
        except EngineUnavailable as error:
            return Health(False, f"{error.message}. Start it, or correct {self._plain.setting}")
        except EngineError as error:
            return Health(False, error.message)
        if not count:
            return Health(False, f"{who} at {self._http.shown} lists no model")
        return Health(True, f"{who} at {self._http.shown}, models: {count}")
