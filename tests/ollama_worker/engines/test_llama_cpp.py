"""The embedded engine on a real (tiny, random) model."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ollama_worker.engines import llama_cpp_child, openai_faults
from ollama_worker.engines.base import (
    ContextTooLong,
    EngineError,
    EngineFailed,
    Finished,
    Loading,
    ModelNotFound,
    OutOfMemory,
    Piece,
    RequestRefused,
    Unsupported,
)
from ollama_worker.engines.http import EngineHttp
from ollama_worker.engines.llama_cpp import LlamaCppEngine
from ollama_worker.engines.llama_cpp_wire import fault
from ollama_worker.engines.openai_servers import LLAMA_CPP
from ollama_worker.fallback import FAULTS
from tests.ollama_worker.tiny_mmproj import make_tiny_mmproj, png
from tests.support.child import Child
from tests.support.slow_library import SlowLibrary
from tests.support.waiting import eventually
from tests.tiny_gguf import CHATML, make_tiny_gguf
from wire.records import JobRequest, Message

TALK = (
    Message(role="user", content="Hello"),
    Message(role="assistant", content="Hi."),
    Message(role="user", content="Say more"),
)
GREEDY = {"temperature": 0, "num_predict": 40}
CHAT = JobRequest(model="tiny", messages=TALK, options=GREEDY)
RENDERED = (
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\nHi.<|im_end|>\n"
    "<|im_start|>user\nSay more<|im_end|>\n<|im_start|>assistant\n"
)


@pytest.fixture
async def engine(tiny_gguf: Path) -> AsyncIterator[LlamaCppEngine]:
    engine = LlamaCppEngine(tiny_gguf, "tiny", slots=2, silence=30)
    yield engine
    await engine.close()


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlowLibrary:
    """A library in front of the real one. Its loads wait for `open`."""
    library = SlowLibrary(tmp_path / "library")
    monkeypatch.setenv("PYTHONPATH", library.env(os.environ.get("PYTHONPATH", ""))["PYTHONPATH"])
    return library


async def answer(engine: LlamaCppEngine, ask: JobRequest, prefill: str = "") -> list[object]:
    return [item async for item in engine.generate(ask, prefill)]


def text(items: list[object]) -> str:
    return "".join(item.text for item in items if isinstance(item, Piece))


def chat(**changes: object) -> JobRequest:
    return CHAT.model_copy(update=changes)


async def test_a_first_answer_reports_loading_once_streams_and_ends(engine: LlamaCppEngine) -> None:
    first, second = await answer(engine, CHAT), await answer(engine, CHAT)
    assert first[0] == Loading("tiny")
    assert Loading("tiny") not in second
    end = second[-1]
    assert isinstance(end, Finished) and end.reason in ("stop", "length")
    assert 0 < end.completion_tokens <= 40 and end.prompt_tokens > 20
    assert len(text(second).split()) > 3


async def test_the_token_budget_ends_an_answer(engine: LlamaCppEngine) -> None:
    items = await answer(engine, chat(options={**GREEDY, "num_predict": 3}))
    end = items[-1]
    assert isinstance(end, Finished) and (end.reason, end.completion_tokens) == ("length", 3)
    assert sum(item.tokens for item in items if isinstance(item, Piece)) == 3


async def test_a_stop_string_ends_an_answer(engine: LlamaCppEngine) -> None:
    whole = text(await answer(engine, CHAT))
    stop = whole.split()[2]
    items = await answer(engine, chat(options={**GREEDY, "stop": stop}))
    assert text(items) == whole[: whole.index(stop)]


async def test_slots_run_side_by_side_and_never_mix(engine: LlamaCppEngine) -> None:
    """Each seed makes the model begin at another word of its list."""
    asks = [chat(options={"temperature": 4, "seed": seed, "num_predict": 60}) for seed in range(1, 7)]
    alone = [text(await answer(engine, ask)) for ask in asks]
    together = [text(items) for items in await asyncio.gather(*(answer(engine, ask) for ask in asks))]
    assert together == alone
    assert len(set(alone)) > 2


async def test_the_loop_runs_on_while_the_model_speaks(engine: LlamaCppEngine) -> None:
    """Tokens come from native threads: nothing may hold the event loop for as long as a token takes."""
    await engine.store.load("tiny")
    assert min([await longest_hold(engine) for _ in range(5)]) < 0.5


async def longest_hold(engine: LlamaCppEngine) -> float:
    """The longest time in which nothing else ran, as a part of the answer's time."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - before)

    watching = asyncio.create_task(watch())
    started = time.monotonic()
    await answer(engine, chat(options={**GREEDY, "num_predict": 200}))
    took = time.monotonic() - started
    watching.cancel()
    return longest / took


