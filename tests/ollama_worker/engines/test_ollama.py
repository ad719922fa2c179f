"""The Ollama engine against a fake that speaks Ollama's protocol and misbehaves on demand."""

from __future__ import annotations

import asyncio
import socket
import statistics
from collections.abc import AsyncIterator
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
    EngineUnavailable,
    Finished,
    Loading,
    ModelNotFound,
    OutOfMemory,
    Piece,
    RequestRefused,
    StreamCut,
    Unsupported,
)
from ollama_worker.engines.forced_call import schema_of
from ollama_worker.engines.ollama import OllamaEngine
from ollama_worker.engines.store import PullProgress
from tests.ollama_worker.closing import seconds_to_close
from tests.ollama_worker.fake_ollama import FakeOllama, chat_line, end, fake_ollama
from wire.records import JobRequest, Message

CHAT = JobRequest(model="m", messages=(Message(role="user", content="hi"),))
PICTURE = JobRequest(model="m", messages=(Message(role="user", content="what is it?", images=("aGk=",)),))


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with fake_ollama() as fake:
        yield fake


@pytest.fixture
async def engine(fake: FakeOllama) -> AsyncIterator[OllamaEngine]:
    engine = OllamaEngine(fake.url, silence=5)
    yield engine
    await engine.close()


async def answer(engine: OllamaEngine, ask: JobRequest = CHAT, prefill: str = "") -> list[object]:
    return [item async for item in engine.generate(ask, prefill)]


def text(items: list[object]) -> str:
    return "".join(item.text for item in items if isinstance(item, Piece))


async def test_an_answer_streams_and_ends_with_the_counts(fake: FakeOllama, engine: OllamaEngine) -> None:
    items = await answer(engine)
    assert text(items) == "Hello you"
    assert items[-1] == Finished("stop", 7, 3, load_ms=2, prompt_ms=0, generate_ms=9)


