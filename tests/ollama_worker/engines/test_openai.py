"""The OpenAI engine against a fake that speaks OpenAI's protocol, and against llama.cpp's own server."""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ollama_worker.engines.base import (
    ContextTooLong,
    EngineBusy,
    EngineDenied,
    EngineError,
    EngineFailed,
    EngineMissing,
    EngineSilent,
    Finished,
    ModelNotFound,
    OutOfMemory,
    Piece,
    RequestRefused,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.llama_cpp_server import Plan, start, stop
from ollama_worker.engines.openai import OpenAIEngine
from ollama_worker.engines.openai_servers import GOOGLE, OPENAI, PLAIN, Server
from ollama_worker.engines.openai_wire import thinking_of
from ollama_worker.engines.rest import Rest
from tests.ollama_worker.closing import seconds_to_close
from tests.ollama_worker.fake_openai import DONE, VLLM_ENTRY, FakeOpenAI, call, data, delta, fake_openai, usage
from tests.ollama_worker.fake_openai import text as completion
from wire.records import JobRequest, Message

CHAT = JobRequest(model="m", messages=(Message(role="user", content="hi"),))
PNG = "iVBORw0KGgoAAAANSUhEUg=="
SCHEMA = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"], "additionalProperties": False}


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "d", "parameters": {"type": "object"}}}


def chat(**changes: Any) -> JobRequest:
    return CHAT.model_copy(update=changes)


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAI]:
    async with fake_openai() as fake:
        yield fake


@pytest.fixture
async def engine(fake: FakeOpenAI) -> AsyncIterator[OpenAIEngine]:
    engine = OpenAIEngine(fake.url, silence=5)
    yield engine
    await engine.close()


async def answer(engine: OpenAIEngine, ask: JobRequest = CHAT) -> list[Any]:
    return [item async for item in engine.generate(ask)]


def text(items: list[Any]) -> str:
    return "".join(item.text for item in items if isinstance(item, Piece))


async def sent(fake: FakeOpenAI, engine: OpenAIEngine, ask: JobRequest) -> dict[str, Any]:
    """The body that reached the server."""
    await answer(engine, ask)
    return fake.bodies("/v1/chat/completions")[-1]


# Answers