# Cancelling


async def busy_slots(http: EngineHttp) -> int:
    return (await http.text("/slots", fault)).count(b'"is_processing":true')


async def tokens_read(http: EngineHttp) -> int:
    """How many tokens of its prompt the one slot has read; 0 before its first prompt."""
    async with http.answer("GET", "/slots", fault, None, 5) as reply:
        return int(json.loads(await reply.read())[0].get("n_prompt_tokens_processed", 0))


async def until_idle(http: EngineHttp) -> float:
    """Seconds until no slot works any more."""
    since = time.monotonic()
    while await busy_slots(http):
        assert time.monotonic() - since < 5, "the slot was never freed"
    return time.monotonic() - since


async def test_closing_early_frees_the_slot(tmp_path: Path) -> None:
    """An answer that would run for thousands of tokens more."""
    gguf = make_tiny_gguf(tmp_path / "long.gguf", ctx=8192)
    engine = LlamaCppEngine(gguf, "tiny", slots=1, silence=30)
    endless = chat(options={"temperature": 0, "num_predict": 8000})
    took = []
    for _ in range(3):
        stream: Any = engine.generate(endless)
        while not isinstance(await anext(stream), Piece):
            pass
        async with engine.store.chat.use(engine.store.plan()) as http:
            assert await busy_slots(http) == 1
            await stream.aclose()
            took.append(await until_idle(http))
    assert min(took) < 0.5, took  # a loaded machine makes it longer, never shorter
    await engine.close()


async def test_a_prompt_is_read_in_batches_and_a_cancel_takes_effect_between_two(tmp_path: Path) -> None:
    engine = LlamaCppEngine(make_tiny_gguf(tmp_path / "long.gguf", ctx=8192), "tiny", slots=1, silence=30)
    engine.store.chat._batch = 64  # as if it had been measured
    await engine.store.load("tiny")
    question = Message(role="user", content="the of " * 3500)
    reading = asyncio.create_task(answer(engine, chat(messages=(question,), options={"num_predict": 1})))
    read = set()
    async with engine.store.chat.use(engine.store.plan()) as http:
        while not reading.done():
            read.add(await tokens_read(http))
    [end] = [item for item in await reading if isinstance(item, Finished)]
    between = read - {0, end.prompt_tokens}
    # The last tokens of a prompt are a batch of their own.
    assert between and any(tokens % 64 == 0 and tokens % 2048 for tokens in between), read
    await engine.close()


@pytest.mark.parametrize("patience", [0.0, 60.0])
async def test_a_cancelled_embedding_holds_up_the_next_no_longer_than_a_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    """A text is computed in one batch, which only the end of the process interrupts."""
    monkeypatch.setattr("ollama_worker.engines.llama_cpp_running.LEAST_SECONDS", patience)
    engine = LlamaCppEngine(make_tiny_gguf(tmp_path / "long.gguf", ctx=8192), "tiny", silence=30)
    brief = JobRequest(kind="embed", model="tiny", inputs=("the of",))
    await engine.embed(brief)
    engine.store.embedder._load_seconds = 0.0
    assert engine.store.embedder._now is not None
    first, http = engine.store.embedder._now
    long = asyncio.create_task(engine.embed(brief.model_copy(update={"inputs": ("the of " * 4000,)})))
    await eventually(lambda: busy_slots(http), 10, "it computes")
    waiting = asyncio.create_task(engine.embed(brief))
    long.cancel()
    assert len((await waiting).vectors) == 1
    assert engine.store.embedder._now is not None
    assert (engine.store.embedder._now[0].process.pid == first.process.pid) == bool(patience)
    await engine.close()


