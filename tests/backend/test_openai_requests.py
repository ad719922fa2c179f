"""OpenAI's requests as jobs, and which are refused: before anything is enqueued, with the place of what is wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from backend.dialects.common.tools import MALFORMED, written_of
from backend.dialects.openai import embeddings as openai_embeddings
from backend.dialects.openai.chat import CHAT
from backend.dialects.openai.completions import COMPLETIONS
from backend.dialects.openai.errors import BadParameter, refusal
from backend.errors import Conflict, Forbidden, Invalid, JobFailed, NotFound, QueueFull, Unavailable
from tests.backend.incoming import incoming
from tests.backend.pictures import PNG
from wire.records import JobRequest, Message

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
OTHER = {"type": "function", "function": {"name": "sub"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
SCHEMA = {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}, "$defs": {"N": {"type": "integer"}}}


def chat(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hello"}], **fields}


def job_of(**fields: Any) -> JobRequest:
    return CHAT.read(incoming(chat(**fields), 100)).ask


def said(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return job_of(messages=list(messages)).messages


# -- chat: what is passed on -------------------------------------------------------------------------------------


def test_a_bare_chat_sets_nothing_else() -> None:
    asked = CHAT.read(incoming(chat(), 100))
    assert asked.ask == JobRequest(model="", messages=(Message(role="user", content="hello"),))
    assert (asked.stream, asked.extra.include_usage) == (False, False)


def test_sampling_becomes_options() -> None:
    wanted = {"temperature": 0, "top_p": 0.5, "presence_penalty": 1, "frequency_penalty": -1.5, "seed": 7}
    assert job_of(**wanted, stop="x", max_tokens=5).options == {**wanted, "stop": ["x"], "num_predict": 5}
    assert job_of(stop=["a", "b"]).options == {"stop": ["a", "b"]}
    assert job_of(max_tokens=5, max_completion_tokens=9).options == {"num_predict": 9}
    assert job_of(max_tokens=2**40).options == {"num_predict": 1_048_576}


@pytest.mark.parametrize(
    ("effort", "think"),
    [
        ("none", False),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("xhigh", "high"),
        ("max", "high"),
    ],
)
def test_reasoning_effort_is_think(effort: str, think: Any) -> None:
    job = job_of(reasoning_effort=effort)
    assert (job.think, job.effort) == (think, effort)


def test_null_is_as_if_it_were_left_out() -> None:
    names = (
        "model stream stream_options n tools tool_choice response_format reasoning_effort logprobs top_logprobs stop"
    )
    more = "max_tokens max_completion_tokens temperature seed user logit_bias functions audio parallel_tool_calls"
    assert CHAT.read(incoming(chat(**dict.fromkeys((names + " " + more).split())), 100)).ask == job_of()


def test_fields_that_change_no_answer_are_ignored() -> None:
    assert (
        job_of(user="u", store=True, metadata={"a": "b"}, service_tier="flex", ignore_eos=True, unheard_of=[1])
        == job_of()
    )


def test_logprobs_are_requested() -> None:
    job = job_of(logprobs=True, top_logprobs=3)
    assert (job.logprobs, job.top_logprobs) == (True, 3)


def test_messages_of_all_roles() -> None:
    parts = [{"type": "text", "text": "What"}, {"type": "text", "text": "is it?"}]
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}}
    assert said(
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [*parts, picture], "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "hm"},
        {"role": "tool", "content": [{"type": "text", "text": "2"}], "tool_call_id": "c1"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ) == (
        Message(role="system", content="Be brief."),
        Message(role="user", content="What\nis it?", images=(PNG,)),
        Message(
            role="assistant",
            thinking="hm",
            tool_calls=({"id": "c1", "function": {"name": "add", "arguments": {"a": 1}}},),
        ),
        Message(role="tool", content="2", tool_name="add", tool_call_id="c1"),
        Message(role="assistant", content="No."),
    )


def test_roles_are_read_in_upper_and_lower_case() -> None:
    roles = [one.role for one in said({"role": "System", "content": "a"}, {"role": "USER", "content": "b"})]
    assert roles == ["system", "user"]


def test_an_assistant_s_message_may_be_thoughts_or_a_refusal_alone() -> None:
    assert said(
        {"role": "assistant", "content": None, "reasoning_content": "hm"},
        {"role": "assistant", "reasoning": "hm"},
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "assistant", "content": "Well.", "refusal": None},
    ) == (
        Message(role="assistant", thinking="hm"),
        Message(role="assistant", thinking="hm"),
        Message(role="assistant", content="No."),
        Message(role="assistant", content="Well."),
    )


def test_a_tool_may_have_nothing_to_say() -> None:
    [_, result] = said(
        {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": None, "tool_call_id": "c1"}
    )
    assert (result.role, result.content) == ("tool", "")


def test_a_file_of_text_is_read_as_its_name_and_its_text() -> None:
    data = base64.encodebytes("grüße\n".encode() * 40).decode()
    files = [{"filename": "a.txt", "file_data": data}, {"file_data": f"data:text/plain;base64,{data}"}]
    [message] = said({"role": "user", "content": [{"type": "file", "file": file} for file in files]})
    assert message.content == "a.txt:\n" + "grüße\n" * 40 + "\n" + "grüße\n" * 40


def test_tools_that_are_no_functions_are_left_out() -> None:
    tools = [{"type": "custom", "custom": {"name": "sql", "format": {"type": "grammar"}}}, TOOL, {"type": "new"}]
    assert [tool["function"]["name"] for tool in job_of(tools=tools, tool_choice="required").tools or ()] == ["add"]
    assert job_of(tools=tools[:1], tool_choice="auto").tools is None
    with pytest.raises(BadParameter) as raised:
        job_of(tools=[tools[0], {"type": "function", "function": {}}])
    assert raised.value.param == "tools[1].function.name", "the place is the one in the request"


# -- chat: what other servers of this protocol take --------------------------------------------------------------


def test_a_bias_goes_to_the_engine() -> None:
    assert job_of(logit_bias={"50256": -100, "7": 1.5}).options == {"logit_bias": {"50256": -100, "7": 1.5}}
    assert job_of(logit_bias={}).options == {}


GRAMMAR = 'root ::= "a"'


@pytest.mark.parametrize(
    ("sent", "options"),
    [
        ({"grammar": GRAMMAR}, {"grammar": GRAMMAR}),
        ({"guided_grammar": GRAMMAR, "guided_decoding_backend": "xgrammar"}, {"grammar": GRAMMAR}),
        ({"structured_outputs": {"grammar": GRAMMAR}}, {"grammar": GRAMMAR}),
        ({"guided_choice": ["a", 'b"c']}, {"grammar": 'root ::= "a" | "b\\"c"'}),
        ({"structured_outputs": {"choice": ["yes"]}}, {"grammar": 'root ::= "yes"'}),
        ({"guided_regex": "a+"}, {"regex": "a+"}),
        ({"structured_outputs": {"regex": "a+", "whitespace_pattern": " "}}, {"regex": "a+"}),
    ],
)
def test_a_form_of_another_server_is_an_option(sent: dict[str, Any], options: dict[str, Any]) -> None:
    assert job_of(**sent).options == options
    assert COMPLETIONS.read(incoming({"prompt": "x", **sent}, 9)).ask.options == {**options, "num_predict": 16}


@pytest.mark.parametrize(
    "sent",
    [
        {"guided_json": SCHEMA},
        {"guided_json": json.dumps(SCHEMA)},
        {"structured_outputs": {"json": SCHEMA}},
        {"json_schema": SCHEMA},
        {"response_format": {"type": "json_object", "schema": SCHEMA}},
        {"response_format": {"type": "json_schema", "schema": SCHEMA}},
    ],
)
def test_a_schema_is_one_wherever_it_stands(sent: dict[str, Any]) -> None:
    assert job_of(**sent).format == SCHEMA


def test_any_json_object_by_vllm_s_name() -> None:
    assert job_of(structured_outputs={"json_object": True}).format == "json"


def test_samplers_of_other_servers_are_options() -> None:
    assert job_of(top_k=40, min_p=0.1, repetition_penalty=1.1, typical_p=0.9).options == {
        **{"top_k": 40, "min_p": 0.1, "repeat_penalty": 1.1, "typical_p": 0.9},
    }
    assert job_of(top_k=-1, max_tokens=-1, repeat_penalty=1.2).options == {"repeat_penalty": 1.2}


def test_thinking_is_switched_by_other_names() -> None:
    assert (job_of(reasoning={"effort": "low"}).think, job_of(reasoning={"effort": "low"}).effort) == ("low", "low")
    assert job_of(chat_template_kwargs={"enable_thinking": False}).think is False
    assert job_of(chat_template_kwargs={"enable_thinking": False}, reasoning_effort="high").think == "high"


# -- chat: several answers ---------------------------------------------------------------------------------------


def test_several_answers_are_several_jobs() -> None:
    asked = CHAT.read(incoming(chat(n=3, temperature=1), 100))
    assert len(asked.asks) == 3 and set(map(str, asked.asks)) == {str(asked.ask)}
    assert CHAT.read(incoming(chat(n=1), 100)).others == ()


def test_a_seed_is_another_one_for_each_answer() -> None:
    """The same one would make the same answer so many times."""
    asked = CHAT.read(incoming(chat(n=3, seed=2**63 - 2), 100))
    assert [job.options["seed"] for job in asked.asks] == [2**63 - 2, 2**63 - 1, -(2**63)]


def test_a_call_without_arguments_has_none() -> None:
    call = {**CALL, "function": {"name": "add", "arguments": ""}}
    [message] = said({"role": "assistant", "tool_calls": [call]})
    assert message.tool_calls == ({"id": "c1", "function": {"name": "add", "arguments": {}}},)


DEEP = ('{"a":' * 260 + "1" + "}" * 260, '{"a":' * 51 + "1" + "}" * 51)
A_NUL = ('{"a": "\\u0000"}', '{"a": [{"\\u0000": 1}]}')


@pytest.mark.parametrize("written", ['{"a": ', "[1]", "null", "add 1", *DEEP, *A_NUL])
def test_arguments_that_a_model_got_wrong_are_replayed_as_it_wrote_them(written: str) -> None:
    """LangChain sends a model's invalid calls back as they are, and so does OpenAI take them."""
    call = {**CALL, "function": {"name": "add", "arguments": written}}
    message, _ = said({"role": "assistant", "tool_calls": [call]}, {**RESULT, "content": "That was no JSON."})
    [replayed] = message.tool_calls or ()
    assert replayed["function"]["arguments"] == {MALFORMED: written}
    assert written_of(replayed["function"]["arguments"]) == written