async def test_an_answer_streams_and_ends_with_the_counts(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    items = await answer(engine)
    assert text(items) == "Hello you"
    assert items[-1] == Finished("stop", 7, 3, cached_tokens=5, thinking_tokens=2)
    (body,) = fake.bodies("/v1/chat/completions")
    assert body["stream_options"] == {"include_usage": True}
    assert body["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(("logprobs", "expected"), [("END", "END"), (151645, ""), (None, "")])
async def test_vllm_reports_the_stop_string_and_other_servers_do_not(
    fake: FakeOpenAI, engine: OpenAIEngine, logprobs: object, expected: str
) -> None:
    choice = {"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": logprobs}
    fake.chunks = [delta(content="a"), data({"choices": [choice]}), DONE]
    assert (await answer(engine))[-1].stop_sequence == expected


async def test_the_chunks_of_a_single_read_are_a_single_piece(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.chunks = [delta(content="a") + delta(content="b") + delta("stop") + DONE]
    assert [item for item in await answer(engine) if isinstance(item, Piece)] == [Piece("ab", tokens=2)]


WHOLE = delta(content="aß") + b": keep-alive\r\n\r\nevent: x\n" + delta(content="z").replace(b"data: ", b"data:")


@pytest.mark.parametrize("split", range(1, len(WHOLE), 7))
async def test_a_line_may_be_split_at_any_byte(fake: FakeOpenAI, engine: OpenAIEngine, split: int) -> None:
    fake.chunks = [WHOLE[:split], WHOLE[split:], delta("stop"), DONE]
    assert text(await answer(engine)) == "aßz"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thoughts_come_as_thoughts(fake: FakeOpenAI, engine: OpenAIEngine, field: str) -> None:
    fake.chunks = [delta(**{field: "hm"}), delta(content="so"), delta("stop"), DONE]
    items = await answer(engine)
    assert "".join(item.thinking for item in items if isinstance(item, Piece)) == "hm"
    assert text(items) == "so"


async def test_calls_in_fragments_come_whole_and_in_order(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.chunks = [
        call(0, "now", "", id="call_a") + call(1, "add", '{"x":', id="call_b"),
        call(0, None, "{}") + call(1, None, " 1}"),
        *(delta("tool_calls"), usage(), DONE),
    ]
    items = await answer(engine)
    now = {"id": "call_a", "function": {"name": "now", "arguments": {}}}
    add = {"id": "call_b", "function": {"name": "add", "arguments": {"x": 1}}}
    assert [item.tool_calls for item in items if isinstance(item, Piece)] == [[now, add]]
    assert items[-1].reason == "tool_calls"


@pytest.mark.parametrize(("index", "ids"), [(None, ("1", "2")), (0, ("1", "2")), (None, (None, None))])
async def test_whole_calls_without_an_index_of_their_own_are_kept_apart(
    fake: FakeOpenAI, engine: OpenAIEngine, index: int | None, ids: tuple[str | None, str | None]
) -> None:
    fake.chunks = [call(index, "a", "{}", id=ids[0]), call(index, "b", "{}", id=ids[1]), delta("stop"), DONE]
    items = await answer(engine)
    assert [made["function"]["name"] for made in items[0].tool_calls] == ["a", "b"]
    assert items[-1].reason == "tool_calls", "also where a server says stop"


async def test_a_call_that_the_budget_cut_is_not_sent(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.chunks = [call(0, "a", '{"x": [1,', id="1"), delta("length"), DONE]
    assert [item.reason for item in await answer(engine)] == ["length"]


async def test_arguments_that_are_no_object_are_an_error(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.chunks = [call(0, "a", "[1]", id="1"), delta("tool_calls"), DONE]
    with pytest.raises(EngineError, match="not a JSON object"):
        await answer(engine)


async def test_a_single_call_comes_where_no_more_are_allowed(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.chunks = [call(0, "a", "{}", id="1"), call(1, "b", "{}", id="2"), delta("tool_calls"), DONE]
    items = await answer(engine, chat(tools=(tool("a"), tool("b")), parallel_tool_calls=False))
    assert [made["id"] for item in items if isinstance(item, Piece) for made in item.tool_calls or ()] == ["1"]


@pytest.mark.parametrize(("owner", "expected_tops"), [("me", 1), ("llamacpp", 1), ("vllm", 0)])
async def test_logprobs_without_others_are_requested_as_the_server_sends_them(
    fake: FakeOpenAI, engine: OpenAIEngine, owner: str, expected_tops: int
) -> None:
    """0 turns logprobs off in llama.cpp's server: one other token is requested, and left out of the answer."""
    fake.entries = [{"id": "m", "owned_by": owner}]
    entry = {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "a", "logprob": -0.5}]}
    fake.chunks = [delta(content="a", logprobs={"content": [entry]}), delta("stop"), DONE]
    items = await answer(engine, chat(logprobs=True))
    assert items[0].logprobs == [{"token": "a", "logprob": -0.5}]
    assert fake.bodies("/v1/chat/completions")[0]["top_logprobs"] == expected_tops
    fake.chunks = [completion("a", logprobs={"content": [entry]}), completion("", "stop"), DONE]
    items = await answer(engine, JobRequest(kind="generate", model="m", prompt="x", logprobs=True))
    assert items[0].logprobs == [{"token": "a", "logprob": -0.5}]
    assert fake.bodies("/v1/completions")[0]["logprobs"] == expected_tops


async def test_logprobs_of_all_servers_have_the_same_shape(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    entry = {"id": 3, "token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -1.0}]}
    logprobs = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -1.0}]}
    fake.chunks = [delta(content="a", logprobs={"content": [entry]}), delta("stop"), DONE]
    items = await answer(engine, chat(logprobs=True, top_logprobs=1))
    assert items[0].logprobs == [logprobs]
    assert fake.bodies("/v1/chat/completions")[0]["top_logprobs"] == 1
    old = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"b": -1.0}], "text_offset": [0]}
    fake.chunks = [completion("a", logprobs=old), completion("", "stop"), DONE]
    items = await answer(engine, JobRequest(kind="generate", model="m", prompt="x", logprobs=True, top_logprobs=1))
    assert items[0].logprobs == [{name: logprobs[name] for name in ("token", "logprob", "top_logprobs")}]
    fake.chunks = [completion("a", logprobs={**old, "top_logprobs": None}), completion("", "stop"), DONE]
    items = await answer(engine, JobRequest(kind="generate", model="m", prompt="x", logprobs=True))
    assert items[0].logprobs == [{"token": "a", "logprob": -0.5}]


async def test_a_bare_prompt_goes_to_its_own_route(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.chunks = [completion("a"), completion("b", "length"), usage(), DONE]
    items = await answer(engine, JobRequest(kind="generate", model="m", prompt="x", suffix="y"))
    assert (text(items), items[-1].reason) == ("ab", "length")
    (body,) = fake.bodies("/v1/completions")
    assert (body["prompt"], body["suffix"]) == ("x", "y")


# Request bodies


async def test_options_go_by_the_server_s_names_and_no_others(fake: FakeOpenAI) -> None:
    options = {"temperature": 0.5, "num_predict": 9, "top_k": 3, "repeat_penalty": 1.1, "seed": 7, "stop": ["x"]}
    ask = chat(options={**options, "num_ctx": 4096, "mirostat": 1})
    plain, cloud = OpenAIEngine(fake.url), OpenAIEngine(fake.url, server=OPENAI)
    common = {"temperature": 0.5, "seed": 7, "stop": ["x"]}
    assert sampled(await sent(fake, plain, ask)) == common | {"max_tokens": 9}
    assert sampled(await sent(fake, cloud, ask)) == common | {"max_completion_tokens": 9}
    fake.entries = [VLLM_ENTRY]
    vllm = OpenAIEngine(fake.url)
    assert sampled(await sent(fake, vllm, ask)) == common | {
        "max_tokens": 9,
        "top_k": 3,
        "repetition_penalty": 1.1,
    }
    for engine in (plain, cloud, vllm):
        await engine.close()


GRAMMAR, BIAS = 'root ::= "a"', {"5": -100}
PLAIN_ENTRY = {"id": "m", "object": "model", "owned_by": "me"}
LLAMA_ENTRY = PLAIN_ENTRY | {"owned_by": "llamacpp"}


@pytest.mark.parametrize(
    ("entries", "option", "sent_as"),
    [
        ([VLLM_ENTRY], {"grammar": GRAMMAR}, {"structured_outputs": {"grammar": GRAMMAR}, "guided_grammar": GRAMMAR}),
        ([VLLM_ENTRY], {"regex": "a+"}, {"structured_outputs": {"regex": "a+"}, "guided_regex": "a+"}),
        ([VLLM_ENTRY], {"logit_bias": BIAS}, {"logit_bias": BIAS}),
        ([LLAMA_ENTRY], {"grammar": GRAMMAR, "logit_bias": BIAS}, {"grammar": GRAMMAR, "logit_bias": BIAS}),
        ([LLAMA_ENTRY], {"regex": "a+"}, None),
        ([PLAIN_ENTRY], {"logit_bias": BIAS}, {"logit_bias": BIAS}),
        ([PLAIN_ENTRY], {"grammar": GRAMMAR}, None),
    ],
)
async def test_a_binding_option_goes_to_a_server_that_has_it_and_is_refused_elsewhere(
    fake: FakeOpenAI, engine: OpenAIEngine, entries: Any, option: dict[str, Any], sent_as: dict[str, Any] | None
) -> None:
    fake.entries = entries
    if sent_as is None:
        with pytest.raises(Unsupported, match=f"{next(iter(option))!r}.* or use SLUICE_ENGINE"):
            await sent(fake, engine, chat(options=option))
        assert not fake.bodies("/v1/chat/completions")
    else:
        assert sampled(await sent(fake, engine, chat(options=option))) == sent_as


@pytest.mark.parametrize(
    ("entry", "sent_as"),
    [
        (LLAMA_ENTRY, {"json_schema": SCHEMA}),
        (VLLM_ENTRY, {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}}),
    ],
)
async def test_a_bare_prompt_is_held_to_a_schema_too(
    fake: FakeOpenAI, engine: OpenAIEngine, entry: dict[str, Any], sent_as: dict[str, Any]
) -> None:
    fake.entries, fake.chunks = [entry], [completion("{}"), completion("", "stop"), DONE]
    await answer(engine, JobRequest(kind="generate", model="m", prompt="a", format=SCHEMA))
    [body] = fake.bodies("/v1/completions")
    assert {name: body[name] for name in sent_as} == sent_as


def sampled(body: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in body.items() if name not in ("model", "messages", "stream", "stream_options")
    }


@pytest.mark.parametrize("budget", [0, -1, -2])
async def test_no_limit_is_not_sent_as_a_limit(fake: FakeOpenAI, engine: OpenAIEngine, budget: int) -> None:
    assert "max_tokens" not in await sent(fake, engine, chat(options={"num_predict": budget}))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tool_choice": "none"}, "none"),
        ({"tool_choice": "required"}, "required"),
        ({"tool_choice": "required", "tool_name": "a"}, {"type": "function", "function": {"name": "a"}}),
        ({}, None),
    ],
)
async def test_the_choice_of_tools_is_the_server_s(
    fake: FakeOpenAI, engine: OpenAIEngine, changes: dict[str, Any], expected: Any
) -> None:
    body = await sent(fake, engine, chat(tools=(tool("a"),), **changes))
    assert body["tools"] == [tool("a")]
    assert body.get("tool_choice") == expected


