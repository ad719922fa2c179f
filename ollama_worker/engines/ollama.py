"""The main engine: a real Ollama, spoken to over HTTP."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Any

import structlog

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
    texts_of,
)
from ollama_worker.engines.call_or_answer import as_either, is_either, told_apart
from ollama_worker.engines.continuation import listed, spent
from ollama_worker.engines.forced_call import as_sent, steered
from ollama_worker.engines.grammar import check_grammar
from ollama_worker.engines.http import EngineHttp, Lines, parse
from ollama_worker.engines.ollama_faults import fault, pull_fault
from ollama_worker.engines.ollama_wire import (
    LACKS,
    Answer,
    body_of,
    full_name,
    lacking,
    messages_of,
    model_info,
    needs_of,
)
from wire.records import JobRequest, Message

# A model that answered this many seconds ago is taken to be loaded: Ollama keeps one for 5 minutes unless told
# otherwise. Being wrong only means that a caller does not read "loading the model" while it loads.
FRESH_SECONDS = 60.0
TRUNCATE_SINCE = (0, 12, 6)  # the first Ollama that can be told not to cut a prompt in silence

# A short talk with every role: what a template does to a last assistant message shows on it.
CANARY = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="Hello"),
    Message(role="assistant", content="Hello."),
    Message(role="user", content="Tell a story"),
)
CANARY_PREFILL = "Once upon a"
log = structlog.get_logger()


class OllamaEngine:
    """One Ollama server. Stateless but for what it remembers to ask less often."""

    name = "ollama"

    def __init__(self, base_url: str, silence: float = 300.0) -> None:
        """`silence`: seconds without a byte after which Ollama is taken to hang."""
        self._http = EngineHttp(base_url, "Ollama", silence)
        self._answered: dict[str, float] = {}  # full name → monotonic second of its last whole answer
        self._digests: dict[str, str] = {}  # full name → digest, as last listed
        self._shown: dict[str, dict[str, Any]] = {}  # digest → what /api/show told
        self._open_ended: dict[str, bool] = {}  # template → whether it leaves a last assistant message open

    async def close(self) -> None:
        await self._http.close()

    # Answers

    def generate(self, request: JobRequest, prefill: str = "") -> AsyncIterator[Piece | Loading | Finished]:
        """Ollama knows no `tool_choice`, and keeps to a schema or calls tools, not both: that is done here."""
        if is_either(request):
            return told_apart(request, self._answer(as_either(request), prefill))
        return steered(request, lambda asked: self._answer(asked, prefill))

    async def _answer(self, request: JobRequest, prefill: str) -> AsyncGenerator[Piece | Loading | Finished]:
        check_grammar(request, "Ollama")
        await self._refuse_what_it_lacks(request)
        if await self._must_load(request.model):
            yield Loading(request.model)
        if prefill:
            if spent(request):
                yield Finished("length")
                return
            await self._assert_open_end(request, prefill)
        path, body = body_of(request, prefill)
        answer = Answer(request)
        async with self._http.lines(path, partial(fault, request.model), body) as lines:
            while burst := await lines.read():
                for item in answer.read(burst):
                    if type(item) is Finished:
                        self._answered[full_name(request.model)] = time.monotonic()
                        yield item
                        return
                    yield item
        # Ollama does so itself when a model repeats one token 30 times, and when its runner is killed.
        raise StreamCut("Ollama ended the answer without its end mark")

    async def embed(self, request: JobRequest) -> Embeddings:
        body: dict[str, Any] = {"model": request.model, "input": texts_of(request, self.name), "truncate": False}
        body["options"] = request.options
        for name in ("keep_alive", "dimensions"):
            if (value := getattr(request, name)) is not None:
                body[name] = value
        said = await self._http.post("/api/embed", partial(fault, request.model), body)
        return Embeddings(said.get("embeddings") or [], said.get("prompt_eval_count", 0))

    async def count(self, request: JobRequest) -> int:
        """Ollama tells a prompt's tokens only once it has read it: one token is generated and thrown away.

        What was read stays in its cache, so a chat that follows with the same messages does not read it again.
        """
        sent = as_either(as_sent(request))
        await self._refuse_what_it_lacks(sent)
        _, body = body_of(sent)
        body |= {"stream": False, "options": {**request.options, "num_predict": 1}}
        said = await self._http.post("/api/chat", partial(fault, request.model), body)
        return int(said.get("prompt_eval_count", 0))

    async def _must_load(self, model: str) -> bool:
        """True when Ollama says that the model is not in memory. Not asked again right after an answer of it."""
        name = full_name(model)
        if time.monotonic() - self._answered.get(name, -FRESH_SECONDS) < FRESH_SECONDS:
            return False
        return name not in await self._running()

    async def _refuse_what_it_lacks(self, request: JobRequest) -> None:
        """Ollama refuses some of it by itself, and drops images in silence and answers as if there were none.

        What is remembered lets a job pass without a question; before one is refused, Ollama is asked again.
        """
        needs = needs_of(request)
        if not needs or not lacking(await self._about(request.model), needs):
            return
        if lack := lacking(await self._about(request.model, again=True), needs):
            raise Unsupported(f"{request.model} {LACKS[lack]}")

    # Continuing

    async def can_continue(self, model: str) -> bool:
        """See `continuation`. A thinking model cannot: Ollama makes it think unless each request forbids it."""
        shown = await self._about(model)
        template = shown.get("template") or ""
        if shown.get("renderer") or "thinking" in (shown.get("capabilities") or ()) or not listed(self.name, template):
            return False
        if template not in self._open_ended:
            canary = JobRequest(model=model, messages=CANARY)
            self._open_ended[template] = await self._leaves_open(canary, CANARY_PREFILL)
        return self._open_ended[template]

    async def _assert_open_end(self, request: JobRequest, prefill: str) -> None:
        if not await self._leaves_open(request, prefill):
            raise Unsupported(f"{request.model}'s template would not continue this answer but begin a new one")

    async def _leaves_open(self, request: JobRequest, prefill: str) -> bool:
        """Let Ollama render the prompt with and without the prefill: the one must be the other plus the prefill."""
        before, after = await self._rendered(request), await self._rendered(request, prefill)
        return before is not None and after == before + prefill

    async def _rendered(self, request: JobRequest, prefill: str = "") -> str | None:
        """The prompt as Ollama would give it to the model; None where this Ollama cannot tell (before 0.12)."""
        body = {"model": request.model, "messages": messages_of(request, prefill), "stream": False, "truncate": False}
        # An Ollama that does not know `_debug_render_only` answers instead: with one token, to be ignored.
        body |= {"_debug_render_only": True, "options": {**request.options, "num_predict": 1}}
        said = await self._http.post("/api/chat", partial(fault, request.model), body)
        rendered = (said.get("_debug_info") or {}).get("rendered_template")
        return rendered if isinstance(rendered, str) else None

    # Models

    async def models(self) -> list[ModelInfo]:
        entries, running = await self._listed(), await self._running()
        return [await self._info(entry, running) for entry in entries]

    async def names(self) -> list[str]:
        """The models' full names, without a question for each."""
        return [entry["name"] for entry in await self._listed()]

    async def _listed(self) -> list[dict[str, Any]]:
        return (await self._http.get("/api/tags", partial(fault, ""))).get("models") or []

    async def _info(self, entry: dict[str, Any], running: dict[str, dict[str, Any]]) -> ModelInfo:
        name, digest = entry["name"], entry.get("digest", entry["name"])
        self._digests[full_name(name)] = digest
        try:
            shown = await self._about(name)
        except EngineUnavailable:
            raise
        except EngineError as error:  # one that is broken, or just deleted, hides none of the others
            log.debug("Ollama does not show a model", action="engine.show_failed", model=name, code=error.code)
            shown = {}
        return model_info(name, running.get(name), shown)

    async def _running(self) -> dict[str, dict[str, Any]]:
        """Full name → its entry, for the models that are in memory now."""
        said = await self._http.get("/api/ps", partial(fault, ""))
        return {full_name(entry["name"]): entry for entry in said.get("models") or ()}

    async def _about(self, model: str, again: bool = False) -> dict[str, Any]:
        """What /api/show tells, asked once a digest. A name may get another model: a look at the list notices."""
        key = self._digests.get(full_name(model), full_name(model))
        if again or key not in self._shown:
            self._shown[key] = await self._show(model)
        return self._shown[key]

    async def _show(self, model: str) -> dict[str, Any]:
        return await self._http.post("/api/show", partial(fault, model), {"model": model})

    async def pull(self, model: str) -> AsyncGenerator[PullProgress]:
        """Progress is a layer's: a model has several, and the total is known only layer by layer."""
        body = {"model": model, "stream": True}
        async with self._http.lines("/api/pull", partial(fault, model), body) as lines:
            async for said in objects(lines):
                if "error" in said:
                    raise pull_fault(model, str(said["error"]))
                yield PullProgress(said.get("status", ""), said.get("completed", 0), said.get("total", 0))
                if said.get("status") == "success":
                    return
        raise StreamCut(f"Ollama stopped pulling {model} before its end: pull again, it goes on where it stopped")

    async def load(self, model: str) -> None:
        try:
            await self._http.post("/api/generate", partial(fault, model), {"model": model})
        except Unsupported:  # an embedding model is loaded by embedding nothing
            await self._http.post("/api/embed", partial(fault, model), {"model": model, "input": []})
        self._answered[full_name(model)] = time.monotonic()

    async def unload(self, model: str) -> None:
        self._answered.pop(full_name(model), None)
        try:
            await self._http.post("/api/generate", partial(fault, model), {"model": model, "keep_alive": 0})
        except Unsupported:
            body = {"model": model, "input": [], "keep_alive": 0}
            await self._http.post("/api/embed", partial(fault, model), body)

    # Health

    async def health(self) -> Health:
        try:
            version = (await self._http.get("/api/version", partial(fault, ""))).get("version", "")
            count = len(await self.names())
        except EngineUnavailable as error:
            return Health(False, f"{error.message}. Start it with `ollama serve`, or set OLLAMA_BASE_URL")
        except EngineError as error:
            return Health(False, error.message)
        if not count:
            return Health(False, f"Ollama {version} has no model yet. Get one with: ollama pull qwen2.5:0.5b")
        return Health(True, f"Ollama {version} at {self._http.shown}, models: {count}{advice(version)}")


def advice(version: str) -> str:
    """What to say of an old server, empty for a recent one or one that tells no number (`0.0.0`: built from source)."""
    numbers = tuple(int(part) for part in version.split("-")[0].split(".") if part.isdigit())
    if not any(numbers) or numbers >= TRUNCATE_SINCE:
        return ""
    return ". It is older than 0.12.6 and cuts prompts that are too long in silence: update it"


async def objects(lines: Lines) -> AsyncIterator[dict[str, Any]]:
    while burst := await lines.read():
        for line in burst:
            yield parse(line)
