"""The engine of Anthropic's cloud against a fake that speaks its protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ollama_worker.engines.base import (
    ContextTooLong,
    EngineBusy,
    EngineDenied,
    EngineError,
    EngineFailed,
    EngineUnavailable,
    Finished,
    ModelNotFound,
    Piece,
    RequestRefused,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.cloud_anthropic import AnthropicEngine
from tests.ollama_worker.fake_anthropic import (
    HELLO,
    FakeAnthropic,
    begin,
    block,
    delta,
    end,
    event,
    fake_anthropic,
    supported,
    text,
)
from wire.records import JobRequest, Message

CHAT = JobRequest(model="m", messages=(Message(role="system", content="Be brief."), Message(role="user", content="hi")))
TOOL = {"type": "function", "function": {"name": "add", "description": "sum", "parameters": {"type": "object"}}}
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}


def chat(**changes: Any) -> JobRequest:
    return CHAT.model_copy(update=changes)


@pytest.fixture
async def fake() -> AsyncIterator[FakeAnthropic]:
    async with fake_anthropic() as fake:
        yield fake


@pytest.fixture
async def engine(fake: FakeAnthropic) -> AsyncIterator[AnthropicEngine]:
    engine = AnthropicEngine(fake.url, "secret", silence=5, list_seconds=60)
    yield engine
    await engine.close()


async def answer(engine: AnthropicEngine, ask: JobRequest = CHAT) -> list[Any]:
    return [item async for item in engine.generate(ask)]


def text_of(items: list[Any]) -> str:
    return "".join(item.text for item in items if isinstance(item, Piece))


async def sent(fake: FakeAnthropic, engine: AnthropicEngine, ask: JobRequest) -> dict[str, Any]:
    await answer(engine, ask)
    return fake.bodies()[-1]


async def test_an_answer_streams_and_ends_with_the_counts(fake: FakeAnthropic, engine: AnthropicEngine) -> None:
    fake.chunks = [begin(cache_read_input_tokens=20, cache_creation_input_tokens=5), *HELLO[1:]]
    items = await answer(engine)
    assert text_of(items) == "Hello you"
    assert items[-1] == Finished("stop", 32, 3, cached_tokens=20)
    (body,) = fake.bodies()
    assert body["system"] == "Be brief."
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    assert (body["max_tokens"], body["stream"]) == (8192, True)


async def test_options_go_by_their_names(fake: FakeAnthropic, engine: AnthropicEngine) -> None:
    options = {"temperature": 0.5, "top_k": 3, "top_p": 0.9, "stop": "x", "num_predict": 9, "seed": 7, "min_p": 0.1}
    body = await sent(fake, engine, chat(options=options))
    assert {name: body[name] for name in ("temperature", "top_k", "stop_sequences", "max_tokens")} == {
        "temperature": 0.5,
        "top_k": 3,
        "stop_sequences": ["x"],
        "max_tokens": 9,
    }
    assert not {"seed", "min_p", "top_p"} & body.keys()


async def test_calls_come_whole(fake: FakeAnthropic, engine: AnthropicEngine) -> None:
    fake.chunks = [
        *(begin(), block(0, type="text", text="Let me see."), event("content_block_stop", index=0)),
        block(1, type="tool_use", id="t1", name="add", input={}),
        delta(1, type="input_json_delta", partial_json='{"x"') + delta(1, type="input_json_delta", partial_json=": 1}"),
        block(2, type="tool_use", id="t2", name="now", input={}) + delta(2, type="input_json_delta", partial_json=""),
        end("tool_use", output_tokens_details={"thinking_tokens": 2}),
    ]
    items = await answer(engine, chat(tools=(TOOL,)))
    assert text_of(items) == "Let me see."
    add = {"id": "t1", "function": {"name": "add", "arguments": {"x": 1}}}
    assert items[-2].tool_calls == [add, {"id": "t2", "function": {"name": "now", "arguments": {}}}]
    assert (items[-1].reason, items[-1].thinking_tokens) == ("tool_calls", 2)
    tool = {"name": "add", "description": "sum", "input_schema": {"type": "object"}}
    assert fake.bodies()[0]["tools"] == [tool]


@pytest.mark.parametrize(
    ("changes", "choice"),
    [
        ({}, {"type": "auto"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "required", "tool_name": "add"}, {"type": "tool", "name": "add"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
async def test_the_choice_of_tools_is_theirs(
    fake: FakeAnthropic, engine: AnthropicEngine, changes: dict[str, Any], choice: dict[str, Any]
) -> None:
    assert (await sent(fake, engine, chat(tools=(TOOL,), **changes)))["tool_choice"] == choice


@pytest.mark.parametrize("holds", [True, False])
async def test_a_strict_tool_is_strict_for_a_model_that_holds_to_schemas(
    fake: FakeAnthropic, engine: AnthropicEngine, holds: bool
) -> None:
    fake.entries = [{"id": "m", "capabilities": {"structured_outputs": {"supported": holds}}}]
    strict = {"type": "function", "function": {**TOOL["function"], "strict": True}}
    (held, plain) = (await sent(fake, engine, chat(tools=(strict, TOOL))))["tools"]
    assert (held.get("strict"), plain.get("strict")) == (True if holds else None, None)


async def test_a_chat_with_tools_and_images_becomes_turns(fake: FakeAnthropic, engine: AnthropicEngine) -> None:
    calls = tuple({"function": {"name": name, "arguments": {}}} for name in ("a", "b"))
    talk = (
        Message(role="user", content="see", images=("/9j/4AAQ",)),
        Message(role="assistant", tool_calls=calls),
        Message(role="tool", tool_name="a", content="A"),
        Message(role="tool", tool_name="b", content="B"),
        Message(role="user", content="and?"),
    )
    user, assistant, results = (await sent(fake, engine, chat(messages=talk)))["messages"]
    source = {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"}
    assert user["content"] == [{"type": "image", "source": source}, {"type": "text", "text": "see"}]
    ids = [part["id"] for part in assistant["content"]]
    assert [part.get("tool_use_id") for part in results["content"]] == [*ids, None]
    assert results["role"] == "user" and results["content"][2] == {"type": "text", "text": "and?"}


@pytest.mark.parametrize(
    ("able", "think", "expected"),
    [
        (supported("thinking", "adaptive"), True, {"type": "adaptive", "display": "summarized"}),
        (supported("thinking", "enabled"), True, {"type": "enabled", "budget_tokens": 4096}),
        (supported("thinking", "enabled"), "low", {"type": "enabled", "budget_tokens": 1024}),
        (supported("thinking", "enabled", "disabled"), False, {"type": "disabled"}),
        (supported("thinking", "adaptive"), False, None),
        (supported("thinking", "adaptive"), None, None),
    ],
)
async def test_thinking_is_requested_as_the_model_accepts_it(
    fake: FakeAnthropic, engine: AnthropicEngine, able: dict[str, Any], think: Any, expected: Any
) -> None:
    fake.entries = [{"id": "m", "max_tokens": 8192, "capabilities": able}]
    body = await sent(fake, engine, chat(think=think, options={"temperature": 0.5}))
    assert body.get("thinking") == expected
    assert ("temperature" in body) is (expected is None or expected["type"] == "disabled")


async def test_a_level_of_thought_is_an_effort(fake: FakeAnthropic, engine: AnthropicEngine) -> None:
    fake.entries = [{"id": "m", "capabilities": supported("thinking", "adaptive")}]
    assert (await sent(fake, engine, chat(think="high")))["output_config"] == {"effort": "high"}


@pytest.mark.parametrize(
    "changes",
    [
        {"tools": (TOOL,), "tool_choice": "required"},
        {"messages": (*CHAT.messages, Message(role="tool", content="A", tool_call_id="t1"))},
        {"options": {"num_predict": 1000}},
    ],
)
async def test_no_thought_is_requested_where_anthropic_would_refuse_it(
    fake: FakeAnthropic, engine: AnthropicEngine, changes: dict[str, Any]
) -> None:
    assert "thinking" not in await sent(fake, engine, chat(think=True, **changes))


async def test_thoughts_come_as_thoughts(fake: FakeAnthropic, engine: AnthropicEngine) -> None:
    fake.chunks = [
        *(begin(), block(0, type="thinking", thinking=""), delta(0, type="thinking_delta", thinking="hm")),
        *(delta(0, type="signature_delta", signature="xyz"), block(1, type="text", text=""), text("so", 1), end()),
    ]
    items = await answer(engine)
    assert "".join(item.thinking for item in items if isinstance(item, Piece)) == "hm"
    assert text_of(items) == "so"


async def test_a_schema_is_kept_to(fake: FakeAnthropic, engine: AnthropicEngine) -> None:
    body = await sent(fake, engine, chat(format=SCHEMA))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}


@pytest.mark.parametrize(
    "ask",
    [
        chat(format="json"),
        chat(logprobs=True),
        JobRequest(kind="generate", model="m", prompt="x"),
    ],
)
async def test_a_job_that_no_model_of_anthropic_s_can_do_is_refused_here(
    fake: FakeAnthropic, engine: AnthropicEngine, ask: JobRequest
) -> None:
    with pytest.raises(Unsupported, match=r"use (SLUICE_ENGINE=|another model)"):
        await answer(engine, ask)
    with pytest.raises(Unsupported, match="SLUICE_ENGINE="):
        await engine.embed(JobRequest(kind="embed", model="m", inputs=("a",)))
    assert not fake.bodies()


@pytest.mark.parametrize(
    ("reason", "expected"), [("max_tokens", "length"), ("stop_sequence", "stop"), ("refusal", "content_filter")]
)
async def test_reasons_are_ours(fake: FakeAnthropic, engine: AnthropicEngine, reason: str, expected: str) -> None:
    fake.chunks = [*HELLO[:-1], end(reason)]
    assert (await answer(engine))[-1].reason == expected


async def test_a_stop_sequence_is_reported(fake: FakeAnthropic, engine: AnthropicEngine) -> None:
    stop = event("message_delta", delta={"stop_reason": "stop_sequence", "stop_sequence": "END"}, usage={})
    fake.chunks = [*HELLO[:-1], stop, event("message_stop")]
    assert (await answer(engine))[-1].stop_sequence == "END"
    fake.chunks = HELLO
    assert (await answer(engine))[-1].stop_sequence == ""


@pytest.mark.parametrize(
    ("status", "kind", "sentence", "expected"),
    [
        (400, "invalid_request_error", "prompt is too long: 200251 tokens > 200000 maximum", ContextTooLong),
        (400, "invalid_request_error", "messages: roles must alternate", RequestRefused),
        (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API", EngineDenied),
        (401, "authentication_error", "invalid x-api-key", EngineDenied),
        (403, "permission_error", "Your API key may not use the model: m", ModelNotFound),
        (404, "not_found_error", "model: m", ModelNotFound),
        (429, "rate_limit_error", "slow down", EngineBusy),
        (529, "overloaded_error", "Overloaded", EngineBusy),
        (500, "api_error", "Internal server error", EngineFailed),
    ],
)
async def test_a_refusal_becomes_its_error(
    fake: FakeAnthropic, engine: AnthropicEngine, status: int, kind: str, sentence: str, expected: type[EngineError]
) -> None:
    fake.status, fake.error = status, (kind, sentence)
    with pytest.raises(EngineError) as caught:
        await answer(engine)
    assert type(caught.value) is expected


async def test_an_error_in_mid_answer_comes_after_the_text_before_it(
    fake: FakeAnthropic, engine: AnthropicEngine
) -> None:
    wrong = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    fake.chunks = [b"".join([*HELLO[:4], wrong])]
    got: list[Any] = []
    with pytest.raises(EngineUnavailable):
        async for item in engine.generate(CHAT):
            got.append(item)
    assert text_of(got) == "Hello"


NO_REASON = [*HELLO[:-1], event("message_stop")]


@pytest.mark.parametrize(
    "chunks", [HELLO[:-1], [*HELLO[:-1], end().split(b"event: message_stop")[0]], [begin()], NO_REASON]
)
async def test_an_end_without_the_end_mark_is_a_cut(
    fake: FakeAnthropic, engine: AnthropicEngine, chunks: list[bytes]
) -> None:
    fake.chunks = chunks
    with pytest.raises(StreamCut):
        await answer(engine)


async def test_closing_early_closes_the_connection(fake: FakeAnthropic, engine: AnthropicEngine) -> None:
    fake.chunks, fake.hang = HELLO[:5], True
    stream = engine.generate(CHAT)
    assert isinstance(await anext(stream), Piece)
    await stream.aclose()
    await asyncio.wait_for(fake.disconnected.wait(), 2)


async def test_a_count_has_a_route_of_its_own(fake: FakeAnthropic, engine: AnthropicEngine) -> None:
    assert await engine.count(chat(tools=(TOOL,))) == 21
    (body,) = fake.bodies("/v1/messages/count_tokens")
    assert body["tools"] and body["system"] and not {"stream", "max_tokens"} & body.keys()


async def test_models_have_their_capabilities(fake: FakeAnthropic, engine: AnthropicEngine) -> None:
    able = supported("image_input", "thinking")
    fake.entries = [{"id": "m", "max_input_tokens": 200_000, "capabilities": able}, {"id": "n"}]
    first, second = await engine.store.models()
    assert (first.context_length, first.capabilities) == (200_000, ("completion", "tools", "vision", "thinking"))
    assert second.capabilities == ()
    await engine.store.models()
    await answer(engine)
    assert len(fake.bodies("/v1/models")) == 1


async def test_only_offered_models_are_listed(fake: FakeAnthropic) -> None:
    able = supported("thinking")
    fake.entries = [{"id": "m", "max_input_tokens": 9, "capabilities": able}, {"id": "n"}]
    engine = AnthropicEngine(fake.url, "secret", offered=("m", "m-latest"))
    model, unlisted = await engine.store.models()
    assert (model.name, model.context_length, model.capabilities) == ("m", 9, ("completion", "tools", "thinking"))
    assert (unlisted.name, unlisted.capabilities) == ("m-latest", ()), "nothing is known of what is not listed"
    await engine.close()


async def test_it_neither_pulls_nor_loads_nor_continues(engine: AnthropicEngine) -> None:
    for call in (engine.store.load("m"), engine.store.unload("m"), anext(engine.store.pull("m"))):
        with pytest.raises(Unsupported, match="SLUICE_ENGINE=ollama"):
            await call
    assert not await engine.can_continue("m")


async def test_a_wrong_key_is_reported_by_its_variable(fake: FakeAnthropic) -> None:
    engine = AnthropicEngine(fake.url, "wrong")
    health = await engine.health()
    assert not health.ok and "ANTHROPIC_API_KEY" in health.detail
    await engine.close()
