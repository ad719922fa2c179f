"""The scripted engine as Ollama: its paths, its lines, its words for errors."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from bench.scripted_ollama_lines import (
    CREATED,
    DETAILS,
    FAULTS,
    TEMPLATE,
    end_line,
    error_line,
    fault,
    joined,
    line_of,
    listed,
    message_of,
    part_line,
    question_of,
    render,
)
from bench.scripted_question import MODELS, WINDOW, Model, Question, ScriptedMessage, count, model_of
from bench.scripted_reply import Broken, End, Part, TooLong
from bench.scripted_room import Entry, Room, answered, body_of, from_base64, hang_or_cut, stream
from bench.scripted_vectors import DIMENSIONS, vector_of

VERSION = "0.24.0"
LACKS = {"tools": "tools", "thinking": "thinking", "completion": "chat", "insert": "insert"}


class OllamaRefused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class OllamaSide:
    """Every route answers as Ollama does, errors included: `{"error": text}`."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._hello),
            web.post("/api/chat", self._with_errors(self._chat)),
            web.post("/api/generate", self._with_errors(self._generate)),
            web.post("/api/embed", self._with_errors(self._embed)),
            web.post("/api/show", self._with_errors(self._show)),
            web.post("/api/pull", self._with_errors(self._pull)),
            web.get("/api/tags", self._tags),
            web.get("/api/ps", self._ps),
            web.get("/api/version", self._version),
        ]

    def _with_errors(self, handle: Any) -> Any:
        async def handler(request: web.Request) -> web.StreamResponse:
            try:
                answer: web.StreamResponse = await handle(request, await body_of(request))
            except OllamaRefused as error:
                return answered({"error": str(error)}, error.status)
            except TooLong:
                return answered({"error": FAULTS["context"][1]}, 400)
            except Broken as broken:
                await hang_or_cut(request, broken.kind)
                status, message = fault(broken.kind)
                return answered({"error": message}, status)
            return answer

        return handler

    # Answers

    async def _chat(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        model = self._able(body, "completion")
        if not body.get("messages"):
            return self._load(model, body, {"message": {"role": "assistant", "content": ""}})
        question = question_of(body, tuple(message_of(message) for message in body["messages"]))
        if question.tools:
            require(model, "tools")
        if body.get("_debug_render_only"):
            rendered = {"rendered_template": render(question)}
            return answered({"model": model.name, "created_at": CREATED, "_debug_info": rendered})
        return await self._answer(request, body, question, chat=True)

    async def _generate(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        model = self._able(body, "completion")
        if not body.get("prompt"):
            return self._load(model, body, {"response": ""})
        if body.get("suffix"):
            require(model, "insert")
        images = tuple(from_base64(image) for image in body.get("images") or ())
        system = (ScriptedMessage("system", body["system"]),) if body.get("system") else ()
        question = question_of(body, (*system, ScriptedMessage("user", body["prompt"], images)))
        return await self._answer(request, body, question, chat=False)

    async def _answer(
        self, request: web.Request, body: dict[str, Any], question: Question, chat: bool
    ) -> web.StreamResponse:
        if question.think:
            require(known(question.model), "thinking")
        async with self._room.noted(request, body, question.user_text) as entry:
            self._room.loaded[question.model] = True
            lines = self._lines(question, chat)
            if body.get("stream", True):
                return await self._streamed(request, lines, entry)
            return answered(joined([line async for line in lines], chat))

    async def _streamed(
        self, request: web.Request, lines: AsyncIterator[dict[str, Any]], entry: Entry
    ) -> web.StreamResponse:
        """Sends the lines. The first line is awaited before the status is sent, so that a refusal has a real one."""
        first = await anext(lines)

        async def frames() -> AsyncIterator[bytes]:
            yield line_of(first)
            async for line in lines:
                yield line_of(line)

        return await stream(request, "application/x-ndjson", frames(), error_line, entry)

    async def _lines(self, question: Question, chat: bool) -> AsyncIterator[dict[str, Any]]:
        began = time.monotonic_ns()
        reply = self._room.speaker.reply(question)
        number = 0
        async for part in self._room.speaker.speak(question, reply):
            head = {"model": question.model, "created_at": CREATED}
            if isinstance(part, End):
                yield head | part_line(Part(), 0, chat) | end_line(part, time.monotonic_ns() - began)
            else:
                yield head | part_line(part, number, chat) | {"done": False}
                number += part.call is not None

    async def _embed(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        model = self._able(body, "")
        if "embedding" not in model.capabilities:
            raise OllamaRefused(501, "this model does not support embeddings")
        given = body.get("input") or []
        texts = [given] if isinstance(given, str) else given
        async with self._room.noted(request, body, " ".join(texts)):
            if any("!fault" in text for text in texts):
                raise OllamaRefused(500, "an ordered fault")
            if any(count(text) > WINDOW for text in texts):
                raise OllamaRefused(400, FAULTS["context"][1])
            vectors = [vector_of(text, body.get("dimensions") or DIMENSIONS) for text in texts]
        spent = sum(map(count, texts))
        return answered({"model": model.name, "embeddings": vectors, "total_duration": 1, "prompt_eval_count": spent})

    # Models

    def _able(self, body: dict[str, Any], capability: str) -> Model:
        model = known(str(body.get("model") or ""))
        if capability:
            require(model, capability)
        return model

    def _load(self, model: Model, body: dict[str, Any], empty: dict[str, Any]) -> web.Response:
        keep = body.get("keep_alive") not in (0, "0")
        self._room.loaded[model.name] = keep
        head = {"model": model.name, "created_at": CREATED}
        return answered(head | empty | {"done": True, "done_reason": "load" if keep else "unload"})

    async def _hello(self, request: web.Request) -> web.Response:
        return web.Response(text="Ollama is running")

    async def _version(self, request: web.Request) -> web.Response:
        return answered({"version": VERSION})

    async def _tags(self, request: web.Request) -> web.Response:
        return answered({"models": [listed(model) for model in MODELS]})

    async def _ps(self, request: web.Request) -> web.Response:
        more = {"size_vram": 1 << 30, "expires_at": "2100-01-01T00:00:00Z", "context_length": WINDOW}
        return answered({"models": [listed(model) | more for model in MODELS if self._room.loaded.get(model.name)]})

    async def _show(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        model = known(str(body.get("model") or body.get("name") or ""))
        info = {"general.architecture": "scripted", "scripted.context_length": WINDOW}
        info |= {"scripted.embedding_length": DIMENSIONS}
        details = {"template": TEMPLATE, "details": DETAILS, "model_info": info, "capabilities": model.capabilities}
        return answered({**details, "modelfile": f"FROM {model.name}\n", "modified_at": CREATED})

    async def _pull(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if model_of(str(body.get("model") or body.get("name"))) is None:
            return answered({"error": "pull model manifest: file does not exist"}, 500)
        lines: list[dict[str, Any]] = [
            {"status": "pulling manifest"},
            {"status": "pulling", "completed": 5, "total": 5},
            {"status": "success"},
        ]
        if body.get("stream", True):
            return web.Response(body=b"".join(line_of(line) for line in lines), content_type="application/x-ndjson")
        return answered(lines[-1])


def known(name: str) -> Model:
    if model := model_of(name):
        return model
    raise OllamaRefused(404, f"model '{name}' not found")


def require(model: Model, capability: str) -> None:
    if capability not in model.capabilities:
        raise OllamaRefused(400, f'"{model.name}" does not support {LACKS[capability]}')
