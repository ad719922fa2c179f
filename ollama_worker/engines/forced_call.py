"""`tool_choice` for engines that do not know it: a call is forced by structured output, and sent on as a call.

    none                 the tools are left out
    required, or a name  the answer must be JSON `{"name", "arguments"}` of one of the tools (or of that one)
    parallel: false      calls after the first are dropped

A forced call needs no model that was trained to call tools, only an engine that keeps to a schema.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import orjson

from ollama_worker.engines.base import EngineError, Finished, Item, Piece, RequestRefused
from ollama_worker.engines.held import Held
from ollama_worker.engines.system_messages import with_order
from ollama_worker.engines.tool_calls import name_of
from wire.records import JobRequest

Generate = Callable[[JobRequest], AsyncGenerator[Item]]

ORDER = (
    "You answer by calling one of these tools, and with nothing else. Write one JSON object with the tool's `name` "
    "and its `arguments`, which fit the tool's schema:\n"
)


def steered(ask: JobRequest, generate: Generate) -> AsyncIterator[Item]:
    """The answer to `ask`, with its choice of tools kept, although `generate` knows no choice."""
    stream = generate(as_sent(ask))
    if ask.tools and ask.tool_choice == "required":
        return _as_call(stream)
    return at_most_one_call(ask, stream)


def as_sent(ask: JobRequest) -> JobRequest:
    """The ask for an engine that knows no choice of tools. Raises `RequestRefused`."""
    if not ask.tools or ask.tool_choice in (None, "auto"):
        return ask
    if ask.tool_choice == "none":
        return ask.model_copy(update={"tools": None})
    return forced(ask)


def at_most_one_call(ask: JobRequest, stream: AsyncGenerator[Item]) -> AsyncIterator[Item]:
    """`stream`, with only the first of its calls where the ask allows no more."""
    return _first_call(stream) if ask.tools and ask.parallel_tool_calls is False else stream


def forced(ask: JobRequest) -> JobRequest:
    """The ask, to be answered with the JSON of a call. Raises `RequestRefused` where no tool has the chosen name."""
    tools = [tool for tool in ask.tools or () if ask.tool_name in (None, name_of(tool))]
    if not tools:
        raise RequestRefused(f"The request names no tool {ask.tool_name!r}: choose one of its tools")
    schemas = b"\n".join(orjson.dumps(tool.get("function")) for tool in tools).decode()
    changes = {"tools": None, "tool_choice": None, "format": schema_of(tools)}
    return ask.model_copy(update={**changes, "messages": with_order(ORDER + schemas, ask.messages)})


def schema_of(tools: list[dict[str, Any]], answer: dict[str, Any] | None = None) -> dict[str, Any]:
    """A JSON schema that is satisfied by a call of one of the tools, or by an answer of that schema, and nothing
    else."""
    shared: dict[str, Any] = {}
    ways = [_call_schema(tool, f"tool{n}_", shared) for n, tool in enumerate(tools)]
    if answer is not None:
        ways.append(_within(answer, "answer_", shared))
    schema = ways[0] if len(ways) == 1 else {"anyOf": ways}
    return schema | ({"$defs": shared} if shared else {})


def _within(schema: dict[str, Any], prefix: str, shared: dict[str, Any]) -> dict[str, Any]:
    """A schema as a part of another. Its definitions move to `shared`, since references count from the root."""
    for place in ("$defs", "definitions"):
        for name, part in (schema.get(place) or {}).items():
            shared[prefix + name] = _moved(part, prefix)
    own = {name: part for name, part in schema.items() if name not in ("$defs", "definitions", "$schema")}
    return {name: _moved(part, prefix) for name, part in own.items()} | _reference(own, prefix)


def _reference(schema: dict[str, Any], prefix: str) -> dict[str, str]:
    reference = schema.get("$ref")
    return {"$ref": f"#/$defs/{prefix}{reference.rpartition('/')[2]}"} if isinstance(reference, str) else {}


def _call_schema(tool: dict[str, Any], prefix: str, shared: dict[str, Any]) -> dict[str, Any]:
    arguments = _within((tool.get("function") or {}).get("parameters") or {"type": "object"}, prefix, shared)
    return {
        "type": "object",
        "properties": {"name": {"type": "string", "enum": [name_of(tool)]}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _moved(schema: Any, prefix: str) -> Any:
    """The schema with its references pointing at the shared definitions."""
    if isinstance(schema, list):
        return [_moved(part, prefix) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _moved(part, prefix) for name, part in schema.items()} | _reference(schema, prefix)


async def _first_call(stream: AsyncGenerator[Item]) -> AsyncGenerator[Item]:
    called = False
    async with aclosing(stream):
        async for item in stream:
            if isinstance(item, Piece) and item.tool_calls:
                item = item._replace(tool_calls=None if called else item.tool_calls[:1])
                called = True
            yield item


async def _as_call(stream: AsyncGenerator[Item]) -> AsyncGenerator[Item]:
    """The answer, with its text as a call at its end. Thoughts come as they are."""
    held = Held()
    async with aclosing(stream):
        async for item in stream:
            if isinstance(item, Finished):
                if call := _call_in(held.taken(), item.reason):
                    yield Piece(tool_calls=[call], tokens=max(1, held.tokens))
                yield item._replace(reason="tool_calls") if call else item
                return
            if isinstance(item, Piece) and item.text:
                held.add(item)
                item = item._replace(text="", tokens=0)
            if not isinstance(item, Piece) or item.thinking:
                yield item


def _call_in(text: str, reason: str) -> dict[str, Any] | None:
    """The call that a text spells; None where the budget cut it off. Raises `EngineError` for any other text."""
    try:
        call = orjson.loads(text)
        return {"function": {"name": str(call["name"]), "arguments": dict(call["arguments"])}}
    except (ValueError, TypeError, KeyError) as error:
        if reason == "length":
            return None
        raise EngineError("The model called no tool although it was made to: its engine keeps to no schema") from error