def test_arguments_may_be_nested_as_deep_as_any_tool_needs() -> None:
    call = {**CALL, "function": {"name": "add", "arguments": '{"a":' * 50 + "1" + "}" * 50}}
    [message] = said({"role": "assistant", "tool_calls": [call]})
    [replayed] = message.tool_calls or ()
    assert "a" in replayed["function"]["arguments"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, (None, None)),
        ("none", ("none", None)),
        ("auto", ("auto", None)),
        ("required", ("required", None)),
        ({"type": "function", "function": {"name": "add"}}, ("required", "add")),
    ],
)
def test_tool_choice(choice: Any, expected: tuple[str | None, str | None]) -> None:
    job = job_of(tools=[TOOL, OTHER], tool_choice=choice, parallel_tool_calls=False)
    assert (job.tool_choice, job.tool_name) == expected
    assert job.parallel_tool_calls is False
    assert [tool["function"]["name"] for tool in job.tools or ()] == ["add", "sub"]


def test_allowed_tools_are_those_that_are_offered() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "sub"}}]}
    job = job_of(tools=[TOOL, OTHER], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [tool["function"]["name"] for tool in job.tools or ()] == ["sub"]
    assert (job.tool_choice, job.tool_name) == ("required", None)


def test_a_choice_of_no_tools_is_none() -> None:
    assert job_of(tool_choice="auto", parallel_tool_calls=True) == job_of()


@pytest.mark.parametrize(
    ("wanted", "format"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}, SCHEMA),
    ],
)
def test_response_format(wanted: Any, format: Any) -> None:
    assert job_of(response_format=wanted).format == format