async def test_a_chat_with_tools_keeps_calls_and_answers_together(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    """Also from a protocol without ids, and where answers come in another order."""
    calls = tuple({"function": {"name": name, "arguments": {"x": 1}}} for name in ("a", "b"))
    talk = (
        Message(role="assistant", tool_calls=calls),
        Message(role="tool", tool_name="b", content="B"),
        Message(role="tool", content="A"),
    )
    messages = (await sent(fake, engine, chat(messages=talk)))["messages"]
    first, second = messages[0]["tool_calls"]
    assert first["function"] == {"name": "a", "arguments": '{"x":1}'}
    assert (messages[1]["tool_call_id"], messages[2]["tool_call_id"]) == (second["id"], first["id"])
    assert first["id"] != second["id"]


async def test_several_calls_of_a_tool_are_answered_in_turn(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    calls = tuple({"function": {"name": "a", "arguments": {"x": n}}} for n in range(2))
    answers = (Message(role="tool", tool_name="a", content="0"), Message(role="tool", tool_name="a", content="1"))
    messages = (await sent(fake, engine, chat(messages=(Message(role="assistant", tool_calls=calls), *answers))))[
        "messages"
    ]
    assert [message["tool_call_id"] for message in messages[1:]] == [one["id"] for one in messages[0]["tool_calls"]]


async def test_ids_that_are_there_stay(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    calls = ({"id": "one", "function": {"name": "a", "arguments": {}}},)
    talk = (Message(role="assistant", tool_calls=calls), Message(role="tool", tool_call_id="one", content="A"))
    messages = (await sent(fake, engine, chat(messages=talk)))["messages"]
    assert (messages[0]["tool_calls"][0]["id"], messages[1]["tool_call_id"]) == ("one", "one")


async def test_calls_are_marked_as_not_signed_for_google(fake: FakeOpenAI) -> None:
    engine = OpenAIEngine(fake.url, server=GOOGLE)
    calls = ({"id": "one", "function": {"name": "a", "arguments": {}}},)
    messages = (await sent(fake, engine, chat(messages=(Message(role="assistant", tool_calls=calls),))))["messages"]
    assert "thought_signature" in messages[0]["tool_calls"][0]["extra_content"]["google"]
    await engine.close()


async def test_images_are_sent_as_data(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    seen = Message(role="user", content="what?", images=(PNG, "/9j/4AAQ"))
    (message,) = (await sent(fake, engine, chat(messages=(seen,))))["messages"]
    urls = [part["image_url"]["url"] for part in message["content"][1:]]
    assert message["content"][0] == {"type": "text", "text": "what?"}
    assert urls == [f"data:image/png;base64,{PNG}", "data:image/jpeg;base64,/9j/4AAQ"]


async def test_formats_are_sent_by_the_server_s_names(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    assert (await sent(fake, engine, chat(format="json")))["response_format"] == {"type": "json_object"}
    expected = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    assert (await sent(fake, engine, chat(format=SCHEMA)))["response_format"] == expected


@pytest.mark.parametrize(("schema", "strict"), [(SCHEMA, True), ({**SCHEMA, "required": []}, None), ({}, True)])
async def test_a_cloud_gets_a_schema_as_strict_where_it_can_be(
    fake: FakeOpenAI, schema: Any, strict: bool | None
) -> None:
    engine = OpenAIEngine(fake.url, server=OPENAI)
    demanding = {"type": "function", "function": {**tool("a")["function"], "strict": True}}
    body = await sent(fake, engine, chat(format=schema, tools=(demanding,)))
    assert body["response_format"]["json_schema"].get("strict") is strict
    assert body["tools"] == [demanding]
    await engine.close()


@pytest.mark.parametrize(
    ("entry", "think", "expected"),
    [
        (VLLM_ENTRY, False, {"chat_template_kwargs": {"enable_thinking": False}}),
        (VLLM_ENTRY, "high", {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_effort": "high"}),
        ({"id": "m"}, True, {"reasoning_effort": "medium"}),
        ({"id": "m"}, "low", {"reasoning_effort": "low"}),
        ({"id": "m"}, False, {}),
        ({"id": "m"}, None, {}),
    ],
)
async def test_thinking_is_switched_as_the_server_takes_it(
    fake: FakeOpenAI, engine: OpenAIEngine, entry: dict[str, Any], think: Any, expected: dict[str, Any]
) -> None:
    fake.entries = [entry]
    assert sampled(await sent(fake, engine, chat(think=think))) == expected


@pytest.mark.parametrize(
    ("server", "think", "effort", "expected"),
    [
        (OPENAI, False, "none", {"reasoning_effort": "none"}),
        (OPENAI, False, None, {}),  # from a dialect that only knows a switch
        (OPENAI, "low", "minimal", {"reasoning_effort": "minimal"}),
        (OPENAI, "high", "high", {"reasoning_effort": "high"}),
        (GOOGLE, "high", "xhigh", {"reasoning_effort": "high"}),
        (PLAIN, "high", "xhigh", {"reasoning_effort": "high"}),
        (PLAIN, False, "none", {}),
    ],
)
def test_a_cloud_gets_the_callers_own_word_for_thinking(
    server: Server, think: Any, effort: str | None, expected: dict[str, Any]
) -> None:
    assert thinking_of(chat(think=think, effort=effort), server) == expected


async def test_a_key_is_sent_only_where_there_is_a_key(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    await answer(engine)
    assert fake.keys == {""}
    fake.key = "secret"
    keyed = OpenAIEngine(fake.url, key="secret")
    await answer(keyed)
    assert fake.keys == {"", "Bearer secret"}
    await keyed.close()


# Faults

LONG = "This model's maximum context length is 2048 tokens. However, you requested 3000 tokens"
LLAMA_LONG = "request (955 tokens) exceeds the available context size (512 tokens), try increasing it"


@pytest.mark.parametrize(
    ("status", "sentence", "expected"),
    [
        (400, LONG, ContextTooLong),
        (400, LLAMA_LONG, ContextTooLong),
        (400, "The input token count (1200000) exceeds the maximum number of tokens allowed", ContextTooLong),
        (404, "The model `m` does not exist or you do not have access to it.", ModelNotFound),
        (404, "Nobody here serves m. There are: n", ModelNotFound),
        (404, "models/m is not found for API version v1main", ModelNotFound),
        (400, "m is not a multimodal model", Unsupported),
        (500, "image input is not supported - hint: if this is unexpected, provide the mmproj", Unsupported),
        (400, '"auto" tool choice requires --enable-auto-tool-choice to be set', Unsupported),
        (400, "suffix is not currently supported", Unsupported),
        (401, "Incorrect API key provided", EngineDenied),
        (403, "Country, region, or territory not supported", EngineDenied),
        (403, "Project `proj_1` does not have access to model `m`", ModelNotFound),
        (402, "Insufficient Balance", EngineDenied),
        (429, "You exceeded your current quota, please check your plan and billing details.", EngineDenied),
        (429, "You exceeded your current quota, check your plan and billing. Please retry in 3.2s", EngineBusy),
        (429, "Rate limit reached", EngineBusy),
        (503, "Loading model", EngineBusy),
        (502, "<html>bad gateway</html>", EngineMissing),
        (500, "CUDA out of memory", OutOfMemory),
        (400, "temperature must be non-negative", RequestRefused),
        (422, "field required", RequestRefused),
        (500, "The model produced output that does not match the expected peg-native format", EngineError),
        (500, "Failed to parse input at pos 12: <tool_call>", EngineError),
        (500, "Failed to load image or audio file", RequestRefused),
        (500, "something new", EngineFailed),
    ],
)
async def test_a_refusal_becomes_its_error(
    fake: FakeOpenAI, engine: OpenAIEngine, status: int, sentence: str, expected: type[EngineError]
) -> None:
    fake.status, fake.error = status, sentence
    with pytest.raises(EngineError) as caught:
        await answer(engine)
    assert type(caught.value) is expected


async def test_a_busy_server_gets_no_request_for_a_while(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    engine._rest = Rest(seconds=0.5)
    fake.status, fake.error = 429, "slow down"
    with pytest.raises(EngineBusy):
        await answer(engine)
    seen = len(fake.requests)
    health = await engine.health()
    assert not health.ok and "slow down" in health.detail and len(fake.requests) == seen
    assert await eventually_well(engine)


async def test_embeddings_and_counts_leave_a_busy_server_alone_too(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.status, fake.error = 429, "slow down"
    for attempt in (engine.embed(JobRequest(kind="embed", model="m", inputs=("a",))), engine.count(CHAT)):
        engine._rest = Rest()
        with pytest.raises(EngineBusy):
            await attempt
        assert not (await engine.health()).ok


async def eventually_well(engine: OpenAIEngine) -> bool:
    async with asyncio.timeout(5):
        while not (await engine.health()).ok:
            await asyncio.sleep(0.01)
    return True


async def test_a_missing_route_is_refused_with_an_engine_that_has_it(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.missing = frozenset({"/v1/embeddings", "/v1/completions"})
    with pytest.raises(Unsupported, match="SLUICE_ENGINE=ollama"):
        await engine.embed(JobRequest(kind="embed", model="m", inputs=("a",)))
    with pytest.raises(Unsupported, match="vLLM"):
        await answer(engine, JobRequest(kind="generate", model="m", prompt="x"))


async def test_an_error_in_mid_answer_comes_after_the_text_before_it(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.chunks = [delta(content="so far") + data({"error": {"message": "CUDA out of memory", "code": 500}})]
    got: list[Any] = []
    with pytest.raises(OutOfMemory):
        async for item in engine.generate(CHAT):
            got.append(item)
    assert text(got) == "so far"
    fake.chunks = [data({"error": {"message": "The server had an error", "code": "server_error"}})]
    with pytest.raises(StreamCut):
        await answer(engine)


@pytest.mark.parametrize(
    "chunks",
    [
        [delta(content="half")],
        [delta(content="half"), delta("stop")],  # no end mark
        [delta(content="half"), DONE],  # no reason
        [delta(content="half"), delta("abort"), DONE],
        [delta(content="half"), delta("stop")[:20]],
    ],
)
async def test_an_end_without_the_end_mark_is_a_cut(
    fake: FakeOpenAI, engine: OpenAIEngine, chunks: list[bytes]
) -> None:
    fake.chunks = chunks
    with pytest.raises(StreamCut):
        await answer(engine)


async def test_a_connection_lost_in_mid_answer_is_a_cut(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.chunks, fake.cut = [delta(content="half")], True
    with pytest.raises(StreamCut):
        await answer(engine)


async def test_silence_is_noticed(fake: FakeOpenAI) -> None:
    fake.chunks, fake.hang = [delta(content="one")], True
    engine = OpenAIEngine(fake.url, silence=0.2)
    with pytest.raises(EngineSilent):
        await answer(engine)
    await engine.close()


async def test_closing_early_closes_the_connection_within_100_ms(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    """Also through the wrapper that counts the calls."""
    fake.chunks, fake.hang = [delta(content="one")], True
    for ask in (CHAT, chat(tools=(tool("a"),), parallel_tool_calls=False)):
        assert statistics.median([await seconds_to_close(fake.disconnected, engine, ask) for _ in range(7)]) < 0.1


# The rest


async def test_a_server_that_keeps_to_one_grammar_gets_a_schema_of_a_call_or_the_answer(
    fake: FakeOpenAI, engine: OpenAIEngine
) -> None:
    fake.entries, fake.chunks = (
        [{"id": "m", "owned_by": "llamacpp"}],
        [delta(content='{"name": "a", '), delta(content='"arguments": {}}'), delta("stop"), DONE],
    )
    either = chat(tools=(tool("a"),), format=SCHEMA)
    items = await answer(engine, either)
    body = fake.bodies("/v1/chat/completions")[-1]
    assert "tools" not in body and len(body["response_format"]["json_schema"]["schema"]["anyOf"]) == 2
    assert [item.tool_calls for item in items if isinstance(item, Piece)] == [
        [{"function": {"name": "a", "arguments": {}}}]
    ]
    assert items[-1].reason == "tool_calls"
    fake.entries = [VLLM_ENTRY]
    other = OpenAIEngine(fake.url)
    assert (await sent(fake, other, either))["tools"] == [tool("a")]
    await other.close()


async def test_embeddings_come_in_the_order_of_the_inputs(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    ask = JobRequest(kind="embed", model="m", inputs=("a", "bbb", (1, 2)), dimensions=2)
    embeddings = await engine.embed(ask)
    assert embeddings.vectors == [[1.0, 1.0], [3.0, 1.0], [2.0, 1.0]]
    assert embeddings.prompt_tokens == 4
    assert fake.bodies("/v1/embeddings")[0]["dimensions"] == 2


@pytest.mark.parametrize(
    ("entry", "missing", "expected"),
    [
        (VLLM_ENTRY, "", 11),
        ({"id": "m", "owned_by": "llamacpp"}, "", 12),
        ({"id": "m"}, "", 7),
        (VLLM_ENTRY, "/tokenize", 7),
    ],
)
async def test_a_count_costs_as_little_as_the_server_allows(
    fake: FakeOpenAI, engine: OpenAIEngine, entry: dict[str, Any], missing: str, expected: int
) -> None:
    fake.entries, fake.missing = [entry], frozenset({missing})
    assert await engine.count(chat(tools=(tool("a"),))) == expected
    assert fake.requests[-1][1]["tools"] == [tool("a")]


async def test_models_have_their_window(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.entries = [VLLM_ENTRY, {"id": "l", "meta": {"n_ctx": 512}}, {"id": "models/gemini"}]
    first, second, third = await engine.store.models()
    assert (first.name, first.context_length, first.capabilities) == ("m", 4096, ())
    assert (second.name, second.context_length) == ("l", 512)
    assert (third.name, third.context_length) == ("gemini", 0)


async def test_a_list_that_reports_only_images_does_not_exclude_tools(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    fake.entries = [{"id": "m", "architecture": {"input_modalities": ["text", "image"]}}]
    assert (await engine.store.models())[0].capabilities == ()


async def test_the_list_of_a_remote_server_is_kept_for_a_while(fake: FakeOpenAI) -> None:
    engine = OpenAIEngine(fake.url, list_seconds=60)
    await engine.store.models()
    await engine.store.models()
    assert len(fake.bodies("/v1/models")) == 1
    offered = OpenAIEngine(fake.url, offered=("x",), server=OPENAI)
    assert [model.name for model in await offered.store.models()] == ["x"]
    assert len(fake.bodies("/v1/models")) == 1
    await engine.close()
    await offered.close()


async def test_it_neither_pulls_nor_loads_nor_continues(engine: OpenAIEngine) -> None:
    for attempt in (engine.store.load("m"), engine.store.unload("m"), anext(engine.store.pull("m"))):
        with pytest.raises(Unsupported, match="SLUICE_ENGINE=ollama"):
            await attempt
    assert not await engine.can_continue("m")


async def test_health_names_the_setting_to_correct(fake: FakeOpenAI, engine: OpenAIEngine) -> None:
    assert (await engine.health()).ok
    fake.key = "secret"
    assert "OPENAI_API_KEY" in (await engine.health()).detail
    gone = OpenAIEngine("http://127.0.0.1:9/v1")
    assert "OPENAI_API_BASE_URL" in (await gone.health()).detail
    await gone.close()


# llama.cpp's own server


@pytest.fixture
async def llama(tiny_gguf: Path) -> AsyncIterator[OpenAIEngine]:
    held = [await start(Plan(tiny_gguf, 512, 2))]
    engine = OpenAIEngine(f"{held[0].url}/v1", held[0].key, silence=30)
    yield engine
    await engine.close()
    await stop(held)


async def test_a_real_server_streams_counts_and_refuses(llama: OpenAIEngine) -> None:
    greedy = chat(options={"temperature": 0, "num_predict": 6}, logprobs=True, top_logprobs=2)
    items = await answer(llama, greedy)
    end = items[-1]
    assert (end.reason, end.completion_tokens) == ("length", 6)
    assert len(text(items).split()) > 3
    logprobs = [entry for item in items if isinstance(item, Piece) for entry in item.logprobs or ()]
    assert len(logprobs) == 6 and len(logprobs[0]["top_logprobs"]) == 2
    assert await llama.count(greedy) == end.prompt_tokens
    assert (await answer(llama, greedy))[-1].cached_tokens > 0
    with pytest.raises(ContextTooLong, match="512"):
        await answer(llama, chat(messages=(Message(role="user", content="word " * 600),)))
    with pytest.raises(Unsupported):
        await answer(llama, chat(messages=(Message(role="user", content="see", images=(PNG,)),)))


async def test_a_real_server_keeps_to_a_schema_and_goes_on_behind_a_prompt(llama: OpenAIEngine) -> None:
    assert list(json.loads(text(await answer(llama, chat(format=SCHEMA))))) == ["a"]
    bare = JobRequest(kind="generate", model="m", prompt="the of", options={"temperature": 0, "num_predict": 2})
    assert text(await answer(llama, bare)) == " and to"
    with pytest.raises(Unsupported, match="Infill"):
        await answer(llama, bare.model_copy(update={"suffix": "x"}))
    (model,) = await llama.store.models()
    assert model.context_length == 512
    assert "llama.cpp" in (await llama.health()).detail


async def test_a_real_server_sends_logprobs_and_the_stop_string_and_repeats_a_seeded_answer(
    llama: OpenAIEngine,
) -> None:
    greedy = {"temperature": 0, "num_predict": 20}
    whole = await answer(llama, chat(options=greedy, logprobs=True))
    logprobs = [entry for item in whole if isinstance(item, Piece) for entry in item.logprobs or ()]
    assert "".join(entry["token"] for entry in logprobs) == text(whole)
    assert not any("top_logprobs" in entry for entry in logprobs)
    stop = text(whole).split()[2]
    items = await answer(llama, chat(options={**greedy, "stop": [stop], "seed": 1}))
    assert text(items) == text(whole)[: text(whole).index(stop)]
    assert (items[-1].stop_sequence, items[-1].cached_tokens) == (stop, 0)
    assert items[-1].prompt_tokens == whole[-1].prompt_tokens


async def test_a_real_server_keeps_a_grammar_and_refuses_a_pattern_that_it_would_drop(llama: OpenAIEngine) -> None:
    assert text(await answer(llama, chat(options={"grammar": 'root ::= "yes"'}))) == "yes"
    with pytest.raises(Unsupported, match="cannot keep to the pattern"):
        await answer(llama, chat(format={"type": "string", "pattern": "^(?=a)"}))