async def test_the_lines_of_a_single_read_are_a_single_piece(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks = [chat_line("a") + chat_line("b") + chat_line("c") + end()]
    pieces = [item for item in await answer(engine) if isinstance(item, Piece)]
    assert pieces == [Piece("abc", tokens=3)]


@pytest.mark.parametrize("split", range(1, len(chat_line("aß")) + len(chat_line("z"))))
async def test_a_line_may_be_split_at_any_byte(fake: FakeOllama, engine: OllamaEngine, split: int) -> None:
    whole = chat_line("aß") + chat_line("z")
    fake.chunks = [whole[:split], whole[split:], end()]
    items = await answer(engine)
    assert text(items) == "aßz"
    assert sum(item.tokens for item in items if isinstance(item, Piece)) == 2


async def test_a_prompt_is_never_cut_in_silence(fake: FakeOllama, engine: OllamaEngine) -> None:
    await answer(engine)
    (body,) = fake.bodies("/api/chat")
    assert (body["truncate"], body["shift"]) == (False, False)


async def test_a_bare_prompt_gets_no_template_around_it(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks = [b'{"response":"ab","thinking":"hm","done":false}\n', b'{"response":"","done":true}\n']
    items = await answer(engine, JobRequest(model="m", kind="generate", prompt="x"))
    assert Piece("ab", "hm") in items
    (body,) = fake.bodies("/api/generate")
    assert (body["prompt"], body["raw"]) == ("x", True)


async def test_filling_in_before_a_suffix_needs_the_template(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.models["m:latest"] = {"capabilities": ["completion", "insert"]}
    fake.chunks = [b'{"response":"ab","done":true}\n']
    await answer(engine, JobRequest(model="m", kind="generate", prompt="x", suffix="y"))
    (body,) = fake.bodies("/api/generate")
    assert body["suffix"] == "y" and "raw" not in body


async def test_tool_calls_end_in_tool_calls(fake: FakeOllama, engine: OllamaEngine) -> None:
    call = {"function": {"name": "now", "arguments": {}}}
    fake.chunks = [chat_line("", tool_calls=[call]), end()]
    items = await answer(engine)
    assert Piece(tool_calls=[call]) in items
    assert isinstance(items[-1], Finished) and items[-1].reason == "tool_calls"


async def test_a_count_generates_one_token(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks = [end("length", prompt_eval_count=41)]
    assert await engine.count(CHAT) == 41
    (body,) = fake.bodies("/api/chat")
    assert (body["stream"], body["options"]["num_predict"]) == (False, 1)


# Loading


async def test_loading_is_reported_once_for_a_model_that_is_not_in_memory(
    fake: FakeOllama, engine: OllamaEngine
) -> None:
    assert (await answer(engine))[0] == Loading("m")
    assert Loading("m") not in await answer(engine)
    assert len(fake.bodies("/api/ps")) == 1, "the second job must not ask again"


async def test_loading_is_not_reported_for_a_loaded_model(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.running = {"m:latest": 2048}  # `m` is `m:latest`
    assert Loading("m") not in await answer(engine)


# Faults


@pytest.mark.parametrize(
    ("status", "sentence", "expected"),
    [
        (404, "model 'm' not found", ModelNotFound),
        (404, 'model "m" not found, try pulling it first', ModelNotFound),
        (404, "404 page not found", EngineMissing),
        (500, "model requires more system memory (9.1 GiB) than is available (3 GiB)", OutOfMemory),
        (500, "llama runner process has terminated: cudaMalloc failed: out of memory", OutOfMemory),
        (400, "the input length exceeds the context length", ContextTooLong),
        (400, "registry.ollama.ai/library/m:latest does not support tools", Unsupported),
        (500, "an error was encountered while running the model: unexpected EOF", StreamCut),
        (500, "llama runner process has terminated: exit status 2", StreamCut),
        (400, "invalid request", RequestRefused),
        (500, 'option "num_predict" must be of type integer', RequestRefused),
        (500, "invalid JSON schema in format", RequestRefused),
        (503, "server busy, please try again.  maximum pending requests exceeded", EngineBusy),
        (502, "<html>bad gateway</html>", EngineMissing),
        (500, "Failed to create new sequence: failed to process inputs: image: unknown format", RequestRefused),
        (500, "Failed to create new sequence: failed to process inputs: unexpected EOF", RequestRefused),
        (401, "unauthorized", EngineDenied),
        (429, "you have reached your hourly usage limit", EngineDenied),
        (429, "too many requests", EngineBusy),
        (500, "something new", EngineFailed),
    ],
)
async def test_a_refusal_becomes_its_error(
    fake: FakeOllama, engine: OllamaEngine, status: int, sentence: str, expected: type[EngineError]
) -> None:
    fake.status, fake.error = status, sentence
    with pytest.raises(EngineError) as caught:
        await answer(engine)
    assert type(caught.value) is expected


async def test_a_missing_model_is_refused_with_the_command_that_pulls_it(
    fake: FakeOllama, engine: OllamaEngine
) -> None:
    fake.status, fake.error = 404, "model 'm' not found"
    with pytest.raises(ModelNotFound, match=r"ollama pull m$"):
        await answer(engine)


async def test_an_error_line_ends_the_answer_after_what_came_before(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks = [chat_line("so far") + b'{"error":"CUDA error: out of memory"}\n']
    got: list[object] = []
    with pytest.raises(OutOfMemory):
        async for item in engine.generate(CHAT):
            got.append(item)
    assert text(got) == "so far"


async def test_an_end_without_the_end_mark_is_a_cut(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks = [chat_line("half")]
    with pytest.raises(StreamCut):
        await answer(engine)


async def test_a_connection_lost_in_mid_answer_is_a_cut(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks, fake.cut = [chat_line("half")], True
    with pytest.raises(StreamCut):
        await answer(engine)


async def test_a_line_that_breaks_off_is_a_cut(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks = [chat_line("whole"), end()[:20]]
    with pytest.raises(StreamCut):
        await answer(engine)


@pytest.mark.parametrize("reason", ["load", "unload"])
async def test_an_answer_to_no_message_is_not_a_completion(fake: FakeOllama, engine: OllamaEngine, reason: str) -> None:
    fake.chunks = [end(reason)]
    with pytest.raises(RequestRefused):
        await answer(engine)


async def test_silence_is_noticed(fake: FakeOllama) -> None:
    fake.running = {"m:latest": 1}  # the model is loaded: the first silence is that of the answer
    fake.chunks, fake.hang = [chat_line("one")], True
    engine = OllamaEngine(fake.url, silence=1.0)
    with pytest.raises(EngineSilent):
        await answer(engine)
    await asyncio.wait_for(fake.disconnected.wait(), 10)
    await engine.close()


async def test_an_address_without_a_server_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(
            ("127.0.0.1", 0)
        )  # bound, not listening: a connection is refused, and no other process gets the port
        engine = OllamaEngine(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(EngineUnavailable):
            await answer(engine)
        health = await engine.health()
        assert not health.ok and "ollama serve" in health.detail
        await engine.close()


async def test_a_connection_that_breaks_before_the_answer_is_a_cut_and_not_an_engine_that_is_away() -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    engine = OllamaEngine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(StreamCut):
        await answer(engine)
    await engine.close()
    server.close()


async def test_images_are_refused_for_a_model_that_cannot_see(fake: FakeOllama, engine: OllamaEngine) -> None:
    with pytest.raises(Unsupported, match="vision"):
        await answer(engine, PICTURE)
    fake.models["m:latest"] = {"capabilities": ["completion", "vision"]}
    assert text(await answer(engine, PICTURE)) == "Hello you"


@pytest.mark.parametrize(
    ("changes", "capability", "advice"),
    [
        ({"tools": ({"function": {"name": "a"}},)}, "tools", "qwen3"),
        ({"think": True}, "thinking", "deepseek-r1"),
        ({"kind": "generate", "prompt": "x", "suffix": "y"}, "insert", "qwen2.5-coder"),
    ],
)
async def test_a_job_that_its_model_cannot_do_is_refused_before_it_is_sent(
    fake: FakeOllama, engine: OllamaEngine, changes: dict[str, Any], capability: str, advice: str
) -> None:
    fake.running = {"m:latest": 1}
    ask = CHAT.model_copy(update=changes)
    with pytest.raises(Unsupported, match=advice):
        await answer(engine, ask)
    assert {path for path, _ in fake.requests} == {"/api/show"}
    fake.models["m:latest"] = {"capabilities": ["completion", capability]}
    fake.chunks = [end()]
    await answer(engine, ask)


async def test_a_model_s_capabilities_are_not_requested_for_each_job(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.models["m:latest"] = {"capabilities": ["completion", "tools"]}
    await engine.store.models()
    for _ in range(3):
        await answer(engine, CHAT.model_copy(update={"tools": (TOOL,)}))
    assert len(fake.bodies("/api/show")) == 1


async def test_thinking_that_is_forbidden_needs_no_thinker(fake: FakeOllama, engine: OllamaEngine) -> None:
    assert text(await answer(engine, CHAT.model_copy(update={"think": False}))) == "Hello you"


# The choice of tools

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {"x": {}}}}}
OTHER = {"type": "function", "function": {"name": "now"}}
ANSWER = {"type": "object", "properties": {"sum": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}
EITHER = CHAT.model_copy(update={"tools": (TOOL, OTHER), "format": ANSWER})


async def test_tools_and_a_schema_at_once_allow_a_call_and_an_answer(fake: FakeOllama, engine: OllamaEngine) -> None:
    """Ollama holds calls to the schema too: the model could never call."""
    fake.models["m:latest"] = {"capabilities": ["completion", "tools"]}
    fake.chunks = [chat_line('{ "na'), chat_line('me": "add", "arguments"'), chat_line(': {"a": 1}}'), end()]
    items = await answer(engine, EITHER)
    [body] = fake.bodies("/api/chat")
    assert "tools" not in body and '"add"' in body["messages"][0]["content"]
    names = [way["properties"].get("name", {}).get("enum") for way in body["format"]["anyOf"]]
    assert names == [["add"], ["now"], None]
    assert body["format"]["anyOf"][2]["properties"] == {"sum": {"$ref": "#/$defs/answer_n"}}
    assert body["format"]["$defs"] == {"answer_n": {"type": "integer"}}
    call = {"function": {"name": "add", "arguments": {"a": 1}}}
    assert [item for item in items if isinstance(item, Piece)] == [Piece(tool_calls=[call], tokens=3)]
    assert items[-1].reason == "tool_calls"


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (['{"', 'sum": ', "3}"], '{"sum": 3}'),
        (['{"name": "addi', 'tion"}'], '{"name": "addition"}'),
        (['{"name": "add"', "}"], '{"name": "add"}'),
        (["{"], "{"),
        (['{"name": "add", "argu'], ""),
    ],
)
async def test_an_answer_in_the_schema_comes_as_the_model_writes_it(
    fake: FakeOllama, engine: OllamaEngine, pieces: list[str], expected: str
) -> None:
    fake.models["m:latest"] = {"capabilities": ["completion", "tools"]}
    fake.chunks = [*map(chat_line, pieces), end("length")]
    items = await answer(engine, EITHER)
    assert (text(items), items[-1].reason) == (expected, "length")


async def test_an_answer_in_the_schema_is_not_held_back(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.models["m:latest"], fake.hang = {"capabilities": ["completion", "tools"]}, True
    fake.chunks = [chat_line('{"sum'), chat_line('": 3')]
    stream = engine.generate(EITHER)
    heard = ""
    async for item in stream:
        heard += item.text if isinstance(item, Piece) else ""
        if heard == '{"sum": 3':
            break
    await stream.aclose()  # type: ignore[attr-defined]


FORCED = CHAT.model_copy(update={"tools": (TOOL, OTHER), "tool_choice": "required"})


async def test_a_choice_of_none_leaves_the_tools_out(fake: FakeOllama, engine: OllamaEngine) -> None:
    await answer(engine, FORCED.model_copy(update={"tool_choice": "none"}))
    (body,) = fake.bodies("/api/chat")
    assert "tools" not in body and "format" not in body


async def test_a_forced_call_is_made_of_structured_output(fake: FakeOllama, engine: OllamaEngine) -> None:
    """Also by a model that was not trained to call tools."""
    fake.chunks = [
        chat_line("", thinking="hm") + chat_line('{"name": "add", "argu'),
        chat_line('ments": {"x": 1}}'),
        end(),
    ]
    items = await answer(engine, FORCED)
    calls = [call for item in items if isinstance(item, Piece) for call in item.tool_calls or ()]
    assert calls == [{"function": {"name": "add", "arguments": {"x": 1}}}]
    assert text(items) == "" and items[-1] == Finished("tool_calls", 7, 3, load_ms=2, generate_ms=9)
    assert sum(item.tokens for item in items if isinstance(item, Piece)) == 3
    (body,) = fake.bodies("/api/chat")
    names = [call["properties"]["name"]["enum"] for call in body["format"]["anyOf"]]
    assert names == [["add"], ["now"]] and "tools" not in body
    assert body["messages"][0]["role"] == "system" and '"add"' in body["messages"][0]["content"]


async def test_a_chosen_tool_is_the_only_tool_on_offer(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks = [chat_line('{"name": "now", "arguments": {}}'), end()]
    await answer(engine, FORCED.model_copy(update={"tool_name": "now"}))
    assert fake.bodies("/api/chat")[0]["format"]["properties"]["name"] == {"type": "string", "enum": ["now"]}
    with pytest.raises(RequestRefused, match="'gone'"):
        await answer(engine, FORCED.model_copy(update={"tool_name": "gone"}))


async def test_a_forced_call_that_the_budget_cut_ends_in_length(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks = [chat_line('{"name": "now", "arg'), end("length")]
    items = await answer(engine, FORCED)
    assert [item.reason for item in items if isinstance(item, Finished)] == ["length"]
    assert not any(isinstance(item, Piece) for item in items)


async def test_a_text_in_place_of_a_forced_call_is_an_error(fake: FakeOllama, engine: OllamaEngine) -> None:
    with pytest.raises(EngineError, match="called no tool"):
        await answer(engine, FORCED)


async def test_only_the_first_of_several_calls_comes_where_no_more_are_allowed(
    fake: FakeOllama, engine: OllamaEngine
) -> None:
    fake.models["m:latest"] = {"capabilities": ["completion", "tools"]}
    calls = [{"function": {"name": name, "arguments": {}}} for name in "abc"]
    fake.chunks = [chat_line("", tool_calls=calls[:2]), chat_line("", tool_calls=calls[2:]), end()]
    items = await answer(engine, CHAT.model_copy(update={"tools": (TOOL,), "parallel_tool_calls": False}))
    assert [item.tool_calls for item in items if isinstance(item, Piece) and item.tool_calls] == [calls[:1]]


def test_the_parts_that_a_tool_s_schema_defines_stay_within_reach() -> None:
    point = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Point"}}}
    parameters = {"type": "object", "properties": {"p": {"$ref": "#/$defs/Point"}}, "$defs": {"Point": point}}
    tools = [{"function": {"name": name, "parameters": parameters}} for name in ("a", "b")]
    schema = schema_of(tools)
    assert sorted(schema["$defs"]) == ["tool0_Point", "tool1_Point"]
    assert schema["$defs"]["tool1_Point"]["properties"]["next"] == {"$ref": "#/$defs/tool1_Point"}
    assert schema["anyOf"][1]["properties"]["arguments"]["properties"]["p"] == {"$ref": "#/$defs/tool1_Point"}


# Cancelling


async def test_closing_early_closes_the_connection_within_100_ms(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks, fake.hang, fake.running = [chat_line("one")], True, {"m:latest": 1}
    assert statistics.median([await seconds_to_close(fake.disconnected, engine, CHAT) for _ in range(7)]) < 0.1


async def test_closing_a_forced_call_early_closes_the_connection(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks, fake.hang, fake.running = [chat_line("", thinking="hm")], True, {"m:latest": 1}
    stream: Any = engine.generate(FORCED)
    assert isinstance(await anext(stream), Piece)
    await stream.aclose()
    await asyncio.wait_for(fake.disconnected.wait(), 2)


async def test_cancelling_a_waiting_task_closes_the_connection(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks, fake.hang = [], True
    waiting = asyncio.create_task(answer(engine))
    await asyncio.wait_for(fake.sent.wait(), 10)
    waiting.cancel()
    await asyncio.wait_for(fake.disconnected.wait(), 10)
    with pytest.raises(asyncio.CancelledError):
        await waiting


# Continuing


async def test_ollama_continues_where_the_rendered_prompt_stays_open(fake: FakeOllama, engine: OllamaEngine) -> None:
    assert await engine.can_continue("m")
    await answer(engine, prefill="Once")
    assert fake.bodies("/api/chat")[-1]["messages"][-1] == {"role": "assistant", "content": "Once"}


async def test_a_template_that_ends_the_turn_is_not_continued(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.closes_turns = True
    assert not await engine.can_continue("m")
    with pytest.raises(Unsupported):
        await answer(engine, prefill="Once")


@pytest.mark.parametrize(
    "model",
    [
        {"template": "[INST]{{ .Prompt }}[/INST]"},
        {"template": "<|im_start|>assistant<think><|im_end|>"},
        {"capabilities": ["completion", "thinking"]},
        {"renderer": "qwen3-coder"},
    ],
)
async def test_a_template_without_evidence_is_not_continued(
    fake: FakeOllama, engine: OllamaEngine, model: dict[str, object]
) -> None:
    fake.models["m:latest"] = model
    assert not await engine.can_continue("m")


# Models


async def test_models_have_their_window_and_whether_they_are_loaded(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.models = {"m:latest": {}, "n:1b": {}}
    fake.running = {"m:latest": 512}
    first, second = await engine.store.models()
    assert (first.name, first.loaded, first.context_length) == ("m:latest", True, 512)
    assert (second.name, second.loaded, second.context_length) == ("n:1b", False, 2048)
    await engine.store.models()
    assert len(fake.bodies("/api/show")) == 2, "what a digest shows never changes"


async def test_models_have_what_ollama_lists_of_their_files(fake: FakeOllama, engine: OllamaEngine) -> None:
    details = {"format": "gguf", "family": "qwen2", "parameter_size": "494.03M", "quantization_level": "Q4_K_M"}
    fake.listed = {"size": 397_821_319, "details": details}
    fake.resident = {"size_vram": 500, "expires_at": "2026-12-01T15:00:00Z"}
    fake.models, fake.running = {"m:latest": {}, "n:1b": {}}, {"m:latest": 512}
    first, second = await engine.store.models()
    assert (first.size, first.digest, first.details) == (397_821_319, "sha-m:latest", details)
    assert (first.size_vram, first.expires_at) == (500, "2026-12-01T15:00:00Z")
    assert (second.size, second.size_vram, second.expires_at) == (397_821_319, 0, "")


@pytest.mark.parametrize("odd", [None, "x" * 101, -1, [], {"family": ["a"], "families": "b", "format": "x" * 101}])
async def test_details_of_a_wrong_type_are_left_out(fake: FakeOllama, engine: OllamaEngine, odd: Any) -> None:
    fake.listed = {"size": odd, "digest": odd, "details": odd}
    fake.resident, fake.running = {"size_vram": odd, "expires_at": odd}, {"m:latest": 512}
    [model] = await engine.store.models()
    assert model[4:] == (0, 0, "", {}, "")


async def test_of_another_house_a_model_s_every_capability_is_read(fake: FakeOllama, engine: OllamaEngine) -> None:
    """Ollama's own list has no model that both completes and embeds."""
    every = ["completion", "embedding"]
    fake.models["m:latest"] = {"capabilities": ["completion"], "sluice": {"capabilities": every}}
    assert (await engine.store.models())[0].capabilities == tuple(every)


async def test_a_model_that_cannot_be_shown_hides_none_of_the_others(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.models, fake.unshown = {"broken:latest": {}, "n:1b": {}}, frozenset({"broken:latest"})
    broken, other = await engine.store.models()
    assert (broken.name, broken.capabilities) == ("broken:latest", ())
    assert (other.name, other.context_length) == ("n:1b", 2048)
    fake.unshown = frozenset()
    assert (await engine.store.models())[0].capabilities == ("completion",), "asked again"


async def test_embedding(fake: FakeOllama, engine: OllamaEngine) -> None:
    embeddings = await engine.embed(JobRequest(kind="embed", model="m", inputs=("a", "bbb")))
    assert (embeddings.vectors, embeddings.load_ms) == ([[1.0, 1.0], [3.0, 1.0]], 2)
    assert fake.bodies("/api/embed")[0]["truncate"] is False


async def test_dimensions_are_passed_on_and_token_ids_refused(fake: FakeOllama, engine: OllamaEngine) -> None:
    await engine.embed(JobRequest(kind="embed", model="m", inputs=("a",), dimensions=64))
    assert fake.bodies("/api/embed")[0]["dimensions"] == 64
    with pytest.raises(Unsupported, match="SLUICE_ENGINE=openai"):
        await engine.embed(JobRequest(kind="embed", model="m", inputs=((1, 2),)))


async def test_embedding_too_much_is_refused(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.status, fake.error = 400, "the input length exceeds the context length"
    with pytest.raises(ContextTooLong):
        await engine.embed(JobRequest(kind="embed", model="m", inputs=("a",)))


async def test_pulling_reports_progress_until_success(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.chunks = [b'{"status":"pulling","total":10,"completed":4}\n', b'{"status":"success"}\n']
    assert [step async for step in engine.store.pull("m")] == [PullProgress("pulling", 4, 10), PullProgress("success")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"error":"pull model manifest: file does not exist"}\n', ModelNotFound),
        (b'{"error":"dial tcp: lookup failed"}\n', EngineError),
        (b'{"status":"pulling"}\n', StreamCut),
    ],
)
async def test_a_pull_that_fails_raises(
    fake: FakeOllama, engine: OllamaEngine, line: bytes, expected: type[EngineError]
) -> None:
    fake.chunks = [line]
    with pytest.raises(EngineError) as caught:
        async for _ in engine.store.pull("m"):
            pass
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("version", "old"), [("0.12.5", True), ("0.12.6", False), ("0.0.0", False), ("1.0-rc1", False)]
)
async def test_health_warns_of_an_ollama_that_cuts_prompts(
    fake: FakeOllama, engine: OllamaEngine, version: str, old: bool
) -> None:
    fake.version = version
    health = await engine.health()
    assert health.ok
    assert ("update it" in health.detail) is old


async def test_health_names_the_command_for_a_first_model(fake: FakeOllama, engine: OllamaEngine) -> None:
    fake.models = {}
    health = await engine.health()
    assert not health.ok and "ollama pull" in health.detail


async def test_a_password_in_the_address_is_never_shown(fake: FakeOllama) -> None:
    engine = OllamaEngine(fake.url.replace("://", "://user:hunter2@"))
    expected = (await engine.health()).detail
    fake.url, fake.cut, fake.chunks = "", True, [chat_line("a")]
    with pytest.raises(StreamCut) as caught:
        await answer(engine)
    assert "hunter2" not in expected + caught.value.message
    await engine.close()