@pytest.mark.parametrize(
    ("speed", "context", "sees", "batch"),
    [
        *[(3, 8192, False, 16), (100, 8192, False, 64), (900, 8192, False, 512), (9000, 8192, False, 2048)],
        *[(9000, 512, False, 512), (100, 8192, True, 512), (9000, 8192, True, 2048)],
    ],
)
def test_a_batch_is_what_the_device_reads_in_a_second(speed: float, context: int, sees: bool, batch: int) -> None:
    assert llama_cpp_child.batch_for(speed, context, sees) == batch


async def test_the_batch_is_measured_once_and_kept_for_the_next_load(engine: LlamaCppEngine) -> None:
    await engine.store.load("tiny")
    batch = engine.store.chat._batch
    assert batch >= llama_cpp_child.SMALLEST
    await engine.store.unload("tiny")
    await engine.store.load("tiny")
    assert engine.store.chat._batch == batch


# Refusals


async def test_a_too_long_context_is_refused_and_not_cut(engine: LlamaCppEngine) -> None:
    with pytest.raises(ContextTooLong, match="512"):
        await answer(engine, chat(messages=(Message(role="user", content="word " * 600),)))


async def test_a_full_window_ends_in_length(engine: LlamaCppEngine) -> None:
    items = await answer(engine, chat(options={"temperature": 0, "num_predict": 5000}))
    assert isinstance(items[-1], Finished) and items[-1].reason == "length"


async def test_another_model_is_not_found(engine: LlamaCppEngine) -> None:
    with pytest.raises(ModelNotFound, match="tiny only"):
        await answer(engine, chat(model="llama3"))


async def test_images_are_refused_without_a_projector(engine: LlamaCppEngine) -> None:
    with pytest.raises(Unsupported, match="SLUICE_MMPROJ"):
        await answer(engine, chat(messages=(Message(role="user", content="look", images=("aGk=",)),)))


async def test_with_a_projector_it_sees(tiny_gguf: Path, models_dir: Path) -> None:
    engine = LlamaCppEngine(tiny_gguf, "tiny", silence=30, mmproj=make_tiny_mmproj(models_dir / "mmproj.gguf"))

    def look(image: str) -> JobRequest:
        return chat(messages=(Message(role="user", content="the of", images=(image,)),))

    red, green = look(png(255, 0, 0)), look(png(0, 255, 0))
    answers = [text(await answer(engine, ask)) for ask in (red, green, red)]
    assert answers[0] == answers[2] != answers[1]
    assert await engine.count(red) > await engine.count(chat(messages=(Message(role="user", content="the of"),)))
    assert "vision" in (await engine.store.models())[0].capabilities
    with pytest.raises(RequestRefused, match="image"):
        await answer(engine, look("aGk="))
    with pytest.raises(Unsupported, match="begun anew"):
        await answer(engine, red, " the")
    await engine.close()


async def test_a_wrong_format_is_refused(engine: LlamaCppEngine) -> None:
    with pytest.raises(RequestRefused):
        await answer(engine, chat(format={"type": "nonsense"}))


async def test_a_format_is_kept(engine: LlamaCppEngine) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    content = text(await answer(engine, chat(format=schema)))
    assert '"a"' in content and content.lstrip().startswith("{")


