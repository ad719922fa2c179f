"""What Anthropic's clients ask becomes a job, or is refused where it is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from backend.dialects.anthropic.request import read_messages
from backend.errors import Invalid
from tests.backend.pictures import PNG as PIXEL

TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "4"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}


def asked(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": list(messages) or [{"role": "user", "content": "hi"}], **more}


def job(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = read_messages(asked(*messages, **more), 100).to_ask()
    return made.model_dump(exclude_defaults=True, mode="json")


def test_a_conversation_becomes_a_job() -> None:
    made = job(
        {"role": "user", "content": [{"type": "text", "text": "a"}, IMAGE, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""}, USE]},
        {"role": "user", "content": [RESULT, {"type": "text", "text": "go on"}]},
        system=[
            {"type": "text", "text": "Be", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "brief"},
        ],
        tools=[TOOL],
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        stop_sequences=["END"],
        metadata={"user_id": "u"},
    )
    assert made == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be\nbrief"},
            {"role": "user", "content": "a\nb", "images": [PIXEL]},
            {
                "role": "assistant",
                "thinking": "hm",
                "tool_calls": [{"id": "t1", "function": {"name": "f", "arguments": {"a": 1}}}],
            },
            {"role": "tool", "content": "4", "tool_name": "f", "tool_call_id": "t1"},
            {"role": "user", "content": "go on"},
        ],
        "options": {"num_predict": 9, "stop": ["END"], "temperature": 0.5, "top_p": 0.9, "top_k": 5},
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
        ],
        "think": False,
    }


def test_an_image_in_a_result_follows_as_the_users() -> None:
    made = job(
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [USE]},
        {"role": "user", "content": [{**RESULT, "content": [{"type": "text", "text": "seen"}, IMAGE]}]},
        tools=[TOOL],
    )
    assert [(said["role"], said.get("content", ""), said.get("images")) for said in made["messages"]] == [
        ("user", "look", None),
        ("assistant", "", None),
        ("tool", "seen", None),
        ("user", "", [PIXEL]),
    ]


def document(source: Any, **about: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "document", "source": source, **about}]}


PLAIN = {"type": "text", "media_type": "text/plain", "data": "It rains."}
BLOCKS = {"type": "content", "content": [{"type": "text", "text": "It rains."}, {"type": "text", "text": "Still."}]}


@pytest.mark.parametrize(
    ("source", "about", "read"),
    [
        (PLAIN, {"title": None, "citations": {"enabled": False}}, "It rains."),
        (PLAIN, {"title": "Weather", "context": "Of today"}, "Weather\nOf today\nIt rains."),
        (BLOCKS, {"title": "Weather"}, "Weather\nIt rains.\nStill."),
        ({"type": "content", "content": "It rains."}, {}, "It rains."),
    ],
)
def test_a_document_that_is_text_is_read(source: dict[str, Any], about: dict[str, Any], read: str) -> None:
    said = document(source, **about)
    said["content"].append({"type": "text", "text": "Why?"})
    assert job(said)["messages"][0]["content"] == f"{read}\nWhy?"
    result = {**RESULT, "content": document(source, **about)["content"]}
    made = job({"role": "assistant", "content": [USE]}, {"role": "user", "content": [result]}, tools=[TOOL])
    assert made["messages"][1]["content"] == read


@pytest.mark.parametrize(
    ("content", "said"), [("No such city", "The tool failed:\nNo such city"), ("", "The tool failed:")]
)
def test_a_result_that_is_an_error_is_marked(content: str, said: str) -> None:
    result = {**RESULT, "content": content, "is_error": True}
    made = job({"role": "assistant", "content": [USE]}, {"role": "user", "content": [result]}, tools=[TOOL])
    assert made["messages"][1]["content"] == said


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "tool", "name": "f"}, {"tool_choice": "required", "tool_name": "f"}),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            {"tool_choice": "auto", "parallel_tool_calls": False},
        ),
    ],
)
def test_a_choice_of_tools(choice: dict[str, Any], fields: dict[str, Any]) -> None:
    made = job(tools=[TOOL], tool_choice=choice)
    assert {name: made[name] for name in made if name in ("tool_choice", "tool_name", "parallel_tool_calls")} == fields


SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


@pytest.mark.parametrize("choice", [None, {"type": "auto"}, {"type": "any"}])
def test_tools_that_anthropic_runs_or_defines_are_left_out(choice: Any) -> None:
    shell = {"type": "bash_20250124", "name": "bash"}
    made = job(tools=[SEARCH, {**TOOL, "type": "custom"}, shell], tool_choice=choice)
    assert [tool["function"]["name"] for tool in made["tools"]] == ["f"]
    assert "tools" not in job(tools=[SEARCH], tool_choice={"type": "auto"})


def test_roles_are_read_in_upper_and_lower_case() -> None:
    assert job({"role": "User", "content": "hi"})["messages"] == [{"role": "user", "content": "hi"}]


def test_twenty_stop_sequences_are_passed_on() -> None:
    words = [f"END{n}" for n in range(20)]
    assert job(stop_sequences=words)["options"]["stop"] == words


@pytest.mark.parametrize(
    ("fields", "think", "thoughts"),
    [
        ({}, False, False),
        ({"thinking": {"type": "disabled"}}, False, False),
        ({"thinking": {"type": "enabled", "budget_tokens": 1_024}}, True, True),
        ({"thinking": {"type": "enabled", "budget_tokens": 1_024, "display": "omitted"}}, True, False),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, None, True),
    ],
)
def test_a_wish_for_thoughts(fields: dict[str, Any], think: object, thoughts: bool) -> None:
    wanted = read_messages(asked(**{"max_tokens": 2_000, **fields}), 100)
    assert (wanted.to_ask().think, wanted.thoughts) == (think, thoughts)


@pytest.mark.parametrize("name", ["output_format", "output_config"])
def test_a_schema_for_the_answer(name: str) -> None:
    wish = {"type": "json_schema", "schema": {"type": "object"}}
    assert job(**{name: wish if name == "output_format" else {"format": wish}})["format"] == {"type": "object"}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no max_tokens": ({"max_tokens": None}, "max_tokens"),
    "no room": ({"max_tokens": 0}, "max_tokens"),
    "no messages": ({"messages": []}, "messages"),
    "too many messages": ({"messages": [{"role": "user", "content": "a"}] * 101}, "101"),
    "an unknown role": ({"messages": [{"role": "robot", "content": "a"}]}, "messages.0.role"),
    "an unknown block": (
        {"messages": [{"role": "user", "content": [{"type": "video"}]}]},
        "messages.0.content.0.type",
    ),
    "a document of nothing": (
        {"messages": [document(None)]},
        "messages.0.content: Value error, a document is sent as text",
    ),
    "a PDF": ({"messages": [document({"type": "base64", "media_type": "application/pdf", "data": "AA=="})]}, "as text"),
    "a remote document": ({"messages": [document({"type": "url", "url": "http://127.0.0.1/a"})]}, "as text"),
    "a document that is a number": ({"messages": [document({"type": "text", "data": 7})]}, "messages.0.content.0.text"),
    "a document in a document": (
        {"messages": [document({"type": "content", "content": [{"type": "document"}]})]},
        "messages.0.content.0.type",
    ),
    "a block without its field": (
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "needs the field text",
    ),
    "a user's tool_use": (
        {"messages": [{"role": "user", "content": [USE]}]},
        "role user has no block of type tool_use",
    ),
    "a result without a call": ({"messages": [{"role": "user", "content": [RESULT]}]}, "needs its tool_use"),
    "a result before its call": (
        {"messages": [{"role": "user", "content": [RESULT]}, {"role": "assistant", "content": [USE]}]},
        "needs its tool_use",
    ),
    "a remote image": (
        {
            "messages": [
                {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "http://127.0.0.1/a"}}]}
            ]
        },
        "never fetched",
    ),
    "an image that is none": (
        {"messages": [{"role": "user", "content": [{**IMAGE, "source": {**IMAGE["source"], "data": "aGVsbG8="}}]}]},  # type: ignore[dict-item]
        "not an image",
    ),
    "a choice of a server's tool": (
        {"tools": [TOOL, SEARCH], "tool_choice": {"type": "tool", "name": "web_search"}},
        "one of the tools that describe their input",
    ),
    "a choice where no tool is left": ({"tools": [SEARCH], "tool_choice": {"type": "any"}}, "tool_choice needs tools"),
    "a server's tool without a name": ({"tools": [TOOL, {"type": "bash_20250124"}]}, "tools.1.name"),
    "more stop sequences than anybody takes": ({"stop_sequences": ["x"] * 257}, "stop_sequences"),
    "a tool without a schema": ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
    "a choice without tools": ({"tool_choice": {"type": "any"}}, "tool_choice needs tools"),
    "a choice of no tool": ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "one of the tools"),
    "a budget below the least": ({"thinking": {"type": "enabled", "budget_tokens": 9}}, "budget_tokens"),
    "a budget past the answer": ({"thinking": {"type": "enabled", "budget_tokens": 5_000}}, "less than max_tokens"),
    "a temperature over one": ({"temperature": 1.5}, "temperature"),
    "servers of tools": ({"mcp_servers": [{"type": "url"}]}, "mcp_servers"),
    "a schema that is none": (
        {"output_format": {"type": "json_schema", "schema": {"type": "banana"}}},
        "schema.type must be one of",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_refused(name: str) -> None:
    fields, says = WRONG[name]
    with pytest.raises(Invalid) as raised:
        read_messages(asked(**fields), 100)
    assert says in raised.value.message
