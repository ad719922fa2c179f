"""`/v1/responses` as a translation: its numbers are a function of the log alone, whoever tells it and however often."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from backend.chat.outcome import Outcome
from backend.dialects.common.tools import MALFORMED
from backend.dialects.openai.errors import refusal
from backend.dialects.responses.door import DOOR
from backend.dialects.responses.input import input_items_of
from backend.dialects.responses.object import Origin, ended, output_of
from backend.dialects.responses.stream import ResponseEvents
from backend.errors import ApiError
from tests.backend.incoming import incoming
from tests.backend.pictures import PNG
from wire.events import EventId, LogEntry, Restarted, encode, token

JOB = "12345678-1234-4234-8234-123456789abc"
HEX = JOB.replace("-", "")
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
COMPLETED = {
    "type": "completed",
    "finish_reason": "stop",
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "cached_tokens": 2, "thinking_tokens": 1},
    "timings": {},
    "model": "tiny:latest",
}
FAILED = {"type": "failed", "code": "worker_lost", "message": "It broke.", "retryable": True}
CANCELLED = {"type": "cancelled", "reason": "asked"}
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
CALL = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Ulm"}'}


def asked_of(**body: Any) -> Origin:
    return Origin(JOB, "tiny:latest", DOOR.read(incoming({"input": "Hi", **body}, 100)).ask)


def started(attempt: int) -> dict[str, Any]:
    return {"type": "started", "attempt": attempt, "worker": "w", "model": "tiny"}


def log_of(*events: dict[str, Any] | bytes) -> list[LogEntry]:
    """Ids as the wire gives them: `started` begins an attempt."""
    entries, attempt, seq = [], 0, 0
    for event in events:
        body = event if isinstance(event, bytes) else orjson.dumps(event)
        kind = orjson.loads(body)["type"]
        attempt, seq = (attempt + 1, 0) if kind == "started" else (attempt, seq + 1)
        entries.append(LogEntry(EventId(attempt, seq), body))
    return entries


def frames_of(raw: bytes) -> list[dict[str, Any]]:
    told = []
    for block in raw.split(b"\n\n"):
        lines = [line for line in block.split(b"\n") if line and not line.startswith(b":")]
        if lines:
            name, data = lines
            body = orjson.loads(data.removeprefix(b"data: "))
            assert name == b"event: " + body["type"].encode()
            told.append(body)
    return told


def stream_of(asked: Origin, log: list[LogEntry], after: int = -1, cuts: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """`cuts`: where the log is cut into bursts."""
    events = ResponseEvents(asked, after)
    raw, places = events.opening(), [0, *sorted(cuts), len(log)]
    for begin, end in itertools.pairwise(places):
        if log[begin:end]:
            raw += events.burst(log[begin:end])
    return frames_of(raw)


def outcome_of(log: list[LogEntry]) -> Outcome:
    outcome = Outcome()
    outcome.fold(log)
    return outcome


# -- the numbers -------------------------------------------------------------------------------------------------
CALLS = [{"function": {"name": "weather", "arguments": {"city": "Ulm"}}}]
text_events = st.one_of(
    st.text(min_size=1, max_size=8).map(token),
    st.text(min_size=1, max_size=8).map(lambda text: token("", text)),
    st.just(token("", tool_calls=CALLS)),
    st.just(token("x", "y", CALLS)),
    st.just(token("a", logprobs=[{"token": "a", "logprob": -0.5, "top_logprobs": []}])),
    st.just(orjson.dumps({"type": "rerouted", "pool": "p", "model": "m", "reason": "r"})),
)
attempts = st.lists(st.lists(text_events, max_size=8), min_size=1, max_size=3)
ends = st.sampled_from([COMPLETED, {**COMPLETED, "finish_reason": "length"}, FAILED, CANCELLED])


def log_from(parts: list[list[bytes]], end: dict[str, Any]) -> list[LogEntry]:
    """Attempts of which each later one makes the earlier ones void."""
    events: list[dict[str, Any] | bytes] = []
    for number, said in enumerate(parts, 1):
        events += [started(number), *([encode(Restarted())] if number > 1 else []), *said]
    return log_of(*events, end)


@settings(deadline=None)
@given(attempts, ends, st.booleans(), st.data())
def test_a_stream_goes_on_exactly_behind_any_of_its_events(
    parts: list[list[bytes]], end: dict[str, Any], background: bool, data: st.DataObject
) -> None:
    asked, log = asked_of(background=background), log_from(parts, end)
    whole = stream_of(asked, log)
    assert [frame["sequence_number"] for frame in whole] == list(range(len(whole)))
    cuts = tuple(data.draw(st.lists(st.integers(0, len(log)), max_size=4)))
    for after in range(-1, len(whole)):
        assert stream_of(asked, log, after, cuts) == whole[after + 1 :], f"cut behind {after}"


@settings(deadline=None)
@given(attempts, ends)
def test_every_frame_is_one_that_the_official_client_knows(parts: list[list[bytes]], end: dict[str, Any]) -> None:
    frames = stream_of(asked_of(), log_from(parts, end))
    assert frames[0]["type"] == "response.created" and "response" in frames[-1]
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for frame in frames:
        event = EVENT.validate_python(frame)
        assert event.type == frame["type"]
        state.handle_event(event)


@settings(deadline=None)
@given(attempts, ends)
def test_items_are_opened_filled_and_closed_in_order(parts: list[list[bytes]], end: dict[str, Any]) -> None:
    frames = stream_of(asked_of(), log_from(parts, end))
    open_item: dict[str, Any] | None = None
    text, names = "", []
    for frame in frames:
        if frame["type"] == "response.output_item.added":
            assert open_item is None and frame["output_index"] == len(names)
            open_item, text = frame["item"], ""
            assert open_item is not None and open_item["status"] == "in_progress"
            names.append(open_item["id"])
        elif frame["type"].endswith(".delta"):
            assert open_item is not None and frame["item_id"] == open_item["id"]
            text += frame["delta"]
        elif frame["type"] == "response.output_item.done":
            assert open_item is not None and frame["item"]["id"] == open_item["id"]
            assert said_in(frame["item"]) == text
            open_item = None
    assert open_item is None and len(set(names)) == len(names)


@settings(deadline=None)
@given(attempts, ends)
def test_the_last_frame_holds_only_what_won(parts: list[list[bytes]], end: dict[str, Any]) -> None:
    last = stream_of(asked_of(), log_from(parts, end))[-1]["response"]
    alone = stream_of(asked_of(), log_from(parts[-1:], end))[-1]["response"]
    assert [without_id(item) for item in last["output"]] == [without_id(item) for item in alone["output"]]


@settings(deadline=None)
@given(st.lists(st.lists(st.text(min_size=1, max_size=8).map(token), max_size=8), min_size=1, max_size=3), ends)
def test_a_response_that_is_fetched_is_the_one_that_was_streamed(parts: list[list[bytes]], end: dict[str, Any]) -> None:
    asked, log = asked_of(), log_from(parts, end)
    outcome = outcome_of(log)
    assert stream_of(asked, log)[-1]["response"] == ended(asked, outcome.end, output_of(JOB, outcome))


def said_in(item: dict[str, Any]) -> str:
    if item["type"] == "function_call":
        return str(item["arguments"])
    return "".join(part["text"] for part in item.get("content", item.get("summary", [])))


def without_id(item: dict[str, Any]) -> dict[str, Any]:
    """A restart changes the ids of items and calls."""
    return {name: value for name, value in item.items() if name not in ("id", "call_id")}


# -- a stream in full --------------------------------------------------------------------------------------------
def test_a_plain_answer_comes_as_openai_sends_it() -> None:
    frames = stream_of(asked_of(), log_of(started(1), token("Hel"), token("lo"), COMPLETED))
    assert [frame["type"].removeprefix("response.") for frame in frames] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    told = Response.model_validate(frames[-1]["response"])
    assert told.id == f"resp_{HEX}" and told.output_text == "Hello" and told.output[0].id == f"msg_{HEX}"
    assert told.usage is not None and told.usage.total_tokens == 7
    assert told.usage.input_tokens_details.cached_tokens == 2
    assert told.usage.output_tokens_details.reasoning_tokens == 1


def test_thoughts_text_and_calls_are_items_of_their_own() -> None:
    log = log_of(started(1), token("", "Hm"), token("So"), token("", tool_calls=CALLS * 2), COMPLETED)
    output = stream_of(asked_of(), log)[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call", "function_call"]
    assert [item["call_id"] for item in output[2:]] == [f"call_{HEX[:24]}_0", f"call_{HEX[:24]}_1"]
    assert output[2]["arguments"] == '{"city":"Ulm"}'
    outcome = outcome_of(log)
    assert output == ended(asked_of(), outcome.end, output_of(JOB, outcome))["output"]


def test_an_attempt_that_is_void_leaves_an_incomplete_item_and_a_new_one_begins_behind_it() -> None:
    log = log_from([[token("old")], [token("new")]], COMPLETED)
    frames = stream_of(asked_of(), log)
    done = [frame for frame in frames if frame["type"] == "response.output_item.done"]
    assert [(frame["output_index"], frame["item"]["status"]) for frame in done] == [(0, "incomplete"), (1, "completed")]
    [item] = frames[-1]["response"]["output"]
    assert item["id"] == f"msg_{HEX}_r1" and said_in(item) == "new"


def test_an_attempt_that_is_continued_stays_in_one_item() -> None:
    frames = stream_of(asked_of(), log_of(started(1), token("Hel"), started(2), token("lo"), COMPLETED))
    assert frames[-1]["response"]["output"][0]["content"][0]["text"] == "Hello"
    assert sum(frame["type"] == "response.in_progress" for frame in frames) == 1


def test_an_event_that_is_in_no_log_has_no_number() -> None:
    events, asked = ResponseEvents(asked_of(background=True)), asked_of(background=True)
    news = orjson.dumps({"type": "queued", "position": 3, "eta_seconds": 12, "reason": "waiting"})
    raw = events.opening() + events.burst([LogEntry(None, news)])
    assert b": queued position=3 eta=12 reason=waiting\n" in raw
    log = log_of(started(1), token("x"), COMPLETED)
    assert frames_of(raw + events.burst(log)) == stream_of(asked, log)


def test_while_nothing_comes_the_state_is_sent_again_under_the_last_number() -> None:
    """A client that resumes behind it misses nothing, one that waits for events hears one."""
    asked, log = asked_of(), log_of(started(1), token("x"), token("y"), COMPLETED)
    whole, state = stream_of(asked, log), ResponseStreamState[Any](input_tools=omit, text_format=omit)
    events = ResponseEvents(asked)
    raw = events.opening() + events.keep_alive() * 2
    for entry in log[:-1]:
        raw += events.burst([entry]) + events.keep_alive()
    frames = frames_of(raw + events.burst(log[-1:]))
    again = [frame for before, frame in itertools.pairwise(frames) if number_of(frame) == number_of(before)]
    told = [(frame["type"], frame["response"]["status"]) for frame in again]
    assert told == [("response.queued", "queued")] * 2 + [("response.in_progress", "in_progress")] * 3
    firsts = [
        frames[0],
        *(frame for before, frame in itertools.pairwise(frames) if number_of(frame) > number_of(before)),
    ]
    assert firsts == whole and len(firsts) + len(again) == len(frames)
    for frame in frames:
        state.handle_event(EVENT.validate_python(frame))
    for after in map(number_of, again):
        assert stream_of(asked, log, after) == whole[after + 1 :]


def number_of(frame: dict[str, Any]) -> int:
    return int(frame["sequence_number"])


def test_a_stream_that_is_resumed_waits_under_the_number_that_it_resumes_behind() -> None:
    events = ResponseEvents(asked_of(), 40)
    [frame] = frames_of(events.opening() + events.keep_alive())
    assert (frame["type"], frame["sequence_number"]) == ("response.queued", 40)


def test_a_log_that_was_lost_ends_the_stream_with_an_error() -> None:
    events = ResponseEvents(asked_of())
    raw = events.opening() + events.burst([*log_of(started(1), token("x")), LogEntry(None, encode(Restarted()))])
    last = frames_of(raw)[-1]
    assert (last["type"], last["code"]) == ("error", "interrupted") and events.done
    assert events.burst(log_of(started(1), token("y"))) == b""


@pytest.mark.parametrize(
    ("end", "kind", "status"),
    [
        (COMPLETED, "completed", "completed"),
        ({**COMPLETED, "finish_reason": "length"}, "incomplete", "incomplete"),
        ({**COMPLETED, "finish_reason": "content_filter"}, "incomplete", "incomplete"),
        (FAILED, "failed", "failed"),
        (CANCELLED, "failed", "cancelled"),
    ],
)
def test_how_a_stream_ends(end: dict[str, Any], kind: str, status: str) -> None:
    *_, done, last = stream_of(asked_of(), log_of(started(1), token("x"), end))
    assert (last["type"], last["response"]["status"]) == (f"response.{kind}", status)
    assert done["item"]["status"] == ("completed" if status == "completed" else "incomplete")
    assert (last["response"]["error"] is None) == (status != "failed")
    assert (last["response"]["incomplete_details"] is None) == (status != "incomplete")


# -- what is read ------------------------------------------------------------------------------------------------
def test_items_become_messages_and_items_again() -> None:
    items = [
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is"},
         {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
        CALL,
        {**CALL, "call_id": "c2"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "sun"}]},
    ]  # fmt: skip
    job = DOOR.read(incoming({"input": items, "instructions": "You are kind.", "tools": [WEATHER]}, 100)).ask
    assert [message.role for message in job.messages] == ["system", "system", "user", "assistant", "tool"]
    assert job.messages[2].images == (PNG,)
    assert [call["id"] for call in job.messages[3].tool_calls or ()] == ["c1", "c2"]
    assert (job.messages[4].tool_name, job.messages[4].content) == ("weather", "sun")
    told = input_items_of(JOB, job.messages[int((job.echo or {})["own"]) :])
    assert [item["type"] for item in told] == ["message"] * 3 + ["function_call"] * 2 + ["function_call_output"]
    again = DOOR.read(incoming({"input": told, "instructions": "You are kind."}, 100)).ask
    assert again.messages == job.messages, "what is told again cannot be sent again"


def test_arguments_that_a_model_got_wrong_are_replayed_and_sent_back() -> None:
    job = DOOR.read(incoming({"input": [{**CALL, "arguments": '{"city": '}]}, 100)).ask
    assert [call["function"]["arguments"] for call in job.messages[0].tool_calls or ()] == [{MALFORMED: '{"city": '}]
    assert [item["arguments"] for item in input_items_of(JOB, job.messages)] == ['{"city": ']


THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "It rains"}]}
FULL = {**THOUGHT, "content": [{"type": "reasoning_text", "text": "It rains, so"}]}
SAID = {"role": "assistant", "content": "I look."}
ASKED = {"role": "user", "content": "Why?"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "sun"}


@pytest.mark.parametrize(
    ("items", "thoughts"),
    [
        ([THOUGHT, CALL, RESULT], ["It rains", None]),
        ([FULL, SAID, CALL, RESULT], ["It rains, so", None]),
        ([THOUGHT, FULL, SAID], ["It rains\nIt rains, so"]),
        ([THOUGHT, SAID, FULL, CALL, RESULT], ["It rains\nIt rains, so", None]),
        ([SAID, ASKED, THOUGHT, CALL, RESULT], [None, None, "It rains", None]),
        ([THOUGHT, ASKED, SAID], [None, None]),
        ([SAID, THOUGHT], [None]),
        ([{**THOUGHT, "summary": [], "encrypted_content": "x"}, SAID], [None]),
    ],
)
def test_thoughts_belong_to_the_assistant_s_next_message(
    items: list[dict[str, Any]], thoughts: list[str | None]
) -> None:
    job = DOOR.read(incoming({"input": items}, 100)).ask
    assert [message.thinking for message in job.messages] == thoughts
    assert DOOR.read(incoming({"input": input_items_of(JOB, job.messages)}, 100)).ask.messages == job.messages


def test_options_become_the_jobs_own() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    body = {
        "input": "Hi",
        "tools": [WEATHER, {**WEATHER, "name": "time"}],
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "time"}]},
        "parallel_tool_calls": False,
        "text": {"format": {"type": "json_schema", "name": "a", "schema": schema}, "verbosity": "low"},
        "truncation": "auto",
        "reasoning": {"effort": "minimal"},
        "max_output_tokens": 7,
        "temperature": 0.5,
        "top_p": 1,
        "include": ["message.output_text.logprobs"],
        "something_new": {"a": 1},
    }
    job = DOOR.read(incoming(body, 100)).ask
    assert job.options == {"temperature": 0.5, "top_p": 1.0, "num_predict": 7}
    assert [tool["function"]["name"] for tool in job.tools or ()] == ["time"]
    assert (job.tool_choice, job.parallel_tool_calls, job.think) == ("required", False, "low")
    assert (job.format, job.logprobs) == (schema, True)
    told = ended(Origin(JOB, "tiny", job), COMPLETED, [])
    assert told["tool_choice"] == body["tool_choice"] and len(told["tools"]) == 2
    assert told["text"] == body["text"]
    assert told["truncation"] == "disabled", "nothing here cuts a conversation"
    Response.model_validate(told)


# As Codex offers them: its own functions, and what runs at OpenAI, in a namespace, or in a grammar of its own.
ELSEWHERE: list[dict[str, Any]] = [
    {"type": "namespace", "name": "agents", "tools": [{**WEATHER, "name": "spawn"}]},
    {"type": "web_search", "external_web_access": False},
    {"type": "web_search_preview_2025_03_11"},
    {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
    {"type": "local_shell"},
    {"type": "image_generation", "output_format": "png"},
    {"type": "mcp", "server_label": "docs", "server_url": "https://example.org"},
    {"type": "something_new"},
]


@pytest.mark.parametrize("choice", [{}, {"tool_choice": "auto"}, {"tool_choice": "required"}])
def test_tools_that_run_elsewhere_are_left_out(choice: dict[str, Any]) -> None:
    asked = asked_of(tools=[*ELSEWHERE[:3], WEATHER, *ELSEWHERE[3:]], **choice)
    assert [tool["function"]["name"] for tool in asked.ask.tools or ()] == ["weather"]
    told = Response.model_validate(ended(asked, COMPLETED, []))
    assert [tool.type for tool in told.tools] == ["function"], "what is told is what the model could choose from"
    assert asked_of(tools=ELSEWHERE).ask.tools is None


def test_allowed_tools_may_name_some_that_run_elsewhere() -> None:
    allowed = [{"type": "web_search"}, {"type": "function", "name": "weather"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": allowed}
    job = asked_of(tools=[WEATHER, {**WEATHER, "name": "time"}, *ELSEWHERE], tool_choice=choice).ask
    assert [tool["function"]["name"] for tool in job.tools or ()] == ["weather"]


def test_a_summary_of_thoughts_may_be_declined() -> None:
    assert asked_of(reasoning={"summary": "none", "effort": "low"}).ask.think == "low"


def test_an_output_of_parts_is_text_with_its_images_behind_all_outputs() -> None:
    """A result that does not follow its call directly breaks the templates of most models."""
    log = base64.encodebytes("grüße\n".encode() * 40).decode()
    output: list[dict[str, Any]] = [
        {"type": "input_text", "text": "Seen."},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
        {"type": "input_file", "filename": "a.log", "file_data": log},
    ]
    items = [
        *({**CALL, "call_id": call_id} for call_id in ("c1", "c2")),
        {"type": "function_call_output", "call_id": "c1", "output": output},
        {"type": "function_call_output", "call_id": "c2", "output": "bare"},
        {"role": "user", "content": "So?"},
    ]
    job = DOOR.read(incoming({"input": items}, 100)).ask
    assert [message.role for message in job.messages] == ["assistant", "tool", "tool", "user", "user"]
    assert job.messages[1].content == "Seen.\na.log:\n" + "grüße\n" * 40
    assert (job.messages[3].images, job.messages[3].content) == ((PNG,), "")


def test_calls_of_other_tools_are_history_as_functions_are() -> None:
    items = [
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done."},
        {"type": "local_shell_call", "call_id": "c2", "action": {"type": "exec", "command": ["ls"]}},
        {"type": "local_shell_call_output", "id": "c2", "output": "a b"},
    ]
    first, done, second, listed = DOOR.read(incoming({"input": items}, 100)).ask.messages
    [patch], [shell] = first.tool_calls or (), second.tool_calls or ()
    assert patch["function"] == {"name": "apply_patch", "arguments": {"input": "*** Begin"}}
    assert shell["function"] == {"name": "local_shell", "arguments": {"type": "exec", "command": ["ls"]}}
    assert (done.content, done.tool_name, listed.content, listed.tool_name) == (
        *("Done.", "apply_patch"),
        *("a b", "local_shell"),
    )


WRONG: dict[str, tuple[dict[str, Any], str | None]] = {
    "no input": ({}, "input"),
    "an empty list": ({"input": []}, "input"),
    "only thoughts": ({"input": [{"type": "reasoning", "summary": []}]}, "input"),
    "a number": ({"input": 7}, "input"),
    "an unknown role": ({"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
    "no role": ({"input": [{"content": "x"}]}, "input[0]"),
    "an unknown item": ({"input": [{"type": "web_search_call"}]}, "input[0].type"),
    "a type that is no word": ({"input": [{"type": {"a": 1}, "call_id": "c1"}]}, "input[0].type"),
    "a reference to nothing": ({"input": [{"type": "item_reference"}]}, "input[0]"),
    "a file that is no text": (
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_data": PNG}]}]},
        "input[0].content[0].file_data",
    ),
    "an output's sound": (
        {"input": [CALL, {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_audio"}]}]},
        "input[1].output[0]",
    ),
    "an output's file by its id": (
        {"input": [CALL, {"type": "function_call_output", "call_id": "c1", "output": [
            {"type": "input_file", "file_id": "f"}]}]},
        "input[1].output[0]",
    ),
    "an output without its call": (
        {"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "input",
    ),
    "thoughts that are no text": (
        {"input": [{"type": "reasoning", "summary": [{"text": 7}]}]}, "input[0].summary[0].text",
    ),
    "a remote image": (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://example.org/a.png"}]}]},
        "input[0].content[0].image_url",
    ),
    "an image that is none": (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}]},
        "input[0].content[0].image_url",
    ),
    "an uploaded image": (
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]},
        "input[0].content[0].file_id",
    ),
    "an assistant's image": (
        {"input": [{"role": "assistant", "content": [
            {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}]}]},
        "input[0]",
    ),
    "a file": (
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input[0].content[0]",
    ),
    "a choice of a tool that runs elsewhere": (
        {"input": "x", "tools": [WEATHER, {"type": "web_search"}], "tool_choice": {"type": "web_search"}},
        "tool_choice.type",
    ),
    "a choice of a free-form tool": (
        {"input": "x", "tools": [WEATHER], "tool_choice": {"type": "custom", "name": "weather"}}, "tool_choice.type",
    ),
    "a call that no tool here can be": (
        {"input": "x", "tools": [{"type": "web_search"}], "tool_choice": "required"}, "tool_choice",
    ),
    "a choice of nothing that is left": (
        {"input": "x", "tools": [{"type": "web_search"}], "tool_choice": {
            "type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]}},
        "tool_choice",
    ),
    "a function without a name": ({"input": "x", "tools": [{"type": "web_search"}, {"type": "function"}]},
        "tools[1].name"),
    "a choice without tools": ({"input": "x", "tool_choice": "required"}, "tool_choice"),
    "a choice of another tool": (
        {"input": "x", "tools": [WEATHER], "tool_choice": {"type": "function", "name": "time"}}, "tool_choice",
    ),
    "a hosted choice": ({"input": "x", "tool_choice": {"type": "file_search"}}, "tool_choice.type"),
    "a schema without a name": (
        {"input": "x", "text": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "text.format",
    ),
    "a schema that is none": (
        {"input": "x", "text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "thing"}}}},
        "text.format.schema",
    ),
    "background without store": ({"input": "x", "background": True, "store": False}, "background"),
    "a conversation": ({"input": "x", "conversation": "conv_1"}, "conversation"),
    "a stored prompt": ({"input": "x", "prompt": {"id": "p"}}, "prompt"),
    "too hot": ({"input": "x", "temperature": 3}, "temperature"),
    "no room": ({"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
    "too much metadata": ({"input": "x", "metadata": {str(n): "" for n in range(17)}}, "metadata"),
    "metadata of numbers": ({"input": "x", "metadata": {"a": 1}}, "metadata.a"),
    "a wrong truncation": ({"input": "x", "truncation": "some"}, "truncation"),
    "a word for a boolean": ({"input": "x", "stream": "yes"}, "stream"),
    "too many items": ({"input": [{"role": "user", "content": "x"}] * 101}, None),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_request_is_a_400_that_names_the_place(wrong: str) -> None:
    body, param = WRONG[wrong]
    with pytest.raises(ApiError) as error:
        DOOR.read(incoming(body, 100))
    told = refusal(error.value, "r1")
    assert told.status == 400 and told.body["error"]["type"] == "invalid_request_error"
    assert told.body["error"]["param"] == param, told.body