async def test_a_bare_prompt_gets_no_template_around_it(engine: LlamaCppEngine) -> None:
    bare = JobRequest(kind="generate", model="tiny", prompt="the of", options={"temperature": 0, "num_predict": 3})
    items = await answer(engine, bare)
    end = items[-1]
    assert text(items) == " and to in"
    assert isinstance(end, Finished) and (end.reason, end.prompt_tokens, end.completion_tokens) == ("length", 3, 3)
    with pytest.raises(Unsupported, match="Infill"):  # this model has no tokens for it
        await answer(engine, bare.model_copy(update={"suffix": "x"}))


async def test_logprobs_come_with_every_token(engine: LlamaCppEngine) -> None:
    bare = JobRequest(kind="generate", model="tiny", prompt="the of")
    for ask in (CHAT, bare):
        likely = ask.model_copy(update={"logprobs": True, "top_logprobs": 2, "options": {"num_predict": 4}})
        items = await answer(engine, likely)
        entries = [entry for item in items if isinstance(item, Piece) for entry in item.logprobs or ()]
        assert "".join(entry["token"] for entry in entries) == text(items)
        assert all(len(entry["top_logprobs"]) == 2 and set(entry) <= LOGPROB for entry in entries)


async def test_logprobs_alone_come_without_the_likely_others(engine: LlamaCppEngine) -> None:
    """llama.cpp reads "no other tokens" as "no logprobs at all"."""
    bare = JobRequest(kind="generate", model="tiny", prompt="the of")
    for ask in (CHAT, bare):
        for tops in (None, 0):
            likely = ask.model_copy(update={"logprobs": True, "top_logprobs": tops, "options": {"num_predict": 4}})
            items = await answer(engine, likely)
            entries = [entry for item in items if isinstance(item, Piece) for entry in item.logprobs or ()]
            assert "".join(entry["token"] for entry in entries) == text(items)
            assert all("top_logprobs" not in entry for entry in entries)


@pytest.mark.parametrize("kind", ["chat", "generate"])
async def test_the_stop_string_that_ended_an_answer_is_reported(engine: LlamaCppEngine, kind: str) -> None:
    bare = JobRequest(kind="generate", model="tiny", prompt="the of", options=GREEDY)
    ask = CHAT if kind == "chat" else bare
    whole = await answer(engine, ask)
    stop = text(whole).split()[3]
    items = await answer(engine, ask.model_copy(update={"options": {**GREEDY, "stop": ["never", stop]}}))
    end, uncut = items[-1], whole[-1]
    assert isinstance(end, Finished) and isinstance(uncut, Finished)
    assert (end.reason, end.stop_sequence) == ("stop", stop)
    assert text(items) == text(whole)[: text(whole).index(stop)]
    assert end.prompt_tokens == uncut.prompt_tokens and 0 < end.completion_tokens < uncut.completion_tokens
    unstopped = (await answer(engine, ask.model_copy(update={"options": {**GREEDY, "stop": ["never"]}})))[-1]
    assert isinstance(unstopped, Finished) and unstopped.stop_sequence == ""


async def test_a_seed_asks_for_an_answer_that_no_cache_can_change(engine: LlamaCppEngine) -> None:
    """A cached part changes how the rest is rounded, so the whole prompt of a repeatable answer is read."""
    seeded = chat(options={**GREEDY, "seed": 7})
    ends = [(await answer(engine, seeded))[-1] for _ in range(2)]
    assert [end.cached_tokens for end in ends if isinstance(end, Finished)] == [0, 0]


async def test_a_grammar_is_kept(engine: LlamaCppEngine) -> None:
    items = await answer(engine, chat(options={"num_predict": 40, "grammar": 'root ::= "yes" | "no"'}))
    assert text(items) in ("yes", "no")
    for grammar in ("root ::= (", "%llguidance {}\nstart: nonsense", 7):
        with pytest.raises(RequestRefused):
            await answer(engine, chat(options={"grammar": grammar}))
    with pytest.raises(RequestRefused, match="send one of them"):
        await answer(engine, chat(options={"grammar": 'root ::= "yes"'}, format="json"))


