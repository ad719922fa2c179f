"""The scripted engine as an OpenAI-compatible server: paths, streams and errors as vLLM has them."""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator
from itertools import count as counted
from typing import Any

from aiohttp import web

from bench.scripted_openai_chunks import (
    DONE,
    FAULTS,
    OpenAIAnswer,
    chat_question,
    chunks,
    envelope,
    error_frame,
    fault,
    frame,
    last_chunk,
    refusal,
    text_question,
    usage,
    whole,
)
from bench.scripted_question import MODELS, WINDOW, Model, Question, count, model_of
from bench.scripted_reply import Broken, End, Part, TooLong
from bench.scripted_room import Entry, Room, answered, body_of, hang_or_cut, stream
from bench.scripted_vectors import DIMENSIONS, vector_of


class OpenAIRefused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class OpenAISide:
    """The routes of OpenAI's side. `key`: what callers must send as a bearer token; empty: no key is required."""

    def __init__(self, room: Room, key: str = "") -> None:
        self._room = room
        self._key = key
        self._numbers = counted(1)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/chat/completions", self._with_errors(self._chat)),
            web.post("/v1/completions", self._with_errors(self._complete)),
            web.post("/v1/embeddings", self._with_errors(self._embed)),
            web.post("/tokenize", self._with_errors(self._tokenize)),
            web.get("/v1/models", self._with_errors(self._models)),
            web.get("/v1/models/{id}", self._with_errors(self._model)),
            web.get("/health", self._health),
        ]

    def _with_errors(self, handle: Any) -> Any:
        async def handler(request: web.Request) -> web.StreamResponse:
            if self._key and request.headers.get("Authorization") != f"Bearer {self._key}":
                return answered(refusal(401, "Unauthorized"), 401)
            try:
                answer: web.StreamResponse = await handle(request, await body_of(request))
            except OpenAIRefused as error:
                return answered(refusal(error.status, str(error)), error.status)
            except TooLong:
                return answered(refusal(*FAULTS["context"]), 400)
            except Broken as broken:
                await hang_or_cut(request, broken.kind)
                return answered(refusal(*fault(broken.kind)), fault(broken.kind)[0])
            return answer

        return handler

    async def _chat(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        model = known(body, "completion")
        if not body.get("messages"):
            raise OpenAIRefused(400, "messages: at least one is needed")
        if body.get("tools") and "tools" not in model.capabilities:
            raise OpenAIRefused(
                400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
            )
        question = chat_question(body)
        if any(message.images for message in question.messages) and "vision" not in model.capabilities:
            raise OpenAIRefused(400, f"{model.name} is not a multimodal model")
        return await self._answer(request, body, question, OpenAIAnswer(self._id("chatcmpl"), model.name, True))

    async def _complete(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        model = known(body, "completion")
        if body.get("suffix"):
            raise OpenAIRefused(400, "suffix is not currently supported")
        return await self._answer(request, body, text_question(body), OpenAIAnswer(self._id("cmpl"), model.name, False))

    async def _answer(
        self, request: web.Request, body: dict[str, Any], question: Question, answer: OpenAIAnswer
    ) -> web.StreamResponse:
        async with self._room.noted(request, body, question.user_text) as entry:
            if body.get("stream"):
                return await self._streamed(request, question, answer, bool(body.get("stream_options")), entry)
            parts, end = await self._all(question)
            return answered(whole(answer, parts, end))

    async def _all(self, question: Question) -> tuple[list[Part], End]:
        parts: list[Part] = []
        async for part in self._room.speaker.speak(question, self._room.speaker.reply(question)):
            if isinstance(part, End):
                return parts, part
            parts.append(part)
        raise AssertionError("no answer is without its end")

    async def _streamed(
        self, request: web.Request, question: Question, answer: OpenAIAnswer, with_usage: bool, entry: Entry
    ) -> web.StreamResponse:
        reply = self._room.speaker.reply(question)

        async def frames() -> AsyncIterator[bytes]:
            number = 0
            if answer.chat:
                yield frame(envelope(answer, [{"index": 0, "delta": {"role": "assistant", "content": ""}}], True))
            async for part in self._room.speaker.speak(question, reply):
                if isinstance(part, End):
                    yield frame(last_chunk(answer, part))
                    if with_usage:
                        yield frame(envelope(answer, [], True) | {"usage": usage(part)})
                    yield DONE
                    return
                yield b"".join(frame(chunk) for chunk in chunks(answer, part, number))
                number += part.call is not None

        return await stream(request, "text/event-stream", frames(), error_frame, entry)

    async def _embed(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        model = known(body, "embedding")
        given = body.get("input") or []
        single = isinstance(given, str) or (given and isinstance(given[0], int))
        inputs = [given] if single else given
        async with self._room.noted(request, body, str(inputs)):
            if any(isinstance(text, str) and "!fault" in text for text in inputs):
                raise OpenAIRefused(500, "an ordered fault")
            spent = [count(text) if isinstance(text, str) else len(text) for text in inputs]
            if max(spent, default=0) > WINDOW:
                raise OpenAIRefused(*FAULTS["context"])
            vectors = [vector_of(text, body.get("dimensions") or DIMENSIONS) for text in inputs]
        packed = body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": place, "embedding": in_base64(vector) if packed else vector}
            for place, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": sum(spent), "total_tokens": sum(spent)}
        return answered({"object": "list", "model": model.name, "data": data, "usage": usage})

    async def _tokenize(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        known(body, "")
        tokens = chat_question(body).tokens if body.get("messages") else count(str(body.get("prompt") or ""))
        return answered({"count": tokens, "max_model_len": WINDOW, "tokens": list(range(tokens))})

    async def _models(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        return answered({"object": "list", "data": [listed(model) for model in MODELS]})

    async def _model(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        return answered(listed(known({"model": request.match_info["id"]}, "")))

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response()

    def _id(self, prefix: str) -> str:
        return f"{prefix}-scripted-{next(self._numbers)}"


def known(body: dict[str, Any], capability: str) -> Model:
    name = str(body.get("model") or "")
    model = model_of(name)
    if model is None:
        raise OpenAIRefused(404, f"The model `{name}` does not exist.")
    if capability and capability not in model.capabilities:
        raise OpenAIRefused(400, f"The model does not support {capability} requests")
    return model


def listed(model: Model) -> dict[str, Any]:
    entry = {"id": model.name, "object": "model", "created": 1_767_225_600, "owned_by": "scripted"}
    return {**entry, "root": model.name, "parent": None, "max_model_len": WINDOW}


def in_base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
