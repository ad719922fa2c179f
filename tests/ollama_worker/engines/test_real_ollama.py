"""The Ollama engine against a real Ollama, run by tests/real_ollama.sh: it checks the claims of the fake."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ollama_worker.engines.base import (
    ContextTooLong,
    EngineError,
    Finished,
    Loading,
    ModelNotFound,
    Piece,
    RequestRefused,
    Unsupported,
)
from ollama_worker.engines.ollama import OllamaEngine
from ollama_worker.engines.store import ModelInfo
from tests.ollama_worker.real_ollama import RealOllama, real_ollama
from tests.tiny_gguf import make_tiny_gguf
from wire.records import JobRequest, Message

pytestmark = pytest.mark.real_ollama

# The ChatML of the Qwen 2.5 models in Ollama's library: a last assistant message is left open.
OPEN_CHATML = """{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
<|im_start|>{{ .Role }}
{{ .Content }}{{ if not (and $last (eq .Role "assistant")) }}<|im_end|>
{{ end }}
{{- if and $last (ne .Role "assistant") }}<|im_start|>assistant
{{ end }}
{{- end }}"""

TALK = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="Hello"),
    Message(role="assistant", content="Hi."),
    Message(role="user", content="Say more"),
)
GREEDY = {"temperature": 0, "num_predict": 40, "num_ctx": 2048}
CHAT = JobRequest(model="tiny", messages=TALK, options=GREEDY)
LONG_CHAT = JobRequest(model="tiny", messages=(Message(role="user", content="word " * 3000),), options=GREEDY)


@pytest.fixture(scope="session")
def ollama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealOllama]:
    binary = os.environ.get("OLLAMA_BINARY")
    if not binary:
        pytest.fail("needs a real Ollama: run tests/real_ollama.sh")
    folder = tmp_path_factory.mktemp("ollama")
    chat = make_tiny_gguf(folder / "chat.gguf", ctx=32768)
    with real_ollama(binary, folder) as server:
        server.create("tiny", chat, OPEN_CHATML)
        # A file of its own: /api/ps lists one name only for two models that share their weights.
        server.create("closing", make_tiny_gguf(folder / "closing.gguf", ctx=4096))
        server.create("embedder", make_tiny_gguf(folder / "embed.gguf", embedding=True))
        yield server


@pytest.fixture
async def engine(ollama: RealOllama) -> AsyncIterator[OllamaEngine]:
    engine = OllamaEngine(ollama.url, silence=60)
    yield engine
    await engine.close()


async def answer(engine: OllamaEngine, ask: JobRequest, prefill: str = "") -> list[object]:
    return [item async for item in engine.generate(ask, prefill)]


def text(items: list[object]) -> str:
    return "".join(item.text for item in items if isinstance(item, Piece))


def chat(**changes: object) -> JobRequest:
    return CHAT.model_copy(update=changes)


async def test_a_first_answer_loads_the_model_streams_and_counts(engine: OllamaEngine) -> None:
    await engine.store.unload("tiny")
    await until_loaded(engine, "tiny:latest", False)
    first, second = await answer(engine, CHAT), await answer(engine, CHAT)
    assert first[0] == Loading("tiny") and Loading("tiny") not in second
    assert len(text(second).split()) == 40
    end = second[-1]
    assert isinstance(end, Finished)
    assert (end.reason, end.completion_tokens) == ("length", 40) and end.prompt_tokens > 40
    assert sum(item.tokens for item in second if isinstance(item, Piece)) == 40


async def test_a_bare_prompt_gets_no_template_around_it(engine: OllamaEngine) -> None:
    items = await answer(engine, JobRequest(model="tiny", kind="generate", prompt="the of", options=GREEDY))
    assert text(items).startswith(" and to in is") and len(text(items).split()) == 40
    end = items[-1]
    assert isinstance(end, Finished) and end.prompt_tokens <= 3


async def test_a_count_is_what_an_answer_reports_cached_or_not(engine: OllamaEngine) -> None:
    ask = chat(messages=(*TALK, Message(role="user", content="water people time")))
    first, second = await engine.count(ask), await engine.count(ask)
    end = (await answer(engine, ask))[-1]
    assert isinstance(end, Finished) and first == second == end.prompt_tokens


TOOL = {
    "type": "function",
    "function": {
        "name": "switch",
        "parameters": {
            "type": "object",
            "properties": {"p": {"$ref": "#/$defs/Part"}},
            "required": ["p"],
            "$defs": {
                "Part": {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]},
            },
        },
    },
}


async def test_a_forced_call_is_made_by_a_model_that_was_never_taught_to(engine: OllamaEngine) -> None:
    other = {"type": "function", "function": {"name": "other"}}
    named = chat(tools=(TOOL, other), tool_choice="required", tool_name="switch", options={"temperature": 0})
    items = await answer(engine, named)
    (call,) = [call["function"] for item in items if isinstance(item, Piece) for call in item.tool_calls or ()]
    assert call["name"] == "switch" and isinstance(call["arguments"]["p"]["on"], bool)


async def test_logprobs_come_with_every_token(engine: OllamaEngine) -> None:
    items = await answer(engine, chat(logprobs=True, top_logprobs=2))
    entries = [entry for item in items if isinstance(item, Piece) for entry in item.logprobs or ()]
    assert "".join(entry["token"] for entry in entries) == text(items)
    assert len(entries[0]["top_logprobs"]) == 2


@pytest.mark.parametrize("changes", [{"tools": (TOOL,)}, {"think": True}, {"kind": "generate", "suffix": "x"}])
async def test_a_job_that_its_model_cannot_do_is_refused(engine: OllamaEngine, changes: dict[str, object]) -> None:
    with pytest.raises(Unsupported, match="Use a model that can"):
        await answer(engine, chat(**changes))


async def test_a_stop_string_ends_an_answer(engine: OllamaEngine) -> None:
    whole = text(await answer(engine, CHAT))
    stop = whole.split()[5]
    items = await answer(engine, chat(options={**GREEDY, "stop": [stop]}))
    assert text(items) == whole[: whole.index(stop)]
    assert isinstance(items[-1], Finished) and items[-1].reason == "stop"


async def test_closing_early_stops_ollama(engine: OllamaEngine) -> None:
    """With one slot in Ollama, the next answer would have to wait for the end of a long one."""
    endless = chat(options={"temperature": 0, "num_predict": 30_000, "num_ctx": 32_768})
    await answer(engine, endless.model_copy(update={"options": {**endless.options, "num_predict": 1}}))
    stream: Any = engine.generate(endless)
    assert isinstance(await anext(stream), Piece)
    await stream.aclose()
    since = time.monotonic()
    await answer(engine, endless.model_copy(update={"options": {**endless.options, "num_predict": 1}}))
    assert time.monotonic() - since < 1


async def test_a_full_window_ends_in_length(engine: OllamaEngine) -> None:
    items = await answer(engine, chat(options={"temperature": 0, "num_predict": 5000, "num_ctx": 256}))
    assert isinstance(items[-1], Finished)
    assert items[-1].reason == "length" and items[-1].completion_tokens < 256


# Refusals


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (LONG_CHAT, ContextTooLong),
        (JobRequest(model="tiny", kind="generate", prompt="word " * 3000, options=GREEDY), ContextTooLong),
        (chat(model="nobody-has-this"), ModelNotFound),
        (chat(tools=({"type": "function", "function": {"name": "now", "parameters": {}}},)), Unsupported),
        (chat(think=True), Unsupported),
        (chat(options={"num_predict": "many"}), RequestRefused),
        (chat(format={"type": "nonsense"}), RequestRefused),
        (chat(messages=(Message(role="user", content="look", images=("aGk=",)),)), Unsupported),
        (chat(messages=()), RequestRefused),
    ],
)
async def test_each_refusal_has_its_own_error(
    engine: OllamaEngine, ask: JobRequest, expected: type[EngineError]
) -> None:
    with pytest.raises(EngineError) as caught:
        await answer(engine, ask)
    assert type(caught.value) is expected, caught.value


async def test_a_runner_that_is_killed_is_a_failure_that_may_be_retried(
    ollama: RealOllama, engine: OllamaEngine
) -> None:
    endless = chat(options={"temperature": 0, "num_predict": 30_000, "num_ctx": 32_768})
    got: list[object] = []
    with pytest.raises(EngineError) as caught:
        async for item in engine.generate(endless):
            got.append(item)
            if len(got) == 5:
                for pid in ollama.runners():
                    os.kill(pid, signal.SIGKILL)
    assert caught.value.retryable
    assert not any(isinstance(item, Finished) for item in got)
    assert len(text(await answer(engine, CHAT)).split()) == 40, "Ollama starts a new runner"


# Continuing


async def test_chatml_continues_behind_a_prefill(engine: OllamaEngine) -> None:
    """The evidence for (ollama, chatml): the prompt is the first one plus the text so far, and so is the answer."""
    assert await engine.can_continue("tiny")
    before = await engine._rendered(CHAT)
    assert before is not None and before.endswith("<|im_start|>user\nSay more<|im_end|>\n<|im_start|>assistant\n")
    assert await engine._rendered(CHAT, " two more") == before + " two more"
    words = text(await answer(engine, CHAT)).split()
    for cut in (1, 20, 39):
        prefill = " " + " ".join(words[:cut])
        left = chat(options={**GREEDY, "num_predict": 40 - cut})
        assert text(await answer(engine, left, prefill)).split() == words[cut:]


async def test_a_template_that_ends_the_turn_is_not_continued(engine: OllamaEngine) -> None:
    """Ollama's own "chatml" closes a last assistant message and opens another: the answer would begin anew."""
    assert "<|im_start|>" in (await engine.store._show("closing"))["template"]
    assert not await engine.can_continue("closing")


# The rest


async def test_embedding_depends_on_the_text_and_not_on_its_neighbours(engine: OllamaEngine) -> None:
    both = await engine.embed(JobRequest(kind="embed", model="embedder", inputs=("water", "people time")))
    alone = await engine.embed(JobRequest(kind="embed", model="embedder", inputs=("people time",)))
    assert both.vectors[1] == pytest.approx(alone.vectors[0], abs=1e-3)
    assert both.vectors[0] != pytest.approx(both.vectors[1], abs=1e-2)


async def test_embedding_too_long_a_text_is_refused(engine: OllamaEngine) -> None:
    with pytest.raises(ContextTooLong):
        await engine.embed(JobRequest(kind="embed", model="embedder", inputs=("word " * 3000,)))


async def until_loaded(engine: OllamaEngine, model: str, loaded: bool) -> ModelInfo:
    """Ollama's list follows within a moment: it unloads in the background."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        info = {info.name: info for info in await engine.store.models()}[model]
        if info.loaded is loaded:
            return info
    raise AssertionError(f"{model} never became loaded={loaded}")


async def test_models_loading_and_unloading(engine: OllamaEngine) -> None:
    await engine.store.load("tiny")
    assert "completion" in (await until_loaded(engine, "tiny:latest", True)).capabilities
    await engine.store.unload("tiny")
    await until_loaded(engine, "tiny:latest", False)


async def test_an_embedding_model_can_be_loaded_too(engine: OllamaEngine) -> None:
    await engine.store.load("embedder")
    assert (await until_loaded(engine, "embedder:latest", True)).capabilities == ("embedding",)
    await engine.store.unload("embedder")
    await until_loaded(engine, "embedder:latest", False)


async def test_health(engine: OllamaEngine, ollama: RealOllama) -> None:
    health = await engine.health()
    assert health.ok and ollama.url in health.detail