@pytest.mark.parametrize(
    "words",
    ["The model produced output that does not match the expected peg-native format", "Failed to parse input at pos 7"],
)
def test_a_malformed_call_of_a_tool_fails_its_own_answer_only(words: str) -> None:
    """The job is not tried again, and no circuit counts it: another try would cost as much and fail the same."""
    for error in (fault(500, words), openai_faults.fault(LLAMA_CPP, "m", "chat", 500, words)):
        assert not error.retryable and error.code not in FAULTS
        assert "called a tool" in error.message


async def test_a_window_that_cannot_be_widened_is_logged(
    engine: LlamaCppEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        await answer(engine, chat(options={"num_ctx": 100_000, "num_predict": 1}))
    assert capfd.readouterr().out.count("num_ctx_ignored") == 1
    with pytest.raises(ContextTooLong, match="num_ctx does not widen"):
        await answer(engine, chat(messages=(Message(role="user", content="word " * 600),)))


LOGPROB = {"token", "logprob", "bytes", "top_logprobs"}
TOOL = {
    "type": "function",
    "function": {
        "name": "switch",
        "parameters": {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]},
    },
}


async def test_a_forced_call_is_made_by_a_model_that_was_never_taught_to(engine: LlamaCppEngine) -> None:
    items = await answer(engine, chat(tools=(TOOL,), tool_choice="required", options={"temperature": 0}))
    calls = [call["function"] for item in items if isinstance(item, Piece) for call in item.tool_calls or ()]
    assert [call["name"] for call in calls] == ["switch"]
    assert isinstance(calls[0]["arguments"]["on"], bool)
    end = items[-1]
    assert isinstance(end, Finished) and end.reason == "tool_calls" and text(items) == ""


async def test_tokens_that_were_read_before_are_reported_as_cached(engine: LlamaCppEngine) -> None:
    ends = [(await answer(engine, CHAT))[-1] for _ in range(2)]
    assert [end.cached_tokens > 10 for end in ends if isinstance(end, Finished)] == [False, True]


async def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"<html>" * 10)
    engine = LlamaCppEngine(wrong, "tiny")
    with pytest.raises(EngineError, match=r"wrong\.gguf"):
        await answer(engine, CHAT)
    assert not (await engine.health()).ok


def without_end(whole: Path, cut: Path) -> Path:
    """The head is whole, the weights are not."""
    cut.write_bytes(whole.read_bytes()[:-200_000])
    return cut


async def test_a_model_that_cannot_be_loaded_is_a_lack_of_memory(tiny_gguf: Path, tmp_path: Path) -> None:
    cut = without_end(tiny_gguf, tmp_path / "cut.gguf")
    engine = LlamaCppEngine(cut, "tiny")
    with pytest.raises(OutOfMemory, match="smaller model"):
        await answer(engine, CHAT)


@pytest.mark.parametrize(
    ("error", "advice"), [("libgomp.so.1: cannot open", "apt install libgomp1"), ("No module", "pip install")]
)
async def test_a_library_that_cannot_be_imported_becomes_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: LlamaCppEngine, error: str, advice: str
) -> None:
    (tmp_path / "xllamacpp.py").write_text(f"raise ImportError({error!r})")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(Unsupported, match=advice):
        await answer(engine, CHAT)
    health = await engine.health()
    assert not health.ok and advice in health.detail
    monkeypatch.undo()
    assert (await engine.health()).ok


# Continuing