def test_a_property_may_be_named_like_a_keyword() -> None:
    schema = {"type": "object", "properties": {"not": {"type": "string"}, "if": {"enum": [{"not": 1}]}}}
    assert job_of(response_format=of_schema(schema)).format == schema


def of_schema(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}


# -- chat: what is refused ---------------------------------------------------------------------------------------


def message(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hello", **fields}]}


IMAGE_URL = "messages[0].content[0].image_url.url"


def picture(url: Any) -> dict[str, Any]:
    return message(content=[{"type": "image_url", "image_url": {"url": url}}])


RESULT = {"role": "tool", "content": "2", "tool_call_id": "c1"}
WRONG: dict[str, tuple[dict[str, Any], str, str]] = {  # what is sent besides, param, what the message names
    "no messages": ({"messages": []}, "messages", "at least 1"),
    "messages that are text": ({"messages": "hello"}, "messages", "list"),
    "too many messages": ({"messages": [{}] * 101}, "messages", "101"),
    "an unknown role": (message(role="robot"), "messages[0].role", "developer"),
    "no content": ({"messages": [{"role": "user"}]}, "messages[0]", "content"),
    "content that is a number": (message(content=7), "messages[0].content", "list"),
    "an unknown part": (message(content=[{"type": "video"}]), "messages[0].content[0].type", "image_url"),
    "a part that lacks what it says": (message(content=[{"type": "text"}]), "messages[0].content[0]", "text"),
    "a file": (message(content=[{"type": "file", "file": {}}]), "messages[0].content[0]", "file"),
    "audio": (message(content=[{"type": "input_audio"}]), "messages[0].content[0]", "input_audio"),
    "a remote image": (picture("https://127.0.0.1:1/a.png"), IMAGE_URL, "never fetched"),
    "an image on disk": (picture("file:///etc/passwd"), IMAGE_URL, "never fetched"),
    "an image that is no base64": (
        picture("data:image/png;base64,§"),
        IMAGE_URL,
        "base64",
    ),
    "an image that is none": (
        picture("data:image/png;base64,aGVsbG8="),
        IMAGE_URL,
        "image",
    ),
    "text as an image": (picture(f"data:text/plain;base64,{PNG}"), IMAGE_URL, "image/png"),
    "an image in a system message": (
        {"messages": [{**picture(f"data:image/png;base64,{PNG}")["messages"][0], "role": "system"}]},
        "messages[0]",
        "user message",
    ),
    "a result without a call": ({"messages": [RESULT]}, "messages[0].tool_call_id", "no assistant message"),
    "a result before its call": (
        {"messages": [RESULT, {"role": "assistant", "tool_calls": [CALL]}]},
        "messages[0].tool_call_id",
        "no assistant message",
    ),
    "a result that answers nothing": (message(role="tool"), "messages[0]", "tool_call_id"),
    "a user's calls": (message(tool_calls=[CALL]), "messages[0]", "assistant"),
    "the older calls": (message(role="function"), "messages[0]", "tool_calls"),
    "functions": ({"functions": [{"name": "f"}]}, "functions", "'tools'"),
    "function_call": ({"function_call": "auto"}, "function_call", "'tool_choice'"),
    "more answers than are made": ({"n": 9}, "n", "8"),
    "no answer": ({"n": 0}, "n", "1"),
    "half an answer": ({"n": 1.5}, "n", "integer"),
    "a bias of a word": ({"logit_bias": {"hello": 1}}, "logit_bias.hello.[key]", "pattern"),
    "a bias beyond the scale": ({"logit_bias": {"5": 101}}, "logit_bias.5", "100"),
    "a regex without end": ({"guided_regex": "a" * 65_537}, "guided_regex", "65536"),
    "no choice": ({"guided_choice": []}, "guided_choice", "at least 1"),
    "two forms": ({"guided_regex": "a", "grammar": 'root ::= "a"'}, "guided_regex", "one form"),
    "a form beside a schema": (
        {"grammar": 'root ::= "a"', "response_format": of_schema({"type": "object"})},
        "grammar",
        "one form",
    ),
    "a schema that is no JSON": ({"guided_json": "{"}, "guided_json", "JSON schema"),
    "a schema that is too deep": ({"guided_json": "[" * 51}, "guided_json", "50 levels"),
    "a tag of a structure": ({"structured_outputs": {"structural_tag": "x"}}, "structured_outputs", "not supported"),
    "words that may not come": ({"bad_words": ["x"]}, "bad_words", "leave it out"),
    "a template": ({"chat_template": "{{ messages }}"}, "chat_template", "leave it out"),
    "a choice of a free-form tool": (
        {"tools": [TOOL], "tool_choice": {"type": "custom", "custom": {"name": "add"}}},
        "tool_choice.type",
        "runs elsewhere",
    ),
    "a choice where no function is left": (
        {"tools": [{"type": "custom", "custom": {"name": "x"}}], "tool_choice": "required"},
        "tool_choice",
        "needs",
    ),
    "a file by its id": (
        message(content=[{"type": "file", "file": {"file_id": "f"}}]),
        "messages[0].content[0]",
        "file_data",
    ),
    "a file that is no text": (
        message(content=[{"type": "file", "file": {"file_data": PNG}}]),
        "messages[0].content[0].file.file_data",
        "files of text",
    ),
    "an assistant's nothing": (
        {"messages": [{"role": "assistant", "content": None}]},
        "messages[0]",
        "needs content",
    ),
    "a voice": ({"modalities": ["text", "audio"]}, "modalities[1]", "text"),
    "a search": ({"web_search_options": {"a": 1}}, "web_search_options", "searches"),
    "a temperature that is a word": ({"temperature": "hot"}, "temperature", "number"),
    "a temperature beyond the scale": ({"temperature": 2.1}, "temperature", "2"),
    "a share above one": ({"top_p": 1.5}, "top_p", "1"),
    "a penalty beyond the scale": ({"presence_penalty": 3}, "presence_penalty", "2"),
    "no token": ({"max_tokens": 0}, "max_tokens", "1"),
    "half a token": ({"max_completion_tokens": 1.5}, "max_completion_tokens", "integer"),
    "a seed of 65 bits": ({"seed": 2**64 - 1}, "seed", "less than"),
    "an empty stop string": ({"stop": ""}, "stop[0]", "1"),
    "too many stop strings": ({"stop": ["x"] * 257}, "stop", "256"),
    "stream that is a word": ({"stream": "yes"}, "stream", "boolean"),
    "stream_options without a stream": ({"stream_options": {"include_usage": True}}, "stream_options", "stream"),
    "too many logprobs": ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "20"),
    "top_logprobs alone": ({"top_logprobs": 2}, "top_logprobs", "logprobs"),
    "a thought of unknown depth": ({"reasoning_effort": "very"}, "reasoning_effort", "minimal"),
    "a model's name without end": ({"model": "m" * 201}, "model", "200"),
    "tools that are no objects": ({"tools": ["hammer"]}, "tools[0]", "Tool"),
    "a choice that is a word": ({"tools": [TOOL], "tool_choice": "any"}, "tool_choice.type", "required"),
    "a choice of nothing": ({"tool_choice": "required"}, "tool_choice", "needs 'tools'"),
    "a choice of an unknown tool": (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "mul"}}},
        "tool_choice",
        "'mul'",
    ),
    "an unknown format": ({"response_format": {"type": "xml"}}, "response_format.type", "json_schema"),
    "a format without its schema": ({"response_format": {"type": "json_schema"}}, "response_format", "json_schema"),
    "a schema that is a list": (
        {"response_format": of_schema([])},
        "response_format.json_schema.schema",
        "dictionary",
    ),
    "a schema of a list": (
        {"response_format": of_schema({"type": "array", "items": {}})},
        "response_format.json_schema.schema",
        "type object",
    ),
    "a remote schema": (
        {"response_format": of_schema({"$ref": "https://127.0.0.1:1/s.json"})},
        "response_format.json_schema.schema",
        "nothing is fetched",
    ),
    "a reference to nothing": (
        {"response_format": of_schema({"properties": {"a": {"$ref": "#/$defs/gone"}}})},
        "response_format.json_schema.schema",
        "points to nothing",
    ),
    "a keyword beyond all engines": (
        {"response_format": of_schema({"properties": {"a": {"anyOf": [{"not": {"type": "null"}}]}}})},
        "response_format.json_schema.schema",
        "'not'",
    ),
    "a type that is none": (
        {"response_format": of_schema({"properties": {"a": {"type": "text"}}})},
        "response_format.json_schema.schema",
        "type must be",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_chat_is_refused(name: str) -> None:
    fields, param, says = WRONG[name]
    with pytest.raises(BadParameter) as raised:
        CHAT.read(incoming(chat(**fields), 100))
    assert raised.value.param == param
    assert says in raised.value.message
    told = refusal(raised.value, "r1")
    assert told.status == 400
    error = told.body["error"]
    assert (error["type"], error["param"], error["request_id"]) == ("invalid_request_error", param, "r1")
    assert len(error["message"]) < 600


def test_a_prompt_is_not_repeated_in_a_complaint() -> None:
    with pytest.raises(BadParameter) as raised:
        CHAT.read(incoming(chat(messages=[{"role": "user", "content": {"secret": "word"}}]), 100))
    assert "secret" not in raised.value.message


# -- completions -------------------------------------------------------------------------------------------------


def test_a_completion_goes_on_behind_its_prompt() -> None:
    asked = COMPLETIONS.read(
        incoming({"prompt": "Once", "suffix": "end", "echo": True, "stop": "x", "best_of": 1, "n": 1}, 9)
    )
    assert asked.ask == JobRequest(
        kind="generate", model="", prompt="Once", suffix="end", options={"stop": ["x"], "num_predict": 16}
    )
    assert asked.extra.echo is True
    assert COMPLETIONS.read(incoming({"prompt": ["Once"], "max_tokens": 3}, 9)).ask.options == {"num_predict": 3}


def test_a_prompt_may_be_empty_also_before_a_suffix() -> None:
    assert COMPLETIONS.read(incoming({"prompt": ""}, 9)).ask.prompt == ""
    job = COMPLETIONS.read(incoming({"prompt": "", "suffix": "end"}, 9)).ask
    assert (job.prompt, job.suffix) == ("", "end")


def test_each_prompt_has_its_answers_side_by_side() -> None:
    asked = COMPLETIONS.read(incoming({"prompt": ["a", "b"], "n": 2, "best_of": 2, "seed": 5}, 9))
    assert [(job.prompt, job.options["seed"]) for job in asked.asks] == [("a", 5), ("a", 6), ("b", 5), ("b", 6)]


def test_a_completion_s_logprobs() -> None:
    job = COMPLETIONS.read(incoming({"prompt": "Once", "logprobs": 0}, 9)).ask
    assert (job.logprobs, job.top_logprobs) == (True, 0)
    assert COMPLETIONS.read(incoming({"prompt": "Once"}, 9)).ask.logprobs is None


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"prompt": [1, 2]}, "prompt", "unsupported"),
        ({"prompt": [[1, 2]]}, "prompt", "unsupported"),
        ({"prompt": ["a", 1]}, "prompt[1]", "invalid_request"),
        ({"prompt": ["a"] * 129}, "prompt", "invalid_request"),
        ({"prompt": ["a"] * 65, "n": 2}, "n", "invalid_request"),
        ({"prompt": []}, "prompt", "invalid_request"),
        ({"prompt": None}, "prompt", "invalid_request"),
        ({"n": 9}, "n", "invalid_request"),
        ({"n": 2, "best_of": 1}, "best_of", "unsupported"),
        ({"best_of": 3}, "best_of", "unsupported"),
        ({"logprobs": 6}, "logprobs", "invalid_request"),
        ({"logprobs": True}, "logprobs", "invalid_request"),
        ({"echo": True, "logprobs": 1}, "logprobs", "unsupported"),
        ({"prompt_logprobs": 1}, "prompt_logprobs", "unsupported"),
        ({"stream_options": {}}, "stream_options", "invalid_request"),
    ],
)
def test_a_wrong_completion_is_refused(fields: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(BadParameter) as raised:
        COMPLETIONS.read(incoming({"prompt": "Once", **fields}, 9))
    assert (raised.value.param, raised.value.code, refusal(raised.value, "").status) == (param, code, 400)


# -- embeddings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
        (["a"] * 2_048, ("a",) * 2_048),
    ],
)
def test_all_forms_of_input(given: Any, inputs: tuple[Any, ...]) -> None:
    wanted = openai_embeddings.read({"input": given, "model": "m", "dimensions": 3, "user": "u"})
    assert wanted.ask == JobRequest(kind="embed", model="m", inputs=inputs, dimensions=3)
    assert not wanted.as_base64


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input[0]"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": {}}, "input"),
        ({"input": [[]]}, "input[0]"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", 1]}, "input[1]"),
        ({"input": ["a", [1]]}, "input"),
        ({"input": [1, -2]}, "input[0]"),
        ({"input": [1, "a"]}, "input[0]"),
        ({"input": [True]}, "input[0]"),
        ({"input": [[2**31]]}, "input[0]"),
        ({"input": ["a"] * 2_049}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_a_wrong_embedding_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadParameter) as raised:
        openai_embeddings.read({"input": "a", **fields})
    assert (raised.value.param, refusal(raised.value, "").status) == (param, 400)


# -- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "type", "code"),
    [
        (Invalid("x"), 400, "invalid_request_error", "invalid_request"),
        (NotFound("x", "model_not_found"), 404, "invalid_request_error", "model_not_found"),
        (Forbidden("x"), 403, "permission_error", "forbidden"),
        (QueueFull("x", "queue_full_depth"), 429, "rate_limit_error", "queue_full_depth"),
        (Unavailable("x"), 503, "server_error", "unavailable"),
        (Conflict("x", "job_lost"), 409, "invalid_request_error", "job_lost"),
        (JobFailed("context_too_long", "x"), 400, "invalid_request_error", "context_length_exceeded"),
        (JobFailed("engine_refused", "x"), 400, "invalid_request_error", "engine_refused"),
        (JobFailed("unsupported", "x"), 400, "invalid_request_error", "unsupported"),
        (JobFailed("deadline", "x"), 504, "server_error", "deadline"),
        (JobFailed("cancelled", "x"), 499, "invalid_request_error", "cancelled"),
        (JobFailed("failed", "x"), 500, "server_error", "failed"),
    ],
)
def test_errors_in_openai_s_words(error: Any, status: int, type: str, code: str) -> None:
    told = refusal(error, "r1")
    assert told.status == status
    param = "model" if code == "model_not_found" else None
    assert told.body == {"error": {"message": "x", "type": type, "param": param, "code": code, "request_id": "r1"}}
