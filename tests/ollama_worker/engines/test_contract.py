"""The contract of every engine: one suite over all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from ollama_worker.engines.base import Engine, Finished, Loading, Piece, Unsupported
from ollama_worker.engines.cloud_anthropic import AnthropicEngine
from ollama_worker.engines.llama_cpp import LlamaCppEngine
from ollama_worker.engines.llama_cpp_server import Plan, start, stop
from ollama_worker.engines.ollama import OllamaEngine
from ollama_worker.engines.openai import OpenAIEngine
from ollama_worker.engines.openai_servers import GOOGLE, OPENAI
from ollama_worker.engines.simulated import SimulatedEngine
from tests.ollama_worker.fake_anthropic import fake_anthropic
from tests.ollama_worker.fake_ollama import fake_ollama
from tests.ollama_worker.fake_openai import fake_openai
from wire.records import JobRequest, Message

CHAT = JobRequest(model="m", messages=(Message(role="user", content="Hello"),), options={"num_predict": 8})
CAPABILITIES = {"completion", "tools", "vision", "thinking", "embedding", "insert"}
ENGINES = ("simulated", "ollama", "llama-cpp", "openai", "openai of llama.cpp", "cloud: openai", "google", "anthropic")


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tiny_gguf: Path) -> AsyncIterator[Engine]:
    async with AsyncExitStack() as stack:
        engine = await made(request.param, tiny_gguf, stack)
        yield engine
        await engine.close()


async def made(which: str, gguf: Path, stack: AsyncExitStack) -> Engine:
    if which == "simulated":
        return SimulatedEngine(["m"], rate=0)
    if which == "ollama":
        return OllamaEngine((await stack.enter_async_context(fake_ollama())).url)
    if which == "llama-cpp":
        return LlamaCppEngine(gguf, "m")
    if which == "openai of llama.cpp":
        held = [await start(Plan(gguf, 512, 1))]
        stack.push_async_callback(stop, held)
        return OpenAIEngine(f"{held[0].url}/v1", held[0].key)
    if which == "anthropic":
        return AnthropicEngine((await stack.enter_async_context(fake_anthropic())).url, "secret")
    url = (await stack.enter_async_context(fake_openai())).url
    return OpenAIEngine(url) if which == "openai" else OpenAIEngine(url, server=GOOGLE if which == "google" else OPENAI)


async def answer(engine: Engine, ask: JobRequest = CHAT) -> list[Any]:
    return [item async for item in engine.generate(ask)]


async def test_an_answer_is_pieces_and_one_end_mark(engine: Engine) -> None:
    items = await answer(engine)
    *before, end = items
    assert isinstance(end, Finished) and end.reason in ("stop", "length")
    assert all(isinstance(item, Piece | Loading) for item in before)
    assert "".join(item.text for item in before if isinstance(item, Piece))
    assert end.prompt_tokens > 0 and end.completion_tokens > 0


async def test_loading_is_reported_at_most_once_and_first(engine: Engine) -> None:
    items = await answer(engine)
    assert [n for n, item in enumerate(items) if isinstance(item, Loading)] in ([], [0])


async def test_an_engine_answers_again_after_an_answer_was_left_early(engine: Engine) -> None:
    stream: Any = engine.generate(CHAT)
    while not isinstance(await anext(stream), Piece):
        pass
    await stream.aclose()
    assert isinstance((await answer(engine))[-1], Finished)


async def test_a_prompt_is_counted(engine: Engine) -> None:
    assert await engine.count(CHAT) > 0


async def test_anthropic_s_models_are_reported_in_our_words(engine: Engine) -> None:
    models = await engine.store.models()
    assert models and all(model.name and set(model.capabilities) <= CAPABILITIES for model in models)


async def test_its_health_is_a_sentence(engine: Engine) -> None:
    health = await engine.health()
    assert health.ok and len(health.detail.split()) > 3


async def test_an_engine_does_an_unusual_thing_or_names_an_engine_that_would(engine: Engine) -> None:
    """Never an error of another kind, and never an answer that ignores the option."""
    for call in (
        engine.embed(JobRequest(kind="embed", model="m", inputs=("a", (1, 2)), dimensions=4)),
        answer(engine, JobRequest(kind="generate", model="m", prompt="x", suffix="y")),
        answer(engine, CHAT.model_copy(update={"logprobs": True})),
        answer(engine, CHAT.model_copy(update={"options": {"num_predict": 8, "grammar": 'root ::= "yes"'}})),
        engine.store.load("m"),
    ):
        try:
            await call
        except Unsupported as error:
            assert any(word in error.message for word in ("SLUICE_ENGINE", "model that can")), error.message


BINDS = {"grammar": 'root ::= "yes"', "regex": "yes", "logit_bias": {"5": -100}}


@pytest.mark.parametrize("option", BINDS)
@pytest.mark.parametrize("kind", ["chat", "generate"])
async def test_a_binding_option_is_sent_or_refused_and_never_ignored(engine: Engine, option: str, kind: Any) -> None:
    bound = {"options": {"num_predict": 8, option: BINDS[option]}, "kind": kind, "prompt": "Hello"}
    try:
        items = await answer(engine, CHAT.model_copy(update=bound))
    except Unsupported as error:
        assert "leave it out" in error.message or kind == "generate"
        return
    assert engine.name in ("openai", "llama-cpp") and option != "regex"
    if option == "grammar":
        assert "".join(item.text for item in items if isinstance(item, Piece)) == "yes"


async def test_an_engine_is_closed_twice_without_harm(engine: Engine) -> None:
    await answer(engine)
    await engine.close()
    await engine.close()