async def test_chatml_continues_behind_a_prefill(engine: LlamaCppEngine) -> None:
    """The evidence for (llama-cpp, chatml): the prompt is the first one plus the text so far, and so is the answer."""
    assert await engine.can_continue("tiny")
    assert await engine.rendered(CHAT) == RENDERED
    assert await engine.rendered(CHAT, " the way") == RENDERED + " the way"
    whole = text(await answer(engine, CHAT))
    for cut in (1, len(whole) // 2, len(whole) - 1):
        prefill = whole[: whole.index(" ", cut)] if " " in whole[cut:] else whole.rpartition(" ")[0]
        left = 40 - len(prefill.split())
        rest = text(await answer(engine, chat(options={**GREEDY, "num_predict": left}), prefill))
        assert prefill + rest == whole


async def test_a_spent_budget_ends_at_once(engine: LlamaCppEngine) -> None:
    assert await answer(engine, chat(options={**GREEDY, "num_predict": 0}), " the") == [Finished("length")]


async def test_a_template_without_evidence_is_not_continued(models_dir: Path) -> None:
    other = make_tiny_gguf(models_dir / "other.gguf", template="{% for m in messages %}{{ m['content'] }}{% endfor %}")
    engine = LlamaCppEngine(other, "other")
    assert not await engine.can_continue("other")


# Embedding


async def test_llama_cpp_embeds_in_the_order_of_the_inputs(engine: LlamaCppEngine) -> None:
    both = await engine.embed(JobRequest(kind="embed", model="tiny", inputs=("water", "people time")))
    alone = await engine.embed(JobRequest(kind="embed", model="tiny", inputs=("people time",)))
    assert len(both.vectors) == 2 and both.prompt_tokens > 3
    assert both.vectors[1] == pytest.approx(alone.vectors[0], abs=1e-4)
    assert both.vectors[0] != pytest.approx(both.vectors[1], abs=1e-2)
    assert math.hypot(*both.vectors[0]) == pytest.approx(1, abs=1e-3)


async def test_token_ids_are_embedded_too(engine: LlamaCppEngine) -> None:
    ids = (1, 259, 260)  # the begin mark, and the first two words
    both = await engine.embed(JobRequest(kind="embed", model="tiny", inputs=(ids, "the of")))
    assert both.vectors[0] == pytest.approx(both.vectors[1], abs=1e-4)


async def test_dimensions_are_the_model_s_own(engine: LlamaCppEngine) -> None:
    with pytest.raises(Unsupported, match="SLUICE_ENGINE=ollama"):
        await engine.embed(JobRequest(kind="embed", model="tiny", inputs=("water",), dimensions=8))


async def test_embedding_too_long_a_text_is_refused(engine: LlamaCppEngine) -> None:
    with pytest.raises(ContextTooLong):
        await engine.embed(JobRequest(kind="embed", model="tiny", inputs=("word " * 600,)))


async def test_a_count_is_what_an_answer_reports(engine: LlamaCppEngine) -> None:
    end = (await answer(engine, CHAT))[-1]
    assert isinstance(end, Finished)
    assert await engine.count(CHAT) == end.prompt_tokens


# Models


DETAILS = {"format": "gguf", "family": "llama", "parameter_size": "1K", "quantization_level": "F32"}


async def test_a_model_has_what_its_file_holds(engine: LlamaCppEngine, tiny_embedding_gguf: Path) -> None:
    (before,) = await engine.store.models()
    assert (before.name, before.loaded, before.context_length) == ("tiny", False, 512)
    assert before.size > 1_000 and before.details == DETAILS
    await engine.store.load("tiny")
    (after,) = await engine.store.models()
    assert after.loaded
    (other,) = await LlamaCppEngine(tiny_embedding_gguf, "e").store.models()
    assert other.capabilities == ("embedding",)


async def test_tools_and_a_schema_at_once_allow_a_call_and_an_answer(engine: LlamaCppEngine) -> None:
    """Random weights choose between the two: some seeds call, some answer."""
    parts = {"properties": {"x": {"enum": ["one", "two"]}}, "required": ["x"], "additionalProperties": False}
    add = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", **parts}}}
    schema = {"type": "object", **parts}
    answers: dict[bool, str] = {}
    for seed in range(40):
        options = {"temperature": 3, "seed": seed, "num_predict": 200}
        items = await answer(engine, chat(tools=(add,), format=schema, options=options))
        assert isinstance(items[-1], Finished)
        called = [item.tool_calls for item in items if isinstance(item, Piece) and item.tool_calls]
        answers[bool(called)] = str(called) + text(items)
        if len(answers) == 2:
            break
    assert "'name': 'add'" in answers[True] and json.loads(answers[False].removeprefix("[]"))["x"] in ("one", "two")


THINKING = CHATML.replace("assistant\n", "assistant\n{% if enable_thinking is false %}<think></think>{% endif %}")


@pytest.mark.parametrize("filling", ["words", "ids"])
async def test_a_model_with_marks_for_a_gap_fills_in_text(models_dir: Path, filling: str) -> None:
    engine = LlamaCppEngine(
        make_tiny_gguf(models_dir / f"{filling}.gguf", ctx=512, filling=filling), "tiny", silence=30
    )
    assert (await engine.store.models())[0].capabilities == ("completion", "embedding", "insert")
    items = await answer(engine, JobRequest(kind="generate", model="tiny", prompt="the", suffix="of", options=GREEDY))
    assert isinstance(items[-1], Finished) and items[-1].completion_tokens
    fill = JobRequest(kind="generate", model="tiny", prompt="the", suffix="of", options=GREEDY, logprobs=True)
    items = await answer(engine, fill)
    entries = [entry["token"] for item in items if isinstance(item, Piece) for entry in item.logprobs or ()]
    assert "".join(entries) == text(items)
    with pytest.raises(Unsupported, match="leave `suffix` or the schema out"):
        await answer(engine, fill.model_copy(update={"format": {"type": "object"}}))
    await engine.close()


async def test_a_model_whose_template_thinks_gets_a_switch(models_dir: Path) -> None:
    engine = LlamaCppEngine(make_tiny_gguf(models_dir / "thinks.gguf", ctx=512, template=THINKING), "tiny", silence=30)
    assert (await engine.store.models())[0].capabilities == ("completion", "embedding", "thinking")
    lengths = [await engine.count(chat(think=think)) for think in (True, "high", False)]
    assert lengths[0] == lengths[1] < lengths[2], "an empty thought stands in the prompt"
    assert isinstance((await answer(engine, chat(think=True)))[-1], Finished)
    await engine.close()


STRICT = (
    "{% for m in messages %}{% if m['role'] == 'system' and not loop.first %}"
    "{{ raise_exception('System message must be at the beginning.') }}{% endif %}{% endfor %}" + CHATML
)


async def test_a_template_that_allows_a_single_system_message_gets_a_single_message(models_dir: Path) -> None:
    engine = LlamaCppEngine(make_tiny_gguf(models_dir / "strict.gguf", ctx=512, template=STRICT), "tiny", silence=30)
    late = chat(messages=(*TALK, Message(role="system", content="Be brief."), Message(role="user", content="Why?")))
    first = chat(messages=(Message(role="system", content="Be brief."), *TALK, Message(role="user", content="Why?")))
    assert isinstance((await answer(engine, late))[-1], Finished)
    assert await engine.count(late) == await engine.count(first)
    await engine.close()


async def test_unloading_frees_and_the_next_job_loads_again(engine: LlamaCppEngine) -> None:
    await engine.store.load("tiny")
    await engine.store.unload("tiny")
    assert not (await engine.store.models())[0].loaded
    assert (await answer(engine, CHAT))[0] == Loading("tiny")


async def test_a_load_goes_on_when_its_caller_is_cancelled_and_serves_the_next_caller(
    engine: LlamaCppEngine, library: SlowLibrary
) -> None:
    """A second process beside the first would take as much memory again."""
    first = asyncio.create_task(engine.store.load("tiny"))
    await library.begun(1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.create_task(answer(engine, CHAT))
    await asyncio.sleep(0)
    library.open()
    assert isinstance((await second)[-1], Finished)
    assert len(library.loads) == 1


async def test_closing_ends_a_load_that_no_job_waits_for(engine: LlamaCppEngine, library: SlowLibrary) -> None:
    first = asyncio.create_task(engine.store.load("tiny"))
    loading = await library.begun(1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await engine.close()  # the gate is still closed: a close that waited for the load would never end
    with pytest.raises(ProcessLookupError):
        os.kill(loading, 0)
    assert not (await engine.store.models())[0].loaded


async def test_an_answer_that_waited_for_a_load_reports_its_time(engine: LlamaCppEngine) -> None:
    ends = [(await answer(engine, CHAT))[-1] for _ in range(2)]
    assert [end.load_ms > 0 for end in ends if isinstance(end, Finished)] == [True, False]
    brief = JobRequest(kind="embed", model="tiny", inputs=("the of",))
    assert [(await engine.embed(brief)).load_ms > 0 for _ in range(2)] == [True, False]


async def test_the_loop_runs_on_while_a_model_is_loaded(engine: LlamaCppEngine, library: SlowLibrary) -> None:
    """The library holds its Python's lock until the gate opens: in this process nothing could open it."""
    loading = asyncio.create_task(engine.store.load("tiny"))
    await library.begun(1)
    library.open()
    await loading


async def test_a_process_that_ends_in_an_answer_is_an_engines_failure_in_words(engine: LlamaCppEngine) -> None:
    stream: Any = engine.generate(chat(options={"temperature": 0, "num_predict": 400}))
    while not isinstance(await anext(stream), Piece):
        pass
    os.kill(pid_of(engine), signal.SIGKILL)
    with pytest.raises(EngineFailed, match=r"SIGKILL.*memory"):
        while True:
            await anext(stream)
    assert not (await engine.store.models())[0].loaded
    assert (await answer(engine, CHAT))[0] == Loading("tiny"), "it is started again"


async def test_a_process_that_ends_while_it_loads_is_reported(engine: LlamaCppEngine, library: SlowLibrary) -> None:
    loading = asyncio.create_task(engine.store.load("tiny"))
    os.kill(await library.begun(1), signal.SIGKILL)
    with pytest.raises(EngineFailed, match=r"while it loaded tiny.gguf \(killed by SIGKILL"):
        await loading


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.parametrize("loading", [True, False])
async def test_the_process_dies_with_its_parent_however_the_parent_dies(
    library: SlowLibrary, tiny_gguf: Path, tmp_path: Path, loading: bool
) -> None:
    parent = Child("parent", [sys.executable, "-c", PARENT, str(tiny_gguf)], dict(os.environ), tmp_path)
    if not loading:
        library.open()
    parent.start()
    child = await library.begun(1)
    if not loading:
        await eventually(lambda: "loaded" in parent.tail() or None, 30, "it has loaded")
    parent.kill()
    await eventually(lambda: not Path(f"/proc/{child}").exists() or None, 10, "it ends")


PARENT = """
import asyncio, pathlib, sys
from ollama_worker.engines.llama_cpp_server import Plan, start

async def main():
    native = await start(Plan(pathlib.Path(sys.argv[1]), 512, 1))
    print("loaded", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_to_the_whole_group_cuts_no_answer_off(engine: LlamaCppEngine, number: signal.Signals) -> None:
    """Ctrl-C and a service manager reach every process: the worker has answers to finish first."""
    await engine.store.load("tiny")
    os.kill(pid_of(engine), number)
    assert isinstance((await answer(engine, CHAT))[-1], Finished)


def pid_of(engine: LlamaCppEngine) -> int:
    assert engine.store.chat._now is not None
    return engine.store.chat._now[0].process.pid


async def test_llama_cpp_writes_nothing_to_our_output(
    engine: LlamaCppEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    await answer(engine, CHAT)
    out, err = capfd.readouterr()
    assert err == "" and all("action=engine." in line for line in out.splitlines())


async def test_the_port_is_closed_to_a_caller_without_the_key(engine: LlamaCppEngine) -> None:
    async with engine.store.chat.use(engine.store.plan()) as http:
        stranger = EngineHttp(http.base_url, "llama.cpp", 5)
    with pytest.raises(RequestRefused, match="API Key"):
        await stranger.post("/tokenize", fault, {"content": "hi"})
    await stranger.close()
