"""What the scripted engine answers, by rules: it calls tools that a prompt names, fills schemas, describes pictures.

In this order: an order (`scripted_orders`); tools; a format; the results of tools; pictures; else an echo. The same
question has the same answer, but for `say something random`, which a seed decides.
"""

from __future__ import annotations

import json
import random
import re
from typing import Any, NamedTuple

from bench.scripted_orders import Fault, order_in
from bench.scripted_question import Question, ScriptedMessage, Tool
from bench.scripted_schema import Offer, instance_of
from bench.scripted_sight import look_at

EACH = re.compile(r"\beach of:? (.+?)[.?!]*$", re.IGNORECASE | re.MULTILINE)
APART = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+")
KEYS = re.compile(r"(['\"])(\w+)\1")
COMMON = {
    "get",
    "set",
    "my",
    "tool",
    "function",
    "the",
    "a",
    "an",
    "of",
    "in",
    "for",
    "to",
    "do",
    "no",
    "args",
    "create",
}
RANDOM_WORDS = ("amber", "birch", "cobalt", "dune", "ember", "fjord", "grove", "heron", "iris", "jade", "kelp", "lunar")


class Call(NamedTuple):
    name: str
    arguments: dict[str, Any]


class Reply(NamedTuple):
    text: str = ""
    thought: str = ""
    calls: tuple[Call, ...] = ()
    fault: Fault | None = None


def answer(question: Question) -> Reply:
    thought = (
        f"The user wrote {len(question.user_text.split())} words. My rules tell the answer." if question.think else ""
    )
    if order := order_in(question.user_text):
        return Reply(order.text, thought, fault=order.fault)
    if calls := calls_for(question):
        return Reply("", thought, calls)
    return Reply(spoken(question), thought)


def spoken(question: Question) -> str:
    if question.format is not None:
        return json.dumps(filled(question), ensure_ascii=False)
    if results := results_of(question):
        return f"The tools say: {'; '.join(results)}"
    if pictures := pictures_of(question):
        return f"I see {' and '.join(pictures)}."
    if "something random" in question.user_text:
        return " ".join(_chance(question).choices(RANDOM_WORDS, k=6))
    if question.suffix:
        return f" what stands before {question.suffix.strip()[:40]} "
    return f"You said: {question.user_text}" if question.user_text else "Hello, you."


def _chance(question: Question) -> random.Random:
    """The same number for the same question without a temperature, or with a seed."""
    return random.Random(question.seed if question.seed is not None or question.temperature else 0)


# Tools


def calls_for(question: Question) -> tuple[Call, ...]:
    """The calls for a question. A tool's result as the last message is answered in words, unless a call is required."""
    tools = {tool.name: tool for tool in question.tools}
    if question.choice in tools:
        chosen = [tools[question.choice]]
    elif question.choice == "none" or (question.choice == "auto" and results_of(question)):
        return ()
    else:
        named = [tool for tool in question.tools if is_named(tool, question.user_text)]
        chosen = named or (list(question.tools[:1]) if question.choice == "required" else [])
    calls = [call for tool in chosen for call in calls_of(tool, question.user_text)]
    return tuple(calls if question.parallel else calls[:1])


def is_named(tool: Tool, text: str) -> bool:
    """Whether the text names the tool, or has a distinctive word of the tool's name."""
    if tool.name in text:
        return True
    words = set(re.findall(r"[a-z]+", text.lower()))
    return bool(words & (set(re.findall(r"[a-z]+", tool.name.lower())) - COMMON))


def calls_of(tool: Tool, text: str) -> list[Call]:
    """One call; a call for each item listed behind `each of`; or the call that the text spells out: `name(3)`."""
    if listed := EACH.search(text):
        return [Call(tool.name, arguments_for(tool, f'"{item}"')) for item in APART.split(listed[1]) if item]
    written = re.search(re.escape(tool.name) + r"\(([^)]*)\)", text)
    return [Call(tool.name, arguments_for(tool, written[1] if written and written[1] else text))]


def arguments_for(tool: Tool, text: str) -> dict[str, Any]:
    made = instance_of({"type": "object", **tool.parameters}, Offer(text))
    return made if isinstance(made, dict) else {}


# What the engine reads and sees


def results_of(question: Question) -> list[str]:
    """The texts of the tools' messages, when those are the last."""
    results: list[str] = []
    for message in reversed(question.messages):
        if message.role != "tool":
            break
        results.insert(0, message.text)
    return results


def pictures_of(question: Question) -> list[str]:
    """The pictures of the last message with any words of the user or of a tool."""
    last = next(
        (message for message in reversed(question.messages) if message.role in ("user", "tool")),
        ScriptedMessage("user"),
    )
    return [str(look_at(image) or "something that is no picture") for image in last.images]


def chosen(ways: list[dict[str, Any]], question: Question) -> dict[str, Any]:
    """Of several schemas that of a named tool's call, unless tools have just answered; else one of no tool."""
    calls = {str(_called(way)): way for way in ways if _called(way)}
    named = [way for name, way in calls.items() if is_named(Tool(name, {}), question.user_text)]
    others = [way for way in ways if not _called(way)]
    return ((others or named or ways) if results_of(question) else (named or others or ways))[0]


def _called(way: dict[str, Any]) -> str | None:
    """The tool whose call has this schema: `{"name": one, "arguments": …}`."""
    parts = way.get("properties") or {}
    named = (parts.get("name") or {}).get("enum") or [None]
    return named[0] if "arguments" in parts else None


def filled(question: Question) -> Any:
    """The schema's instance; for `json` an object with the keys that the prompt quotes."""
    if isinstance(question.format, dict):
        ways = question.format.get("anyOf")
        schema = question.format | chosen(ways, question) if ways else question.format
        return instance_of({name: part for name, part in schema.items() if name != "anyOf"}, Offer(question.user_text))
    keys = [name for _, name in KEYS.findall(question.user_text)]
    return {key: f"the {key}" for key in keys} or {"answer": question.user_text}
