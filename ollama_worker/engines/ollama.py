"""The main engine: a real Ollama, reached over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Any

from ollama_worker.engines.base import (
    Embeddings,
    EngineError,
    EngineUnavailable,
    Finished,
    Health,
    Item,
    Loading,
    StreamCut,
    Unsupported,
    texts_of,
)
from ollama_worker.engines.call_or_answer import as_either, call_or_answer, is_either
from ollama_worker.engines.continuation import listed, spent
from ollama_worker.engines.forced_call import as_sent, steered
from ollama_worker.engines.http import EngineHttp, fields_of
from ollama_worker.engines.ollama_faults import fault
from ollama_worker.engines.ollama_store import OllamaStore
from ollama_worker.engines.ollama_wire import (
    LACKS,
    NANOSECONDS,
    OllamaReader,
    body_of,
    lacking,
    messages_of,
    needs_of,
)
from ollama_worker.engines.rest import Rest
from ollama_worker.engines.system_messages import SystemMessages
from ollama_worker.engines.vectors import vectors_of
from wire.events import counted
from wire.records import JobRequest, Message

TRUNCATE_SINCE = (0, 12, 6)  # the first Ollama that knows `truncate`: older ones cut a long prompt in silence

# A short talk with every role: it shows what a template does to a last assistant message.
CANARY = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="Hello"),
    Message(role="assistant", content="Hello."),
    Message(role="user", content="Tell a story"),
)
CANARY_PREFILL = "Once upon a"


class OllamaEngine:
    """One Ollama server. `store` remembers what the server has reported of its models."""

    name = "ollama"

    def __init__(self, base_url: str, silence: float = 300.0) -> None:
        """`silence`: after so many seconds without a byte Ollama is taken to hang."""
        self._http = EngineHttp(base_url, "Ollama", silence)
        self.store = OllamaStore(self._http)
        self._rest = Rest(when_away=False)
        self._system = SystemMessages()
        self._open_ended: dict[str, bool] = {}  # template → whether it leaves a last assistant message open

    async def close(self) -> None:
        await self._http.close()

    # Answers

    def generate(self, ask: JobRequest, prefill: str = "") -> AsyncIterator[Item]:
        """Ollama knows no `tool_choice`, and it keeps to a schema or calls tools, but not both. Both are done here."""
        if is_either(ask):
            return call_or_answer(ask, self._answered(as_either(ask), prefill))
        return steered(ask, lambda sent: self._answered(sent, prefill))

    def _answered(self, ask: JobRequest, prefill: str) -> AsyncGenerator[Item]:
        return self._system.answered(ask, lambda sent: self._answer(sent, prefill))

    async def _answer(self, ask: JobRequest, prefill: str) -> AsyncGenerator[Item]:
        await self._refuse_what_it_lacks(ask)
        if await self.store.must_load(ask.model):
            yield Loading(ask.model)
        if prefill:
            if spent(ask):
                yield Finished("length")
                return
            await self._assert_open_end(ask, prefill)
        path, body = body_of(ask, prefill)
        reader = OllamaReader(ask)
        with self._rest.noted():
            async with self._http.lines(path, partial(fault, ask.model), body) as lines:
                while burst := await lines.read():
                    for item in reader.read(burst):
                        if type(item) is Finished:
                            self.store.note_answer(ask.model)
                            yield item
                            return
                        yield item
        # Ollama ends an answer so when a model repeats one token 30 times, and when its runner is killed.
        raise StreamCut("Ollama ended the answer without its end mark")

    async def embed(self, ask: JobRequest) -> Embeddings:
        body: dict[str, Any] = {"model": ask.model, "input": texts_of(ask, self.name), "truncate": False}
        body["options"] = ask.options
        for name in ("keep_alive", "dimensions"):
            if (value := getattr(ask, name)) is not None:
                body[name] = value
        answer = await self._post("/api/embed", ask.model, body)
        load_ms = counted(answer.get("load_duration")) // NANOSECONDS
        return Embeddings(vectors_of(answer.get("embeddings")), counted(answer.get("prompt_eval_count")), load_ms)

    async def count(self, ask: JobRequest) -> int:
        """Ollama reports a prompt's tokens only after it has read the prompt: one token is generated and thrown away.

        The prompt stays in Ollama's cache, so a chat that follows with the same messages does not read it again.
        """
        sent = as_either(as_sent(ask))
        await self._refuse_what_it_lacks(sent)
        _, body = body_of(sent)
        body |= {"stream": False, "options": {**ask.options, "num_predict": 1}}
        answer = await self._post("/api/chat", ask.model, body)
        return counted(answer.get("prompt_eval_count"))

    async def _post(self, path: str, model: str, body: dict[str, Any]) -> dict[str, Any]:
        with self._rest.noted():
            return await self._http.post(path, partial(fault, model), body)

    async def _refuse_what_it_lacks(self, ask: JobRequest) -> None:
        """Raises `Unsupported` for a job that its model cannot do.

        Ollama itself refuses some of these jobs, but it drops images in silence and answers as if there were none. What
        the store remembers lets a job pass; before a job is refused, the model is looked up again.
        """
        needs = needs_of(ask)
        if not needs or not lacking(await self.store.about(ask.model), needs):
            return
        if lack := lacking(await self.store.about(ask.model, again=True), needs):
            raise Unsupported(f"{ask.model} {LACKS[lack]}")

    # Continuing

    async def can_continue(self, model: str) -> bool:
        """See `continuation`. A thinking model cannot: Ollama makes it think unless the request forbids that."""
        shown = await self.store.about(model)
        template = shown.get("template") or ""
        if shown.get("renderer") or "thinking" in (shown.get("capabilities") or ()) or not listed(self.name, template):
            return False
        if template not in self._open_ended:
            canary = JobRequest(model=model, messages=CANARY)
            self._open_ended[template] = await self._leaves_open(canary, CANARY_PREFILL)
        return self._open_ended[template]

    async def _assert_open_end(self, ask: JobRequest, prefill: str) -> None:
        if not await self._leaves_open(ask, prefill):
            raise Unsupported(f"{ask.model}'s template would not continue this answer but begin a new one")

    async def _leaves_open(self, ask: JobRequest, prefill: str) -> bool:
        """Whether the prompt that Ollama renders with the prefill is the prompt without it, plus the prefill."""
        before, after = await self._rendered(ask), await self._rendered(ask, prefill)
        return before is not None and after == before + prefill

    async def _rendered(self, ask: JobRequest, prefill: str = "") -> str | None:
        """The prompt as Ollama would give it to the model; None where this Ollama cannot render it (before 0.12)."""
        body = {"model": ask.model, "messages": messages_of(ask, prefill), "stream": False, "truncate": False}
        # An Ollama that does not know `_debug_render_only` answers instead, with one token, which is ignored.
        body |= {"_debug_render_only": True, "options": {**ask.options, "num_predict": 1}}
        answer = await self._post("/api/chat", ask.model, body)
        rendered = fields_of(answer.get("_debug_info")).get("rendered_template")
        return rendered if isinstance(rendered, str) else None

    # Health

    async def health(self) -> Health:
        if resting := self._rest.health():
            return resting
        try:
            version = str((await self._http.get("/api/version", partial(fault, ""))).get("version", ""))
            count = len(await self.store.names())
        except EngineUnavailable as error:
            return Health(False, f"{error.message}. Start it with `ollama serve`, or set OLLAMA_BASE_URL")
        except EngineError as error:
            return Health(False, error.message)
        if not count:
            return Health(False, f"Ollama {version} has no model yet. Get one with: ollama pull qwen2.5:0.5b")
        return Health(True, f"Ollama {version} at {self._http.shown}, models: {count}{advice(version)}")


def advice(version: str) -> str:
    """A sentence about an old server; empty for a recent one, and for `0.0.0`, which was built from source."""
    numbers = tuple(int(part) for part in version.split("-")[0].split(".") if part.isdigit())
    if not any(numbers) or numbers >= TRUNCATE_SINCE:
        return ""
    return ". It is older than 0.12.6 and cuts prompts that are too long in silence: update it"
